from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.metrics.regularity import (
    folding_fraction,
    interior,
    jacobian_determinant,
    min_jacobian,
    sd_log_jacobian,
)
from benchmarks.resampling import displacement_field, index_to_world

FLIPPED = np.diag([-1.0, -1.0, 1.0])
OBLIQUE = np.array(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()).reshape(3, 3)
SPACING = np.array([0.8, 1.5, 3.0])


def physical_points(shape: tuple[int, ...], spacing: np.ndarray, direction: np.ndarray) -> np.ndarray:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")[::-1], axis=-1)
    return index @ (direction * spacing).T


@pytest.mark.parametrize("direction", [np.eye(3), FLIPPED, OBLIQUE, FLIPPED @ OBLIQUE, OBLIQUE[:, [2, 0, 1]]])
def test_affine_map_has_its_determinant_on_any_grid(direction: np.ndarray) -> None:
    matrix = np.array([[1.1, 0.2, -0.1], [0.05, 0.9, 0.3], [-0.2, 0.1, 1.3]])
    x = physical_points((5, 6, 7), SPACING, direction)
    determinant = jacobian_determinant(x @ matrix.T - x, SPACING, direction)
    np.testing.assert_allclose(determinant, np.linalg.det(matrix), rtol=1e-10)


@pytest.mark.parametrize("direction", [np.eye(2), -np.eye(2), np.array([[0.8, -0.6], [0.6, 0.8]])])
def test_affine_map_in_the_plane(direction: np.ndarray) -> None:
    matrix = np.array([[1.1, 0.4], [-0.2, 0.7]])
    x = physical_points((5, 6), SPACING[:2], direction)
    determinant = jacobian_determinant(x @ matrix.T - x, SPACING[:2], direction)
    np.testing.assert_allclose(determinant, 1.1 * 0.7 + 0.4 * 0.2, rtol=1e-10)


def test_reflection_folds_everywhere() -> None:
    """u = −2x turns x around, so det J = −1; with the identity counted twice it would pass for unfolded."""
    x = physical_points((6, 6, 6), np.ones(3), np.eye(3))
    u = np.zeros_like(x)
    u[..., 0] = -2.0 * x[..., 0]
    determinant = jacobian_determinant(u, np.ones(3), np.eye(3))
    np.testing.assert_allclose(determinant, -1.0)
    assert folding_fraction(determinant) == 1.0
    assert sd_log_jacobian(determinant) is None


@pytest.mark.parametrize("direction", [np.eye(3), FLIPPED, OBLIQUE])
def test_sine_folds_where_its_slope_is_below_minus_one(direction: np.ndarray) -> None:
    """φ = x + a·sin(k·s)·n with s = x·n has det J = 1 + a·k·cos(k·s)."""
    n = np.array([2.0, -1.0, 2.0]) / 3.0
    k, amplitude = 2 * np.pi / 40.0, 2.0 * 40.0 / (2 * np.pi)
    spacing = np.array([0.5, 0.6, 0.7])
    x = physical_points((40, 50, 60), spacing, direction)
    along = x @ n
    determinant = jacobian_determinant(amplitude * np.sin(k * along)[..., None] * n, spacing, direction)
    expected = 1.0 + amplitude * k * np.cos(k * along)
    inner = (slice(2, -2),) * 3
    np.testing.assert_allclose(determinant[inner], expected[inner], atol=5e-3)
    assert folding_fraction(determinant[inner]) == pytest.approx(np.mean(expected[inner] <= 0), abs=2e-3)
    assert folding_fraction(determinant[inner]) > 0.1
    assert min_jacobian(determinant[inner]) == pytest.approx(expected[inner].min(), abs=5e-3)


def test_jacobian_of_a_sampled_transform_on_an_oblique_grid() -> None:
    """The whole way from a SimpleITK transform: an oblique, anisotropic, flipped grid and a known scaling."""
    grid = sitk.Image([9, 8, 7], sitk.sitkFloat32)
    grid.SetSpacing(SPACING.tolist())
    grid.SetOrigin([5.0, -7.0, 11.0])
    grid.SetDirection((FLIPPED @ OBLIQUE).ravel().tolist())
    transform = sitk.ScaleTransform(3, (1.2, 0.5, 0.9))
    _, origin = index_to_world(grid)
    np.testing.assert_allclose(origin, grid.GetOrigin())
    determinant = jacobian_determinant(
        displacement_field(transform, grid), SPACING, np.reshape(grid.GetDirection(), (3, 3))
    )
    np.testing.assert_allclose(determinant, 1.2 * 0.5 * 0.9, rtol=1e-9)


def test_summaries_by_hand() -> None:
    determinant = np.array([1.0, np.e, -0.5, 0.0])
    assert folding_fraction(determinant) == 0.5
    assert sd_log_jacobian(determinant) == pytest.approx(0.5)
    assert min_jacobian(determinant) == -0.5
    assert folding_fraction(np.empty(0)) is None
    assert sd_log_jacobian(np.empty(0)) is None
    assert min_jacobian(np.empty(0)) is None


def test_interior_leaves_two_voxels_at_every_border() -> None:
    inner = interior(np.ones((6, 7, 8), dtype=bool))
    assert inner.sum() == 2 * 3 * 4
    assert inner[2:-2, 2:-2, 2:-2].all()
    assert not interior(np.ones((4, 9), dtype=bool)).any()


def test_axis_of_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="one sample"):
        jacobian_determinant(np.zeros((1, 5, 2)), (1.0, 1.0), np.eye(2))
