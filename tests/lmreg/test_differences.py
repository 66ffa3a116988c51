import pytest
import torch

from lmreg.differences import central_gradient


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
