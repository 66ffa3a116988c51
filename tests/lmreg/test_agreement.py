"""The same registration in other ways: other precision, other device, other parameters, again."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from torch import Tensor

import lmreg
from lmreg.linear import generators

Pairs = Callable[..., tuple[Tensor, Tensor]]
LINEAR = ["translation", "rigid", "similarity", "affine"]
MODELS = [*LINEAR, "bspline", "diffeomorphic"]


def error(warped: Tensor, fixed: Tensor) -> float:
    return float((warped.double().cpu() - fixed).square().mean().sqrt())


@pytest.mark.parametrize("model", MODELS)
def test_single_precision_agrees_with_double(model, deformed_pair: Pairs):
    fixed, moving = deformed_pair((56, 52), displacement_voxels=2.0, residual=0.1)
    double, single = (
        lmreg.register(fixed.to(dtype), moving.to(dtype), model=model, levels=3)
        for dtype in (torch.float64, torch.float32)
    )
    errors = error(double.warped, fixed), error(single.warped, fixed)
    assert abs(errors[0] - errors[1]) < 1e-4 * errors[0]


@pytest.mark.parametrize("model", MODELS)
def test_forward_is_the_same_bit_for_bit_every_time_and_with_every_adjoint(model, deformed_pair: Pairs):
    fixed, moving = (image.float() for image in deformed_pair((40, 36), residual=0.1))
    plain = lmreg.register(fixed, moving, model=model, levels=2)
    again = lmreg.register(fixed, moving, model=model, levels=2)
    adjoints: list[lmreg.Adjoint] = [lmreg.Truncated(2), lmreg.Unroll()]
    if model != "diffeomorphic":
        adjoints += [lmreg.Implicit(), lmreg.Implicit("gauss_newton")]
    tracked = [
        lmreg.register(fixed, moving.clone().requires_grad_(), model=model, levels=2, adjoint=adjoint)
        for adjoint in adjoints
    ]
    for other in (again, *tracked):
        assert torch.equal(other.warped, plain.warped)
        assert torch.equal(other.parameters, plain.parameters)
        assert torch.equal(other.displacement, plain.displacement)


@pytest.mark.parametrize("kind", LINEAR)
@pytest.mark.parametrize("shape", [(30, 28), (16, 15, 14)])
def test_composed_steps_find_the_minimum_of_added_parameters(shape, kind, deformed_pair: Pairs):
    """A forward-additive least-squares solver over the coordinates of the Lie algebra, by finite differences."""
    fixed, moving = deformed_pair(shape, residual=0.1)
    result = lmreg.register(fixed, moving, model=kind, levels=2, tolerance=1e-16, iterations=200)
    dim = len(shape)
    centre = torch.tensor([(n - 1) / 2 for n in shape], dtype=torch.float64)
    algebra = generators(kind, centre, 20.0)
    index = torch.stack(torch.meshgrid(*[torch.arange(n).double() for n in shape], indexing="ij"))

    def displacement(amounts: np.ndarray) -> Tensor:
        matrix = torch.linalg.matrix_exp(torch.tensordot(torch.from_numpy(amounts), algebra, dims=1))
        moved = torch.einsum("ab,b...->a...", matrix[:dim, :dim], index)
        return moved + matrix[:dim, dim].reshape(dim, *(1,) * dim) - index

    def residual(amounts: np.ndarray) -> np.ndarray:
        warped = lmreg.warp(moving, displacement(amounts)[None], interpolation="cubic")
        found: np.ndarray = (warped - fixed).numpy().ravel()
        return found

    reference = least_squares(residual, np.zeros(len(algebra)), xtol=1e-12, ftol=1e-14, gtol=1e-12)
    torch.testing.assert_close(result.displacement[0], displacement(reference.x), rtol=0, atol=1e-4)


on_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@on_card
@pytest.mark.parametrize("shape", [(56, 52), (28, 26, 24)])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("similarity", ["ssd", "ncc", "lncc", "mind"])
def test_a_graphics_card_gives_the_same_result(similarity, model, shape, deformed_pair: Pairs):
    fixed, moving = (image.float() for image in deformed_pair(shape, displacement_voxels=1.0, residual=0.1))
    options = {"model": model, "similarity": similarity, "levels": 2}
    if model != "diffeomorphic":
        options["tolerance"] = 1e-8  # so that it does not matter if one of them stops a step earlier
    host = lmreg.register(fixed, moving, **options)
    card = lmreg.register(fixed.cuda(), moving.cuda(), **options)
    assert card.warped.is_cuda
    assert card.displacement.is_cuda
    torch.testing.assert_close(card.warped.cpu(), host.warped, rtol=0, atol=1e-4)


@on_card
@pytest.mark.parametrize("adjoint", [lmreg.Implicit(), lmreg.Truncated(3), lmreg.Unroll()])
@pytest.mark.parametrize("model", ["affine", "bspline", lmreg.Diffeomorphic(polish=50)], ids=str)
def test_a_graphics_card_gives_the_same_gradient(model, adjoint, deformed_pair: Pairs):
    pair = deformed_pair((40, 36), displacement_voxels=1.0, residual=0.1)
    gradients = []
    for device in ("cpu", "cuda"):
        fixed, moving = (image.to(device).requires_grad_() for image in pair)
        result = lmreg.register(fixed, moving, model=model, levels=2, tolerance=1e-12, adjoint=adjoint)
        loss = (result.warped - fixed).square().mean()
        gradients.append([part.cpu() for part in torch.autograd.grad(loss, (fixed, moving))])
    for host, card in zip(*gradients, strict=True):
        torch.testing.assert_close(card, host, rtol=0, atol=1e-4 * float(host.abs().max()))


@on_card
@pytest.mark.parametrize("shape", [(56, 52), (28, 26, 24)])
def test_a_graphics_card_gives_the_same_inverse(shape, deformed_pair: Pairs):
    fixed, moving = (image.float().cuda() for image in deformed_pair(shape, displacement_voxels=2.0))
    card = lmreg.register(fixed, moving, model="diffeomorphic", levels=2)
    grid = replace(card.fixed_grid, affine=card.fixed_grid.affine.cpu())
    host = replace(
        card,
        displacement=card.displacement.cpu(),
        matrix=card.matrix.cpu(),
        fixed_grid=grid,
        moving_grid=grid,
    )
    assert card.inverse_displacement.is_cuda
    torch.testing.assert_close(card.inverse_displacement.cpu(), host.inverse_displacement, rtol=0, atol=2e-3)
