import pytest
import torch

from lmreg.elasticity import SMALLEST_JACOBIAN, Elasticity, barrier, determinant

SHAPES = [(5, 6), (4, 5, 3), (5, 1, 4)]


def elasticity(dim: int) -> Elasticity:
    return Elasticity(0.3, 0.7, 0.01, (2.0, 1.5, 1.8)[:dim], (1.0, 2.0, 0.5)[:dim])


def field(shape: tuple[int, ...], seed: int, size: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(len(shape), *shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_and_hessian_against_differences(shape: tuple[int, ...]) -> None:
    energy = elasticity(len(shape))
    state, step = field(shape, 0, 0.2), field(shape, 1, 1.0)
    small = 1e-6
    ahead, behind = (energy.evaluate(state + sign * small * step) for sign in (1, -1))
    gradient = energy.evaluate(state)[1]
    assert float((gradient * step).sum()) == pytest.approx(
        float(ahead[0] - behind[0]) / (2 * small), rel=1e-6
    )
    torch.testing.assert_close(
        energy.product(state, step), (ahead[1] - behind[1]) / (2 * small), rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_diagonal_bounds_that_of_the_undeformed_hessian(shape: tuple[int, ...]) -> None:
    energy = elasticity(len(shape))
    state = torch.zeros(len(shape), *shape, dtype=torch.float64)
    units = torch.eye(state.numel(), dtype=torch.float64)
    exact = torch.stack(
        [energy.product(state, unit).reshape(-1)[number] for number, unit in enumerate(units)]
    )
    assert bool((exact <= energy.diagonal(state) * (1 + 1e-9)).all())


def test_divergences_of_a_square_are_its_one_sided_differences() -> None:
    ramp = torch.arange(4, dtype=torch.float64) ** 2
    unit = Elasticity(0.0, 1.0, 1.0, (2.0, 1.0), (1.0, 1.0))
    forward, backward = unit.divergences(torch.stack([ramp[:, None], torch.zeros(4, 1, dtype=torch.float64)]))
    torch.testing.assert_close(forward[:, 0], torch.tensor([0.5, 1.5, 2.5, 0], dtype=torch.float64))
    torch.testing.assert_close(backward[:, 0], torch.tensor([0, 0.5, 1.5, 2.5], dtype=torch.float64))


@pytest.mark.parametrize("shape", SHAPES)
def test_divergences_and_their_adjoint(shape: tuple[int, ...]) -> None:
    energy = elasticity(len(shape))
    step = field(shape, 0, 1.0)
    forward, backward = field(shape, 1, 1.0)[:2]
    ahead, behind = energy.divergences(step)
    expected = (ahead * forward + behind * backward).sum()
    torch.testing.assert_close((step * energy.divergences_adjoint(forward, backward)).sum(), expected)


def test_scaling_has_the_energy_of_its_jacobian() -> None:
    nodes = torch.stack(torch.meshgrid(*[torch.arange(6, dtype=torch.float64)] * 2, indexing="ij"))
    energy = Elasticity(0.0, 1.0, 1.0, (1.0, 1.0), (1.0, 1.0))
    forward, backward = energy.jacobians(0.25 * nodes)
    torch.testing.assert_close(forward[:-1, :-1], torch.full((5, 5), 1.25**2, dtype=torch.float64))
    torch.testing.assert_close(backward[1:, 1:], torch.full((5, 5), 1.25**2, dtype=torch.float64))


def test_energy_of_a_displacement_does_not_depend_on_the_unit_of_length() -> None:
    state = field((5, 6), 0, 0.2)
    same = Elasticity(0.3, 0.7, 0.01, (2.0, 1.5), (3.0, 6.0)).energy(state)
    torch.testing.assert_close(elasticity(2).energy(state), same)


def test_barrier() -> None:
    values = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    torch.testing.assert_close(barrier(values), torch.cosh(values.log()) - 1)
    near = torch.tensor(
        [SMALLEST_JACOBIAN - 1e-7, SMALLEST_JACOBIAN + 1e-7], dtype=torch.float64, requires_grad=True
    )
    (slope,) = torch.autograd.grad(barrier(near).sum(), near)
    torch.testing.assert_close(slope[0], slope[1], rtol=1e-3, atol=0)
    assert float(barrier(torch.tensor(-1.0))) > float(barrier(torch.tensor(0.0))) > 10


@pytest.mark.parametrize("dim", [2, 3])
def test_determinant(dim: int) -> None:
    matrices = torch.randn(7, dim, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = [[matrices[:, a, b] for b in range(dim)] for a in range(dim)]
    torch.testing.assert_close(determinant(rows), torch.linalg.det(matrices))
