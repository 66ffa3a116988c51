import pytest
import torch

import lmreg
from lmreg.lncc import LNCC, window_rows


def images(shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    fixed, moving = (torch.rand(1, *shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return fixed, 0.5 * fixed + moving


def cost(fixed: torch.Tensor, warped: torch.Tensor, term: LNCC, weights: torch.Tensor | None = None) -> float:
    return float(term.bind(fixed, weights, None).compare(warped, None, "gauss_newton").cost)


@pytest.mark.parametrize("samples", [2, 3, 8, 9])
def test_windows_are_symmetric_and_normalised(samples: int) -> None:
    rows = window_rows(samples, 2.0)
    torch.testing.assert_close(rows.sum(1), torch.ones(len(rows), dtype=torch.float64))
    torch.testing.assert_close(rows, rows.flip(0, 1))


@pytest.mark.parametrize("shape", [(9, 12), (6, 7, 8)])
def test_ignores_smooth_changes_of_brightness_and_contrast(shape: tuple[int, ...]) -> None:
    fixed, moving = images(shape)
    term = LNCC(noise=1e-6)
    assert cost(fixed, 3 * moving + 7, term) == pytest.approx(cost(fixed, moving, term), abs=1e-8)
    assert cost(fixed, fixed * 2 - 1, term) == pytest.approx(0, abs=1e-5)
    assert cost(fixed, -fixed, term) == pytest.approx(2, abs=1e-5)


def test_agrees_with_correlation_summed_window_by_window() -> None:
    fixed, moving = images((7, 10))
    sigma, noise = 1.5, 0.1
    total, count = 0.0, 0
    for first in window_rows(7, sigma):
        for second in window_rows(10, sigma):
            window = torch.outer(first, second)
            centred = [image[0] - (window * image[0]).sum() for image in (fixed, moving)]
            floors = [noise**2 * image.var(unbiased=False) for image in (fixed, moving)]
            variances = [
                (window * image**2).sum() + floor for image, floor in zip(centred, floors, strict=True)
            ]
            correlation = (window * centred[0] * centred[1]).sum() / (variances[0] * variances[1]).sqrt()
            total += float((1 - floors[0] / variances[0]) * (1 - correlation))
            count += 1
    assert cost(fixed, moving, LNCC(sigma, noise)) == pytest.approx(total / count, rel=1e-10)


@pytest.mark.parametrize("shape", [(9, 12), (6, 7, 8)])
@pytest.mark.parametrize("huber", [None, lmreg.Huber(0.8)])
@pytest.mark.parametrize("masked", [False, True])
def test_force_is_the_derivative_of_the_cost(
    shape: tuple[int, ...], huber: lmreg.Huber | None, masked: bool
) -> None:
    fixed, moving = images(shape)
    weights = (
        torch.rand(1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        if masked
        else None
    )
    term = LNCC(noise=0.2).bind(fixed, weights, huber)
    threshold = term.scale(moving)
    change = torch.randn(moving.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    step = 1e-6
    ahead, behind = (
        float(term.compare(moving + sign * step * change, threshold, "gauss_newton").cost) for sign in (1, -1)
    )
    force = term.compare(moving, threshold, "gauss_newton").force
    assert float((force * change).sum()) == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


def test_windows_without_contrast_tell_nothing() -> None:
    fixed, moving = images((32, 32))
    fixed[:, :16] = 0
    other = moving.clone()
    other[:, :4] = torch.rand(1, 4, 32, dtype=torch.float64)
    term = LNCC(window_sigma=1.0).bind(fixed, None, None)
    first, second = (term.compare(image, None, "gauss_newton").force for image in (moving, other))
    assert float(first[:, :8].abs().max()) < 1e-4 * float(first.abs().max())
    torch.testing.assert_close(first[:, 16:], second[:, 16:], rtol=1e-3, atol=1e-6)


def test_weights_choose_the_windows() -> None:
    fixed, moving = images((24, 24))
    weights = torch.zeros(1, 24, 24, dtype=torch.float64)
    weights[:, :, :4] = 1
    force = LNCC(window_sigma=1.0).bind(fixed, weights, None).compare(moving, None, "gauss_newton").force
    assert float(force[:, :, :4].abs().max()) > 0
    assert float(force[:, :, 15:].abs().max()) < 1e-6 * float(force.abs().max())


@pytest.mark.parametrize("name", ["window_sigma", "noise"])
def test_parameters_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        LNCC(**{name: 0.0})
