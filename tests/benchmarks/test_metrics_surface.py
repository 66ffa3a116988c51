from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.metrics.region import bounding_box, union
from benchmarks.metrics.surface import label_distances, surface_distances


def test_single_voxels_are_as_far_apart_as_the_spacing_says() -> None:
    source, target = np.zeros((2, 6, 6, 6), dtype=bool)
    source[1, 2, 3] = target[4, 2, 5] = True
    distances = surface_distances(source, target, (2.0, 10.0, 0.5))
    assert distances is not None
    expected = np.hypot(3 * 2.0, 2 * 0.5)
    assert distances.hd95_mm == distances.assd_mm == pytest.approx(expected)


def test_shifted_line_by_hand() -> None:
    """Voxels 0–9 against 2–11 of a row at 3 mm: 6, 3, 0, …, 0 one way and 0, …, 0, 3, 6 the other."""
    source, target = np.zeros((2, 1, 20), dtype=bool)
    source[0, :10] = target[0, 2:12] = True
    distances = surface_distances(source, target, (1.0, 3.0))
    assert distances is not None
    np.testing.assert_allclose(distances.from_source_mm, [6, 3, 0, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(distances.from_target_mm, [0, 0, 0, 0, 0, 0, 0, 0, 3, 6])
    assert distances.assd_mm == pytest.approx(18 / 20)
    assert distances.hd95_mm == pytest.approx(np.percentile([6, 3, 0, 0, 0, 0, 0, 0, 0, 0], 95))


def test_only_surfaces_count_not_insides() -> None:
    """A 5×5 square inside a 9×9 one: every voxel of the inner rim is 2 from the outer rim."""
    inner, outer = np.zeros((2, 15, 15), dtype=bool)
    inner[5:10, 5:10] = outer[3:12, 3:12] = True
    distances = surface_distances(inner, outer, (1.0, 1.0))
    assert distances is not None
    assert distances.from_source_mm.size == 16
    assert distances.from_target_mm.size == 32
    np.testing.assert_allclose(distances.from_source_mm, 2.0)
    assert distances.hd95_mm == pytest.approx(np.hypot(2, 2))


def test_percentile_is_the_larger_of_both_directions() -> None:
    source, target = np.zeros((2, 1, 50), dtype=bool)
    source[0, 10] = target[0, 10] = target[0, 40] = True
    distances = surface_distances(source, target, (1.0, 1.0))
    assert distances is not None
    assert distances.from_source_mm.tolist() == [0.0]
    assert distances.hd95_mm == pytest.approx(0.95 * 30.0)


def test_missing_label_has_no_distance() -> None:
    some, none = np.ones((3, 3), dtype=bool), np.zeros((3, 3), dtype=bool)
    assert surface_distances(some, none, (1.0, 1.0)) is None
    assert surface_distances(none, some, (1.0, 1.0)) is None


def test_distances_are_those_of_a_distance_transform() -> None:
    rng = np.random.default_rng(0)
    source, target = (ndimage.gaussian_filter(image, 1.5) > 0.5 for image in rng.random((2, 14, 17, 12)))
    spacing_mm = (1.5, 0.7, 2.0)
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (source, target)]
    to_source, to_target = (ndimage.distance_transform_edt(~s, sampling=spacing_mm) for s in surfaces)
    distances = surface_distances(source, target, spacing_mm)
    assert distances is not None
    np.testing.assert_allclose(distances.from_source_mm, to_target[surfaces[0]], atol=1e-12)
    np.testing.assert_allclose(distances.from_target_mm, to_source[surfaces[1]], atol=1e-12)


def test_each_label_is_measured_as_if_it_were_alone() -> None:
    rng = np.random.default_rng(1)
    source, target = rng.integers(0, 4, size=(2, 9, 8, 7))
    source[source == 2], target[target == 3] = 0, 0
    found = label_distances(source, target, 5, (1.0, 2.0, 3.0))
    assert [one is None for one in found] == [False, True, True, True, True]
    alone = surface_distances(source == 1, target == 1, (1.0, 2.0, 3.0))
    assert found[0] is not None
    assert alone is not None
    np.testing.assert_array_equal(np.sort(found[0].from_source_mm), np.sort(alone.from_source_mm))
    np.testing.assert_array_equal(np.sort(found[0].from_target_mm), np.sort(alone.from_target_mm))


def test_boxes() -> None:
    mask = np.zeros((10, 12), dtype=bool)
    mask[3:5, 11] = True
    assert bounding_box(mask) == (slice(3, 5), slice(11, 12))
    assert bounding_box(mask, margin=4) == (slice(0, 9), slice(7, 12))
    assert union((slice(1, 4),), (slice(3, 9),)) == (slice(1, 9),)
    with pytest.raises(ValueError, match="empty"):
        bounding_box(np.zeros((2, 2), dtype=bool))
