import math

import pytest
import torch

from lmreg.banded import BandedMatrix, apply_along_axis
from lmreg.bspline import bspline_basis
from lmreg.nodes import NodeGrid
from lmreg.separable import SeparableBasis, apply_along_axes, symmetric_pairs

CASES = [((13, 11), (2, 1)), ((7, 6, 5), (1, 2, 1))]


def basis_of(shape: tuple[int, ...], elements: tuple[int, ...]) -> SeparableBasis:
    return bspline_basis(shape, elements, torch.float64, torch.device("cpu"))


def dense(basis: SeparableBasis) -> torch.Tensor:
    """All functions as rows over the flattened grid."""
    identity = torch.eye(basis.size, dtype=torch.float64).reshape(basis.size, *basis.shape)
    return basis.evaluate(identity).reshape(basis.size, -1)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_apply_along_axes_is_a_kronecker_product():
    first, second = random(4, 3), random(5, 6, seed=1)
    tensor = random(2, 3, 6, seed=2)
    expected = torch.kron(first, second) @ tensor.reshape(2, -1, 1)
    torch.testing.assert_close(apply_along_axes(tensor, [first, second]).reshape(2, -1, 1), expected)


@pytest.mark.parametrize(("shape", "elements"), CASES)
def test_adjoint_is_the_transpose(shape: tuple[int, ...], elements: tuple[int, ...]):
    basis = basis_of(shape, elements)
    field = random(2, *shape)
    expected = field.reshape(2, -1) @ dense(basis).T
    torch.testing.assert_close(basis.adjoint(field).reshape(2, -1), expected)
    torch.testing.assert_close(basis.adjoint_of(lambda rows: field[:, rows]).reshape(2, -1), expected)
    torch.testing.assert_close(
        basis.squared_adjoint(field).reshape(2, -1), field.reshape(2, -1) @ (dense(basis) ** 2).T
    )


@pytest.mark.parametrize(("shape", "elements"), CASES)
def test_gram_is_the_weighted_product_of_all_functions(shape: tuple[int, ...], elements: tuple[int, ...]):
    basis, dim = basis_of(shape, elements), len(shape)
    pairs = symmetric_pairs(dim)
    weights = random(len(pairs), *shape)
    functions = dense(basis)
    blocks = {pair: functions * weights[k].reshape(-1) @ functions.T for k, pair in enumerate(pairs)}
    rows = [torch.cat([blocks[min(a, b), max(a, b)] for b in range(dim)], dim=1) for a in range(dim)]
    torch.testing.assert_close(basis.gram(lambda part: weights[:, part]), torch.cat(rows))


@pytest.mark.parametrize(("shape", "elements"), CASES)
def test_slabs_add_up(shape: tuple[int, ...], elements: tuple[int, ...], monkeypatch: pytest.MonkeyPatch):
    basis = basis_of(shape, elements)
    weights = random(len(symmetric_pairs(len(shape))), *shape)
    whole = basis.gram(lambda rows: weights[:, rows]), basis.adjoint_of(lambda rows: weights[:, rows])
    monkeypatch.setattr("lmreg.blocks.SLAB_POINTS", 2 * math.prod(shape[1:]) + 1)
    assert [rows.stop - rows.start for rows in basis.slabs] == [2] * (shape[0] // 2) + [1]
    torch.testing.assert_close(basis.gram(lambda rows: weights[:, rows]), whole[0])
    torch.testing.assert_close(basis.adjoint_of(lambda rows: weights[:, rows]), whole[1])


@pytest.mark.parametrize("shape", [(90, 70), (40, 35, 33)])
def test_rows_of_fields_and_sums_over_them_are_those_of_the_whole_grid(shape: tuple[int, ...]):
    like = torch.zeros(1, dtype=torch.float64)
    basis = NodeGrid.spread(shape, (2.0, 1.0, 1.0)[: len(shape)], like).smooth
    coefficients, field = random(2, *basis.shape), random(2, *shape, seed=1)
    rows = slice(11, 30)
    expected = basis.evaluate(coefficients)[:, rows]
    torch.testing.assert_close(basis.evaluate_rows(coefficients, rows), expected)
    torch.testing.assert_close(basis.adjoint_of(lambda rows: field[:, rows]), basis.adjoint(field))


@pytest.mark.parametrize(("rows", "columns"), [(100, 50), (50, 100), (70, 64), (20, 3)])
def test_a_banded_matrix_multiplies_like_the_whole(rows: int, columns: int):
    centres = torch.linspace(0, columns - 1, rows, dtype=torch.float64)[:, None]
    matrix = (3.0 - (torch.arange(columns) - centres).abs()).clamp_min(0)
    banded = BandedMatrix.of(matrix)
    tensor = random(2, columns, columns + 1, columns)
    for position in (1, 3):
        product = apply_along_axis(tensor, matrix, position)
        torch.testing.assert_close(banded.along(tensor, position), product)
    assert (sum(block.numel() for block in banded.blocks) < 0.7 * matrix.numel()) == (columns > 32)
