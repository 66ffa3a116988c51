from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lmreg.differences import (
    backward_adjoint,
    backward_difference,
    central_gradient,
    forward_adjoint,
    forward_difference,
)


@pytest.mark.parametrize(
    ("difference", "adjoint"),
    [(forward_difference, forward_adjoint), (backward_difference, backward_adjoint)],
)
@pytest.mark.parametrize("shape", [(4, 5), (1, 6), (3, 4, 2)])
def test_adjoints(
    difference: Callable[[Tensor, int], Tensor],
    adjoint: Callable[[Tensor, int], Tensor],
    shape: tuple[int, ...],
) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(2))
    for axis in range(len(shape)):
        forth = (difference(first, axis) * second).sum()
        back = (first * adjoint(second, axis)).sum()
        torch.testing.assert_close(forth, back)


def test_one_sided_differences_of_a_ramp() -> None:
    ramp = torch.arange(4.0) ** 2
    torch.testing.assert_close(forward_difference(ramp, 0), torch.tensor([1.0, 3, 5, 0]))
    torch.testing.assert_close(backward_difference(ramp, 0), torch.tensor([0.0, 1, 3, 5]))


@pytest.mark.parametrize("shape", [(6, 7), (5, 1, 4), (2, 3, 6)])
def test_gradient_agrees_with_torch(shape: tuple[int, ...]) -> None:
    images = torch.randn(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gradient = central_gradient(images)
    for axis, samples in enumerate(shape):
        if samples == 1:
            assert not gradient[:, axis].any()
        else:
            (expected,) = torch.gradient(images, dim=axis + 1)
            torch.testing.assert_close(gradient[:, axis], expected)


@pytest.mark.parametrize("shape", [(2, 5, 6), (1, 1, 4), (3, 2, 3, 4)])
def test_central_gradient_has_its_adjoint(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(central_gradient, image)
