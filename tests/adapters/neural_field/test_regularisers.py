"""Regularisers of fields in closed form have known values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from adapters.neural_field.regularisers import bending, gradient_inverse_consistency, inverse_consistency


def points(dimension: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return 2 * torch.rand(50, dimension, generator=random, dtype=torch.float64) - 1


def linear(matrix: Tensor, offset: float = 0.0):
    """The displacement of x ↦ matrix · x + offset."""
    return lambda at: at @ (matrix - torch.eye(len(matrix), dtype=matrix.dtype)).mT + offset


def matrices(dimension: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    first, second = torch.randn(2, dimension, dimension, generator=random, dtype=torch.float64)
    identity = torch.eye(dimension, dtype=torch.float64)
    return identity + 0.1 * first, identity + 0.1 * second


@pytest.mark.parametrize("dimension", [2, 3])
def test_bending_counts_pure_and_mixed_derivatives(dimension: int) -> None:
    def field(at: Tensor) -> Tensor:
        x, y = at[..., 0], at[..., 1]
        rest = [torch.zeros_like(x)] * (dimension - 2)
        return torch.stack([1.5 * x**2 + y, 2 * x * y, *rest], dim=-1)

    assert float(bending(field, points(dimension), 0.01)) == pytest.approx(3.0**2 + 2 * 2.0**2)
    first, _ = matrices(dimension)
    assert float(bending(linear(first, 0.3), points(dimension), 0.01)) == pytest.approx(0, abs=1e-18)


@pytest.mark.parametrize("dimension", [2, 3])
def test_inverse_consistency_is_the_squared_distance_after_both_ways(dimension: int) -> None:
    first, second = matrices(dimension)
    at = points(dimension)
    there_and_back = at @ (second @ first).mT
    expected = (there_and_back - at).square().sum(1).mean()
    assert float(inverse_consistency(linear(first), linear(second), at)) == pytest.approx(float(expected))
    inverse = torch.linalg.inv(first)
    assert float(inverse_consistency(linear(first), linear(inverse), at)) == pytest.approx(0, abs=1e-25)


@pytest.mark.parametrize("dimension", [2, 3])
def test_gradient_inverse_consistency_is_that_of_the_jacobian_and_blind_to_translation(
    dimension: int,
) -> None:
    first, second = matrices(dimension)
    expected = (second @ first - torch.eye(dimension, dtype=torch.float64)).square().sum()
    for offset in (0.0, 0.4):
        found = gradient_inverse_consistency(linear(first, offset), linear(second), points(dimension), 0.01)
        assert float(found) == pytest.approx(float(expected))


def test_gradient_inverse_consistency_composes_in_the_order_of_its_arguments() -> None:
    """With fields that do not commute, where they are nonlinear, against automatic differentiation."""

    def first(at: Tensor) -> Tensor:
        return torch.stack([0.2 * torch.sin(3 * at[..., 1]), 0.1 * at[..., 0] ** 2], dim=-1)

    def second(at: Tensor) -> Tensor:
        return torch.stack([0.1 * at[..., 1] ** 2, -0.2 * torch.cos(2 * at[..., 0])], dim=-1)

    def composed(at: Tensor) -> Tensor:
        middle = at + first(at)
        return middle + second(middle) - at

    at = points(2)
    jacobian = torch.func.vmap(torch.func.jacrev(composed))(at)
    expected = float(jacobian.square().sum((1, 2)).mean())
    assert float(gradient_inverse_consistency(first, second, at, 1e-6)) == pytest.approx(expected, rel=1e-4)
