import pytest
import torch

from lmreg.bspline import bspline_basis
from lmreg.grid import Grid
from lmreg.penalty import Quadratic, anchor, bending_energy, mean_spacing_mm

ELEMENTS = (3, 2)
GRID = Grid.from_spacing((401, 301), (0.5, 0.5))


def control_points(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_bending_energy_agrees_with_differences_of_the_field():
    state = control_points()
    field = bspline_basis(GRID.shape, ELEMENTS, torch.float64, torch.device("cpu")).evaluate(state) * 0.5
    step = 0.5
    second = (
        (field[:, 2:, 1:-1] - 2 * field[:, 1:-1, 1:-1] + field[:, :-2, 1:-1]) / step**2,
        (field[:, 1:-1, 2:] - 2 * field[:, 1:-1, 1:-1] + field[:, 1:-1, :-2]) / step**2,
        (field[:, 2:, 2:] - field[:, 2:, :-2] - field[:, :-2, 2:] + field[:, :-2, :-2]) / (4 * step**2),
    )
    energy = (
        sum(weight * part.square().sum(0).mean() for weight, part in zip((1, 1, 2), second, strict=True))
        * mean_spacing_mm(GRID, ELEMENTS) ** 2
    )
    form = bending_energy(GRID, ELEMENTS)
    assert float((state * form.product(state)).sum()) == pytest.approx(float(energy), rel=0.02)


def test_an_affine_displacement_does_not_bend():
    rows = torch.arange(6, dtype=torch.float64)[:, None] * torch.ones(5, dtype=torch.float64)
    state = torch.stack([2 + 3 * rows, 1 - rows])
    assert float(bending_energy(GRID, ELEMENTS).product(state).abs().max()) == pytest.approx(0, abs=1e-9)


def test_it_is_the_same_for_any_unit_of_length():
    larger = Grid.from_spacing(GRID.shape, (5.0, 5.0))
    state = control_points()
    torch.testing.assert_close(
        bending_energy(larger, ELEMENTS).product(state), bending_energy(GRID, ELEMENTS).product(state)
    )


def test_matrix_diagonal_and_product_are_of_one_form():
    penalty = Quadratic(bending_energy(GRID, ELEMENTS), anchor(GRID, ELEMENTS), torch.tensor(0.3).double())
    state = control_points(1)
    energy, gradient = penalty.evaluate(state)
    flat = state.reshape(-1)
    torch.testing.assert_close(penalty.matrix() @ flat, gradient.reshape(-1))
    torch.testing.assert_close(penalty.matrix().diagonal(), penalty.diagonal(state))
    torch.testing.assert_close(0.5 * flat @ penalty.matrix() @ flat, energy)
    assert float(torch.linalg.eigvalsh(penalty.matrix()).min()) > 0
