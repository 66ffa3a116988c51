from __future__ import annotations

import numpy as np
import pytest

from datasets.grid import Grid


def test_points_agree_with_the_image_that_the_grid_makes() -> None:
    grid = Grid((4, 3, 5), 1.5, (-3.0, 7.0, 2.5))
    image = grid.image(np.zeros(grid.shape, dtype=np.float32))
    points = grid.points().reshape(*grid.shape, 3)
    assert image.GetSize() == (4, 3, 5)
    np.testing.assert_allclose(points[4, 1, 3], image.TransformIndexToPhysicalPoint((3, 1, 4)))


def test_centred_grid_has_its_centre_and_extent() -> None:
    grid = Grid.centred((4, 6), 2.0, (1.0, -1.0))
    lower, upper = grid.extent_mm
    np.testing.assert_allclose(lower, [-3.0, -7.0])
    np.testing.assert_allclose(upper, [5.0, 5.0])
    np.testing.assert_allclose(grid.points().mean(axis=0), [1.0, -1.0])


def test_refined_grid_covers_the_same_extent_and_means_lead_back() -> None:
    grid = Grid((3, 2, 4), 4.0, (0.0, 1.0, 2.0))
    fine = grid.refined(4)
    np.testing.assert_allclose(fine.extent_mm, grid.extent_mm)
    x = fine.points()[:, 0].astype(np.float32)
    np.testing.assert_allclose(grid.block_means(x, 4).ravel(), grid.points()[:, 0], atol=1e-5)


def test_block_means_are_means() -> None:
    grid = Grid((1, 1), 2.0, (0.0, 0.0))
    values = np.array([[1, 2], [3, 10]], dtype=np.float32)
    assert grid.block_means(values, 2) == pytest.approx(4.0)


def test_coarse_sampling_reproduces_a_cubic_polynomial_inside() -> None:
    """Cubic splines contain cubic polynomials: only the end conditions, which decay, may show."""
    grid = Grid((61, 50), 1.0, (-30.0, 3.0))

    def cubic(points: np.ndarray) -> np.ndarray:
        x, y = points.T / 50.0
        return np.stack([x**3 - x * y, 1.0 + y**2], axis=-1)

    exact = grid.sample(cubic, step=1)
    assert exact.shape == (50, 61, 2)
    inner = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(grid.sample(cubic, step=4)[inner], exact[inner], atol=1e-6)


def test_coarse_sampling_error_falls_with_the_fourth_power() -> None:
    grid = Grid((97, 97), 1.0, (0.0, 0.0))

    def wave(points: np.ndarray) -> np.ndarray:
        return np.sin(points[:, :1] / 9.0) * np.cos(points[:, 1:] / 7.0)

    inner = (slice(30, -30), slice(30, -30))
    exact = grid.sample(wave, step=1)[inner]
    errors = [np.abs(grid.sample(wave, step)[inner] - exact).max() for step in (2, 4)]
    assert 12.0 < errors[1] / errors[0] < 20.0


def test_image_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) does not fit a grid of shape \(3, 2\)"):
        Grid((2, 3), 1.0, (0.0, 0.0)).image(np.zeros((2, 3)))
