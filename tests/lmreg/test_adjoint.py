"""Gradients through the solve, against central differences of the solver itself."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import lmreg

Pairs = Callable[..., tuple[Tensor, Tensor]]
TIGHT = {"tolerance": 1e-22, "iterations": 200, "levels": 2}
STEP = 1e-5

MODELS = [
    pytest.param({"control_points": 5, "bending": 1e-3}, id="bspline"),
    pytest.param({"model": "translation"}, id="translation"),
    pytest.param({"model": "rigid"}, id="rigid"),
    pytest.param({"model": "similarity"}, id="similarity"),
    pytest.param({"model": "affine"}, id="affine"),
]


def loss_of(fixed: Tensor, moving: Tensor, probe: Tensor, **options: Any) -> Tensor:
    """A loss downstream of the warped image and of the displacement, curved in both."""
    result = lmreg.register(fixed, moving, **options)
    return (result.warped - fixed).square().mean() * 3 + (
        probe * (result.warped + 0.05 * result.displacement.square().sum(1, keepdim=True))
    ).mean()


def directional(
    fixed: Tensor, moving: Tensor, smooth: Callable[..., Tensor], **options: Any
) -> tuple[Tensor, Tensor]:
    """Derivatives along smooth directions in both images: through the adjoint, and by central differences."""
    shape = tuple(fixed.shape[2:])
    probe = smooth(shape, 50, 3.0)[None]
    leaves = [image.clone().requires_grad_() for image in (fixed, moving)]
    gradients = torch.autograd.grad(loss_of(*leaves, probe, **options), leaves)
    found, expected = [], []
    for number in range(4):
        which = number % 2
        direction = smooth(shape, 60 + number, 3.0)[None]
        found.append((gradients[which] * direction).sum())
        ends = []
        for sign in (1, -1):
            images = [fixed, moving]
            images[which] = images[which] + sign * STEP * direction
            ends.append(loss_of(*images, probe, **(options | {"adjoint": None})).detach())
        expected.append((ends[0] - ends[1]) / (2 * STEP))
    return torch.stack(found), torch.stack(expected)


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("options", MODELS)
@pytest.mark.parametrize("similarity", ["ssd", "ncc", lmreg.LNCC(noise=0.1), "mind"], ids=str)
def test_implicit_gradient_is_right_with_a_large_residual(options, similarity, deformed_pair: Pairs, smooth):
    fixed, moving = deformed_pair((40, 36), residual=0.3)
    found, expected = directional(fixed, moving, smooth, similarity=similarity, **options, **TIGHT)
    assert relative_error(found, expected) < 1e-5


@pytest.mark.parametrize("options", [{"control_points": 4, "bending": 1e-2}, {"model": "affine"}])
@pytest.mark.parametrize("similarity", ["ssd", "ncc", "mind"])
def test_implicit_gradient_is_right_in_three_dimensions(options, similarity, deformed_pair: Pairs, smooth):
    fixed, moving = deformed_pair((20, 18, 16), residual=0.2, displacement_voxels=0.7)
    found, expected = directional(fixed, moving, smooth, similarity=similarity, **options, **TIGHT)
    # Descriptors bend so strongly that the differences themselves are no better.
    assert relative_error(found, expected) < (1e-4 if similarity == "mind" else 1e-5)


def test_implicit_gradient_is_right_with_conjugate_gradients(monkeypatch, deformed_pair: Pairs, smooth):
    monkeypatch.setattr("lmreg.objective.DENSE_UNKNOWNS", 0)
    fixed, moving = deformed_pair((40, 36), residual=0.3)
    options = {"control_points": 5, "bending": 1e-3} | TIGHT | {"iterations": 400, "tolerance": 1e-17}
    found, expected = directional(fixed, moving, smooth, **options)
    assert relative_error(found, expected) < 1e-4


def test_implicit_gradient_is_right_with_a_robust_loss_and_a_mask(deformed_pair: Pairs, smooth):
    fixed, moving = deformed_pair((40, 36), residual=0.3)
    mask = torch.zeros_like(fixed)
    mask[..., 5:-4, 6:-3] = 1
    options = {"control_points": 5, "bending": 1e-3, "robust": lmreg.Huber(0.5), "fixed_mask": mask}
    found, expected = directional(fixed, moving, smooth, **options, **TIGHT)
    assert relative_error(found, expected) < 1e-4


def test_implicit_gradient_is_right_on_different_grids_after_a_linear_start(deformed_pair: Pairs, smooth):
    fixed, moving = deformed_pair((40, 36), residual=0.2)
    affine = torch.diag(torch.tensor([0.9, 1.1, 1.0], dtype=torch.float64))
    initial = torch.eye(3, dtype=torch.float64)
    initial[:2] += torch.tensor([[0.03, -0.05, 0.7], [0.06, -0.02, -0.4]])
    options = {"control_points": 5, "bending": 1e-3, "moving_affine": affine, "initial": initial}
    found, expected = directional(fixed, moving, smooth, **options, **TIGHT)
    assert relative_error(found, expected) < 1e-5


def test_the_weight_of_the_bending_energy_has_a_gradient(deformed_pair: Pairs, smooth):
    fixed, moving = deformed_pair((40, 36), residual=0.3)
    probe = smooth((40, 36), 50, 3.0)[None]
    weight = torch.tensor(1e-3, dtype=torch.float64, requires_grad=True)

    def loss(bending: Tensor) -> Tensor:
        return loss_of(fixed, moving, probe, control_points=5, bending=bending, **TIGHT)

    (found,) = torch.autograd.grad(loss(weight), weight)
    ends = [loss(weight.detach() * (1 + sign * 1e-3)).detach() for sign in (1, -1)]
    assert float(found) == pytest.approx(float((ends[0] - ends[1]) / (2e-3 * weight.detach())), rel=1e-5)


@pytest.mark.parametrize("options", [{"control_points": 5, "bending": 1e-3}, {"model": "affine"}])
@pytest.mark.parametrize("adjoint", [lmreg.Unroll(), lmreg.Truncated(4)])
def test_backpropagation_through_the_steps_agrees_at_convergence(
    adjoint, options, deformed_pair: Pairs, smooth
):
    fixed, moving = deformed_pair((40, 36), residual=0.2)
    found, expected = directional(fixed, moving, smooth, adjoint=adjoint, **options, **TIGHT)
    assert relative_error(found, expected) < 1e-5


def test_gauss_newton_is_right_without_a_residual_and_wrong_with_one(deformed_pair: Pairs, smooth):
    options = {"adjoint": lmreg.Implicit("gauss_newton"), "control_points": 5, "bending": 1e-4} | TIGHT
    errors = [
        relative_error(*directional(*deformed_pair((40, 36), residual=residual), smooth, **options))
        for residual in (0.0, 0.4)
    ]
    assert errors[0] < 0.05
    assert errors[1] > 0.2


ADJOINTS = [lmreg.Implicit(), lmreg.Implicit("gauss_newton"), lmreg.Truncated(2), lmreg.Unroll()]


def test_the_forward_value_is_the_same_for_all_adjoints(deformed_pair: Pairs):
    fixed, moving = (image.float() for image in deformed_pair((40, 36), residual=0.2))
    results = [
        lmreg.register(fixed.clone().requires_grad_(), moving, control_points=5, adjoint=adjoint)
        for adjoint in ADJOINTS
    ]
    plain = lmreg.register(fixed, moving, control_points=5)
    for result in results:
        assert torch.equal(result.warped, plain.warped)
        assert torch.equal(result.parameters, plain.parameters)


def test_single_precision_with_default_settings_is_close(deformed_pair: Pairs, smooth):
    fixed, moving = deformed_pair((64, 64), residual=0.2)
    exact, _ = directional(fixed, moving, smooth, control_points=5, **TIGHT)
    probe = smooth((64, 64), 50, 3.0)[None].float()
    leaves = [image.float().requires_grad_() for image in (fixed, moving)]
    gradients = torch.autograd.grad(loss_of(*leaves, probe, control_points=5, levels=2), leaves)
    found = torch.stack(
        [(gradients[k % 2].double() * smooth((64, 64), 60 + k, 3.0)[None]).sum() for k in range(4)]
    )
    assert float(torch.nn.functional.cosine_similarity(found, exact, dim=0)) > 0.99
    assert float(found.norm() / exact.norm()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("similarity", ["ssd", "ncc", "lncc", "mind"])
def test_implicit_gradient_is_right_on_two_real_subjects(
    similarity: str, two_subjects: tuple[Tensor, Tensor], smooth
):
    fixed, moving = two_subjects
    options = {"model": "bspline", "control_points": 4, "bending": 1e-2, "similarity": similarity}
    found, expected = directional(fixed, moving, smooth, **options, **TIGHT | {"levels": 3})
    assert relative_error(found, expected) < 1e-3


# Gauss-Newton steps with local correlation do not converge tightly on as many control points as the default has.
@pytest.mark.parametrize(
    ("similarity", "control_points"),
    [("ssd", 4), ("ncc", 4), ("lncc", 4), ("mind", 4), ("ssd", None), ("ncc", None), ("mind", None)],
)
def test_single_precision_with_default_settings_is_right_on_two_real_subjects(
    similarity: str, control_points: int | None, two_subjects: tuple[Tensor, Tensor], smooth
):
    probe = smooth((96, 96), 50, 3.0)[None]

    def gradient(dtype: torch.dtype, **options: Any) -> Tensor:
        leaves = [image.to(dtype).requires_grad_() for image in two_subjects]
        loss = loss_of(
            *leaves, probe.to(dtype), control_points=control_points, similarity=similarity, **options
        )
        return torch.cat(torch.autograd.grad(loss, leaves)).double().reshape(-1)

    found, exact = gradient(torch.float32), gradient(torch.float64, tolerance=1e-22, iterations=200)
    assert float(torch.nn.functional.cosine_similarity(found, exact, dim=0)) > 0.99
    assert float(found.norm() / exact.norm()) == pytest.approx(1, abs=0.05)


def test_a_singular_hessian_is_reported(deformed_pair: Pairs):
    fixed, moving = deformed_pair((40, 36))
    rows = fixed.mean(dim=3, keepdim=True).expand_as(fixed).contiguous().requires_grad_()
    result = lmreg.register(
        rows, moving.mean(dim=3, keepdim=True).expand_as(moving).contiguous(), model="translation"
    )
    with pytest.warns(lmreg.SingularHessianWarning, match="not positive definite"):
        result.warped.square().sum().backward()


@pytest.mark.filterwarnings("ignore::lmreg.SingularHessianWarning")
def test_a_solve_that_did_not_converge_is_reported(deformed_pair: Pairs):
    fixed, moving = deformed_pair((40, 36), residual=0.3)
    result = lmreg.register(fixed, moving.requires_grad_(), control_points=5, levels=1, iterations=2)
    assert result.status != (lmreg.Status.CONVERGED,)
    with pytest.warns(lmreg.UnconvergedWarning, match="not converged"):
        result.warped.square().sum().backward()


@pytest.mark.parametrize("wrong", [lambda: lmreg.Truncated(0), lambda: lmreg.Implicit("newton")])  # type: ignore[arg-type]
def test_wrong_options_are_errors(wrong):
    with pytest.raises(ValueError, match="must be"):
        wrong()
