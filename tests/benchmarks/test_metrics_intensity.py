from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from benchmarks.metrics.intensity import ncc, nmi, rmse, ssim

A = np.array([[0.0, 1.0], [0.5, 0.25]])
B = np.array([[0.3, 1.0], [0.1, 0.25]])
NONE = np.zeros((2, 2), dtype=bool)


def test_rmse_by_hand() -> None:
    """Differences −0.3, 0, 0.4, 0: √((0.09 + 0.16) / 4) = 0.25."""
    assert rmse(A, B) == pytest.approx(0.25)
    assert rmse(A, B, np.array([[True, True], [False, False]])) == pytest.approx(np.sqrt(0.09 / 2))
    assert rmse(A, A) == 0.0
    assert rmse(A, B, NONE) is None


def test_ncc_by_hand() -> None:
    """x = 1, 2, 3, y = 1, 3, 2: covariance 1, variances 2, hence 1/2."""
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    assert ncc(x, y) == pytest.approx(0.5)
    assert ncc(x, 5.0 - 2.0 * x) == pytest.approx(-1.0)
    assert ncc(x, 0.1 + 7.0 * x) == pytest.approx(1.0)


def test_ncc_is_undefined_for_a_constant_image_and_an_empty_mask() -> None:
    assert ncc(A, np.full_like(A, 0.1)) is None
    assert ncc(A, B, NONE) is None


def test_nmi_by_hand() -> None:
    """Joint counts 2, 1, 1 of 4: H(A) = H(B) = H(3/4, 1/4), H(A, B) = H(1/2, 1/4, 1/4) = 1.5 bit."""
    a = np.array([0.1, 0.1, 0.1, 0.9])
    b = np.array([0.1, 0.1, 0.9, 0.1])
    marginal = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert nmi(a, b, bins=2) == pytest.approx(2 * marginal / 1.5)


def test_nmi_is_two_for_a_one_to_one_relation_and_one_for_independence() -> None:
    levels = (np.arange(8) + 0.5) / 8
    assert nmi(levels, levels[::-1], bins=8) == pytest.approx(2.0)
    x, y = np.meshgrid(levels, levels)
    assert nmi(x, y, bins=8) == pytest.approx(1.0)


def test_nmi_counts_what_lies_beyond_the_range_in_the_outermost_bins() -> None:
    a = np.array([-5.0, 0.1, 0.9, 1.0])
    inside = np.array([0.1, 0.1, 0.9, 0.9])
    assert nmi(a, inside, bins=2) == pytest.approx(2.0)


def test_nmi_is_undefined_for_two_constant_images_and_an_empty_mask() -> None:
    assert nmi(np.full(4, 0.2), np.full(4, 0.7)) is None
    assert nmi(A, B, NONE) is None


def test_ssim_of_constant_images_is_the_luminance_term() -> None:
    """Without variance SSIM is (2ab + C1) / (a² + b² + C1) with C1 = 0.01²."""
    a, b = np.full((20, 24), 0.4), np.full((20, 24), 0.8)
    expected = (2 * 0.4 * 0.8 + 1e-4) / (0.4**2 + 0.8**2 + 1e-4)
    assert ssim(a, b) == pytest.approx(expected, abs=1e-5)
    assert ssim(a, a) == pytest.approx(1.0)


def test_ssim_at_one_voxel_against_the_formula() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 25, 25))
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(weights, weights) / weights.sum() ** 2
    x, y = a[7:18, 7:18], b[7:18, 7:18]
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * x**2).sum() - mean_x**2, (window * y**2).sum() - mean_y**2
    cov = (window * x * y).sum() - mean_x * mean_y
    expected = ((2 * mean_x * mean_y + 1e-4) * (2 * cov + 9e-4)) / (
        (mean_x**2 + mean_y**2 + 1e-4) * (var_x + var_y + 9e-4)
    )
    centre = np.zeros((25, 25), dtype=bool)
    centre[12, 12] = True
    assert ssim(a, b, centre) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("shape", [(31, 24), (20, 17, 23)])
def test_ssim_is_that_of_scikit_image(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    a = ndimage.gaussian_filter(rng.random(shape), 1.0)
    b = a + 0.1 * rng.random(shape)
    inside = rng.random(shape) > 0.5
    _, similarity = structural_similarity(
        a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert ssim(a, b) == pytest.approx(similarity.mean(), abs=1e-5)
    assert ssim(a, b, inside) == pytest.approx(similarity[inside].mean(), abs=1e-5)


def test_ssim_sees_the_same_inside_a_mask_whatever_lies_far_from_it() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 60, 60))
    mask = np.zeros((60, 60), dtype=bool)
    mask[5:20, 8:25] = True
    before = ssim(a, b, mask)
    b[40:] = 0.0
    assert ssim(a, b, mask) == pytest.approx(before, abs=1e-7)


def test_ssim_is_undefined_where_the_window_does_not_fit() -> None:
    assert ssim(np.ones((10, 40)), np.ones((10, 40))) is None
    assert ssim(np.ones((12, 12)), np.ones((12, 12)), np.zeros((12, 12), dtype=bool)) is None
