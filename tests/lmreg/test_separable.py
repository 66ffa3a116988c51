import pytest
import torch

from lmreg.bspline import bspline_basis
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


def test_slabs_add_up(monkeypatch: pytest.MonkeyPatch):
    basis = basis_of((13, 11), (2, 1))
    weights = random(3, 13, 11)
    whole = basis.gram(lambda rows: weights[:, rows])
    monkeypatch.setattr("lmreg.blocks.CACHED_POINTS", 25)
    torch.testing.assert_close(basis.gram(lambda rows: weights[:, rows]), whole)
