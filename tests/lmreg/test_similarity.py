from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lmreg import MIND, NCC, SSD, Huber, Similarity
from lmreg import robust as huber_loss
from lmreg.similarity import Term

SHAPE = (9, 8)
CASES = [
    pytest.param(similarity, masked, huber, id=f"{type(similarity).__name__}-{masked}-{huber}")
    for similarity in (SSD(), NCC())
    for masked in (False, True)
    for huber in (None, Huber(0.3))
]


@pytest.fixture
def images(smooth: Callable[..., Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    weights = smooth(SHAPE, 5).abs() + 0.1
    return smooth(SHAPE, 0, 1.0), smooth(SHAPE, 1, 1.0), weights


def bound(
    similarity: Similarity, images: tuple[Tensor, Tensor, Tensor], masked: bool, huber: Huber | None
) -> Term:
    return similarity.bind(images[0], images[2] if masked else None, huber)


@pytest.mark.parametrize(("similarity", "masked", "huber"), CASES)
def test_force_is_the_derivative_of_the_cost(similarity, masked, huber, images):
    term = bound(similarity, images, masked, huber)
    warped = images[1].clone().requires_grad_()
    match = term.compare(warped, term.scale(warped), "gauss_newton")
    (expected,) = torch.autograd.grad(match.cost, warped)
    torch.testing.assert_close(match.force.detach(), expected)


@pytest.mark.parametrize(("similarity", "masked", "huber"), CASES)
def test_exact_hessian_is_the_derivative_of_the_force(similarity, masked, huber, images):
    term = bound(similarity, images, masked, huber)
    if not term.exact:
        pytest.skip("no closed form: differentiated automatically instead")
    warped = images[1]
    threshold = term.scale(warped)

    def force(values: Tensor) -> Tensor:
        return term.compare(values, threshold, "exact").force

    expected = torch.autograd.functional.jacobian(force, warped).reshape(72, 72)
    match = term.compare(warped, threshold, "exact")
    found = torch.diag(match.curvature.expand_as(warped).reshape(-1))
    if match.factors is not None:
        rows = match.factors.reshape(len(match.factors), -1)
        found = found + rows.T @ match.core @ rows
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("similarity", [SSD(), NCC()])
def test_gauss_newton_is_positive_semidefinite(similarity, images):
    match = similarity.bind(images[0], None, None).compare(images[1], None, "gauss_newton")
    matrix = torch.diag(match.curvature.expand_as(images[1]).reshape(-1))
    if match.factors is not None:
        rows = match.factors.reshape(len(match.factors), -1)
        matrix = matrix + rows.T @ match.core @ rows
    assert float(torch.linalg.eigvalsh(matrix).min()) > -1e-12


def test_ssd_is_half_the_unexplained_share_of_the_variance(images):
    fixed, moving, _ = images
    cost = SSD().bind(fixed, None, None).compare(moving, None, "exact").cost
    expected = 0.5 * (moving - fixed).square().mean() / fixed.var(correction=0)
    torch.testing.assert_close(cost, expected)


def test_ncc_is_one_minus_the_correlation_and_ignores_contrast(images):
    fixed, moving, _ = images
    expected = 1 - torch.corrcoef(torch.stack([fixed.reshape(-1), moving.reshape(-1)]))[0, 1]
    for warped in (moving, 3 * moving - 7):
        torch.testing.assert_close(
            NCC().bind(fixed, None, None).compare(warped, None, "exact").cost, expected
        )


def test_weights_of_zero_leave_voxels_out(images):
    fixed, moving, _ = images
    weights = torch.ones_like(fixed)
    weights[:, :3] = 0
    cropped = SSD().bind(fixed[:, 3:], None, None).compare(moving[:, 3:], None, "exact").cost
    torch.testing.assert_close(SSD().bind(fixed, weights, None).compare(moving, None, "exact").cost, cropped)


@pytest.mark.parametrize(("shape", "channels"), [((24, 20), 4), ((14, 13, 12), 12)])
def test_mind_ignores_an_inverted_contrast(shape, channels, smooth):
    image = smooth(shape, 3, 1.5)
    one, other = (MIND().features(values, (1.0,) * len(shape)) for values in (image, 5 - 2 * image))
    assert one.shape == (channels, *shape)
    assert float(one.min()) > 0
    assert float(one.max()) <= 1
    torch.testing.assert_close(one, other)


def test_huber_is_quadratic_inside_and_linear_outside():
    threshold = torch.tensor(0.5)
    residual = torch.tensor([0.2, -0.5, 2.0])
    torch.testing.assert_close(huber_loss.loss(residual, threshold), torch.tensor([0.02, 0.125, 0.875]))
    torch.testing.assert_close(huber_loss.influence(residual, threshold), torch.tensor([0.2, -0.5, 0.5]))


def test_huber_threshold_follows_the_spread_of_the_residuals():
    residual = torch.randn(20000, generator=torch.Generator().manual_seed(0))
    residual[::2] = 0
    assert float(Huber().scale(residual)) == pytest.approx(1.5 * 0.6745, rel=0.05)
    with pytest.raises(ValueError, match="Huber threshold must be > 0"):
        Huber(0.0)
