import pytest
import torch

from lmreg.differences import central_gradient, central_gradient_of_rows


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


@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 3), slice(2, 4), slice(4, 6), slice(0, 6)])
def test_rows_know_of_their_neighbours(rows: slice) -> None:
    images = torch.randn(2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(central_gradient_of_rows(images, rows), central_gradient(images)[:, :, rows])
