from __future__ import annotations

import numpy as np
import pytest

from datasets.appearance import bias_field, rician, scan
from datasets.grid import Grid
from datasets.icbm152 import Anatomy
from datasets.recipes import Scanner

GRID = Grid.centred((64, 80), 2.0, (0.0, 0.0))


def flat_anatomy(t1: float, brain: float) -> Anatomy:
    full = np.ones(GRID.shape, dtype=np.float32)
    return Anatomy(t1 * full, brain * full, 0 * full, 0 * full, 0 * full, 0 * full)


def test_plain_scan_is_the_template_itself() -> None:
    image = scan(flat_anatomy(0.25, 1.0), GRID, Scanner(), np.random.default_rng(0))
    np.testing.assert_array_equal(image, np.full(GRID.shape, 0.25))


def test_gamma_is_an_exponent() -> None:
    image = scan(flat_anatomy(0.25, 1.0), GRID, Scanner(gamma=0.5), np.random.default_rng(0))
    np.testing.assert_allclose(image, 0.5)


def test_inverted_contrast_turns_tissue_around_and_keeps_air_dark() -> None:
    scanner = Scanner(contrast="inverted")
    bright, dark, air = (
        scan(flat_anatomy(t1, brain), GRID, scanner, np.random.default_rng(0)).mean()
        for t1, brain in ((0.9, 1.0), (0.3, 1.0), (0.0, 0.0))
    )
    assert air == 0.0
    assert bright == pytest.approx(1.0 - 0.85 * 0.9)
    assert dark == pytest.approx(1.0 - 0.85 * 0.3)


def test_bias_field_is_smooth_positive_and_as_strong_as_asked() -> None:
    field = bias_field(GRID, 0.2, np.random.default_rng(3))
    assert np.abs(field - 1.0).max() == pytest.approx(0.2)
    assert np.abs(np.diff(field, axis=0)).max() < 0.02
    assert np.abs(np.diff(field, axis=1)).max() < 0.02


def test_rician_noise_has_rayleigh_mean_in_air_and_known_second_moment() -> None:
    """E[M] = σ√(π/2) where the signal is 0; E[M²] = A² + 2σ² everywhere."""
    n, sigma = 200_000, 0.1
    air = rician(np.zeros(n), sigma, np.random.default_rng(0))
    tissue = rician(np.full(n, 0.7), sigma, np.random.default_rng(1))
    assert air.min() >= 0.0
    assert air.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=5e-3)
    assert (tissue**2).mean() == pytest.approx(0.7**2 + 2 * sigma**2, rel=2e-3)
