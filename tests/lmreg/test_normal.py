import pytest
import torch

from lmreg.normal import BlendedEquations, DenseEquations, MatrixFreeEquations, SpectralEquations


def symmetric(values: list[float], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(
        torch.randn(len(values), len(values), generator=generator, dtype=torch.float64)
    )
    return basis @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ basis.T


RIGHT = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)


@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_dense_and_conjugate_gradients_agree(damping: float):
    matrix = symmetric([5.0, 2.0, 1.0, 0.5])
    dense = DenseEquations(matrix).solve(RIGHT, damping)
    free = MatrixFreeEquations(lambda v: matrix @ v, matrix.diagonal(), 50, 1e-12).solve(RIGHT, damping)
    expected = torch.linalg.solve(matrix + damping * torch.diag(matrix.diagonal()), RIGHT)
    torch.testing.assert_close(dense, expected)
    torch.testing.assert_close(free, expected)


def test_an_indefinite_matrix_is_refused():
    matrix = symmetric([5.0, 2.0, 1.0, -0.5])
    assert DenseEquations(matrix).solve(RIGHT, 0.0) is None
    assert (
        MatrixFreeEquations(lambda v: matrix @ v, torch.ones(4).double(), 50, 1e-12).solve(RIGHT, 0.0) is None
    )


def test_spectral_step_is_newton_where_the_exact_matrix_curves_upwards():
    exact, gauss_newton = symmetric([4.0, 1.5, 0.9, 0.4]), symmetric([5.0, 2.0, 1.0, 0.5], seed=1)
    step = SpectralEquations(exact, gauss_newton).solve(RIGHT, 0.0)
    torch.testing.assert_close(step, torch.linalg.solve(exact, RIGHT))


def test_spectral_step_descends_where_the_exact_matrix_curves_downwards():
    exact, gauss_newton = symmetric([4.0, 1.5, -0.9, -0.001]), symmetric([5.0, 2.0, 1.0, 0.5])
    equations = SpectralEquations(exact, gauss_newton)
    step = equations.solve(RIGHT, 1e-3)
    trusted = equations.solve(RIGHT, 1e-6)
    assert step is not None
    assert trusted is not None
    assert float(step @ RIGHT) > 0
    assert equations.promise(RIGHT, step) > 0
    assert float(trusted.norm()) > 5 * float(step.norm())
    bolder = torch.linalg.solve(gauss_newton, RIGHT).norm() / 0.02
    assert float(step.norm()) < float(bolder)


def test_blend_takes_as_little_of_gauss_newton_as_makes_it_definite() -> None:
    right = torch.tensor([1.0, 1.0], dtype=torch.float64)
    guide = torch.diag(torch.tensor([4.0, 2.0], dtype=torch.float64))
    for curvature, expected in ((3.0, 3.0), (-1.0, 0.25), (-8.0, 1.0), (-13.0, 4.0)):
        exact = torch.diag(torch.tensor([curvature, 2.0], dtype=torch.float64))
        step = BlendedEquations(exact, guide).solve(right, 0.0)
        torch.testing.assert_close(step, torch.tensor([1 / expected, 0.5], dtype=torch.float64))


def test_blend_promises_a_decrease_and_reports_a_singular_matrix() -> None:
    right = torch.tensor([1.0, 0.0], dtype=torch.float64)
    guide = torch.diag(torch.tensor([1.0, 0.0], dtype=torch.float64))
    stiff = BlendedEquations(torch.diag(torch.tensor([4.0, 0.0], dtype=torch.float64)), guide)
    assert stiff.solve(right, 0.0) is None
    # The exact model rises along this step, the Gauss-Newton one falls by half.
    assert stiff.promise(right, right) == pytest.approx(0.5)
