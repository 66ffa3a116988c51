"""Gradients through the composed increments, against central differences of the whole registration."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import lmreg

Pairs = Callable[..., tuple[Tensor, Tensor]]
STEP = 1e-8
SHORT = lmreg.Diffeomorphic(iterations=(3, 4))


def loss_of(fixed: Tensor, moving: Tensor, probe: Tensor, **options: Any) -> Tensor:
    result = lmreg.register(fixed, moving, **{"model": SHORT, "levels": 2} | options)
    field = (probe * result.displacement.square()).mean()
    return (result.warped - fixed).square().mean() + field + result.parameters.square().mean()


def derivatives(
    pair: tuple[Tensor, Tensor], smooth: Callable[..., Tensor], **options: Any
) -> tuple[Tensor, Tensor]:
    """Along a smooth direction in each image: through the adjoint, and by central differences."""
    shape = tuple(pair[0].shape[2:])
    probe = smooth(shape, 50, 3.0)[None]
    leaves = [image.clone().requires_grad_() for image in pair]
    gradients = torch.autograd.grad(loss_of(*leaves, probe, **options), leaves)
    found, expected = [], []
    for which in range(2):
        direction = smooth(shape, 60 + which, 3.0)[None]
        found.append((gradients[which] * direction).sum())
        ends = []
        for sign in (1, -1):
            images = list(pair)
            images[which] = images[which] + sign * STEP * direction
            ends.append(loss_of(*images, probe, **options))
        expected.append((ends[0] - ends[1]) / (2 * STEP))
    return torch.stack(found), torch.stack(expected)


@pytest.mark.parametrize("shape", [(30, 26), (14, 12, 13)])
@pytest.mark.parametrize("similarity", ["ssd", "ncc", "lncc", "mind"])
def test_gradient_is_that_of_the_registration_as_it_runs(
    shape: tuple[int, ...], similarity: str, deformed_pair: Pairs, smooth: Callable[..., Tensor]
) -> None:
    pair = deformed_pair(shape, residual=0.2)
    found, expected = derivatives(pair, smooth, similarity=similarity)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_gradient_with_default_settings_a_mask_and_a_linear_start(
    deformed_pair: Pairs, smooth: Callable[..., Tensor]
) -> None:
    pair = deformed_pair((40, 36), residual=0.2)
    mask = torch.zeros_like(pair[0])
    mask[..., 5:-4, 6:-3] = 1
    initial = torch.eye(3, dtype=torch.float64)
    initial[:2] += torch.tensor([[0.03, -0.05, 0.7], [0.06, -0.02, -0.4]])
    options = {"model": "diffeomorphic", "levels": 3, "fixed_mask": mask, "initial": initial}
    found, expected = derivatives(pair, smooth, **options)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_gradient_with_a_robust_loss(deformed_pair: Pairs, smooth: Callable[..., Tensor]) -> None:
    pair = deformed_pair((30, 26), residual=0.3)
    robust = lmreg.Huber(0.05)
    plain, other = (
        lmreg.register(*pair, model=SHORT, levels=2, robust=chosen).displacement for chosen in (None, robust)
    )
    assert float((plain - other).abs().max()) > 0.01
    found, expected = derivatives(pair, smooth, robust=robust)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_a_grid_in_slabs_gives_what_it_gives_whole(
    deformed_pair: Pairs, smooth: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = (30, 26)
    probe = smooth(shape, 50, 3.0)[None]

    def gradients() -> tuple[Tensor, ...]:
        leaves = [image.clone().requires_grad_() for image in deformed_pair(shape, residual=0.2)]
        loss = loss_of(leaves[0], leaves[1], probe, similarity="lncc")
        return loss.detach(), *torch.autograd.grad(loss, leaves)

    whole = gradients()
    monkeypatch.setattr("lmreg.blocks.SLAB_POINTS", 4 * shape[1])
    torch.testing.assert_close(gradients(), whole)


def test_single_precision_has_the_same_gradient(deformed_pair: Pairs, smooth: Callable[..., Tensor]) -> None:
    pair = deformed_pair((40, 36), residual=0.2)
    probe = smooth((40, 36), 50, 3.0)[None]
    double, single = (
        torch.cat(torch.autograd.grad(loss_of(*leaves, probe.to(dtype), model="diffeomorphic"), leaves))
        for dtype in (torch.float64, torch.float32)
        for leaves in [[image.to(dtype).requires_grad_() for image in pair]]
    )
    cosine = torch.nn.functional.cosine_similarity(double.reshape(-1), single.double().reshape(-1), dim=0)
    assert float(cosine) > 0.999
    assert float(single.norm() / double.norm()) == pytest.approx(1, abs=0.01)


def test_truncated_passes_through_the_last_increments_alone(
    deformed_pair: Pairs, smooth: Callable[..., Tensor]
) -> None:
    pair = deformed_pair((30, 26), residual=0.2)
    probe = smooth((30, 26), 50, 3.0)[None]

    def gradient(adjoint: lmreg.Adjoint) -> Tensor:
        leaves = [image.clone().requires_grad_() for image in pair]
        return torch.cat(torch.autograd.grad(loss_of(*leaves, probe, adjoint=adjoint), leaves))

    whole = gradient(lmreg.Unroll())
    assert torch.equal(gradient(lmreg.Truncated(7)), whole)
    distances = [float((gradient(lmreg.Truncated(steps)) - whole).norm()) for steps in (1, 3, 5, 6)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] > 0


def test_unrolling_reaches_through_a_polish_that_stops_early(
    deformed_pair: Pairs, smooth: Callable[..., Tensor]
) -> None:
    pair = deformed_pair((30, 26), residual=0.05)
    model = lmreg.Diffeomorphic(iterations=(3, 4), polish=1)
    whole, cut = (
        derivatives(pair, smooth, model=model, adjoint=adjoint)
        for adjoint in (lmreg.Unroll(), lmreg.Truncated(1))
    )
    errors = [float((found - expected).norm() / expected.norm()) for found, expected in (whole, cut)]
    assert errors[0] < errors[1]


def test_the_implicit_gradient_of_increments_is_refused_at_once(deformed_pair: Pairs) -> None:
    fixed, moving = deformed_pair((30, 26))
    plain = lmreg.register(fixed, moving, model=SHORT, levels=2, adjoint=lmreg.Implicit())
    moving.requires_grad_()
    with pytest.raises(ValueError, match=r"stop early.*polish"):
        lmreg.register(fixed, moving, model=SHORT, levels=2, adjoint=lmreg.Implicit())
    default = lmreg.register(fixed, moving, model=SHORT, levels=2)
    assert torch.equal(default.warped, plain.warped)
