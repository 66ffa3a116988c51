from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.artefacts import panels_of
from benchmarks.panels import read_panels, write_panels
from datasets.pair import Pair, PairInfo

SIZE = (20, 24, 16)  # x (to the left), y (to posterior), z (to superior)
SPACING = (1.0, 2.0, 3.0)
BLOCK, LEFT, FRONT, TOP = 3, 4, 5, 6


def volume(array: np.ndarray, orientation: str = "LPS") -> sitk.Image:
    """Turn an LPS array into an image, stored in another orientation of the same physical space."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    image.SetOrigin((-10.0, -30.0, 5.0))
    return sitk.DICOMOrient(image, orientation)


def head() -> tuple[np.ndarray, np.ndarray]:
    """A shaded block with labels at its left, its front and its top, as seen from its centre."""
    labels = np.zeros(SIZE[::-1], dtype=np.uint8)
    labels[4:13, 6:19, 4:17] = BLOCK
    z, y, x = 8, 12, 10
    labels[z, y, 15], labels[z, 7, x], labels[11, y, x] = LEFT, FRONT, TOP
    shade = np.random.default_rng(0).uniform(0.5, 1.0, labels.shape)
    return np.where(labels > 0, shade, 0.0), labels


def pair_in(orientation: str) -> Pair:
    image, labels = head()
    return Pair(
        PairInfo("head", 3, ("s",), "test"),
        volume(image, orientation),
        volume(image),
        fixed_mask=volume((labels > 0).astype(np.uint8), orientation),
        fixed_labels=volume(labels, orientation),
        moving_labels=volume(labels),
        label_names={BLOCK: "block", LEFT: "left", FRONT: "front", TOP: "top"},
    )


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "LIA", "PSL", "ASR"])
def test_planes_are_in_radiological_convention_however_stored(orientation: str) -> None:
    panels = panels_of(pair_in(orientation), None)
    assert list(panels) == ["axial", "coronal", "sagittal"]
    axial, coronal, sagittal = panels.values()
    assert axial.fixed.shape == (24, 20)
    assert coronal.fixed.shape == (16, 20)
    assert sagittal.fixed.shape == (16, 24)
    np.testing.assert_allclose(axial.spacing_mm, (2.0, 1.0))
    np.testing.assert_allclose(coronal.spacing_mm, (3.0, 1.0))
    np.testing.assert_allclose(sagittal.spacing_mm, (3.0, 2.0))
    # Left of the patient is on the right of the picture, anterior and superior at the top.
    assert markers(axial.fixed_labels) == {LEFT: (12, 15), FRONT: (7, 10)}
    assert markers(coronal.fixed_labels) == {LEFT: (15 - 8, 15), TOP: (15 - 11, 10)}
    assert markers(sagittal.fixed_labels) == {FRONT: (15 - 8, 7), TOP: (15 - 11, 12)}
    for panel in panels.values():
        np.testing.assert_array_equal(panel.mask, panel.fixed_labels > 0)
        np.testing.assert_array_equal(panel.fixed > 0, panel.fixed_labels > 0)
        np.testing.assert_allclose(panel.moving, panel.fixed, atol=1e-5)


def markers(plane: np.ndarray) -> dict[int, tuple[int, int]]:
    return {int(plane[r, c]): (int(r), int(c)) for r, c in np.argwhere(plane > BLOCK)}


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "PSL"])
def test_displacement_points_down_and_right_in_the_picture(orientation: str) -> None:
    """T moves points by +1 mm to the left, +2 mm to posterior, +3 mm to superior."""
    panels = panels_of(pair_in(orientation), sitk.TranslationTransform(3, (1.0, 2.0, 3.0)))
    np.testing.assert_allclose(panels["axial"].displacement_mm[:, 9, 9], (2.0, 1.0), atol=1e-5)
    np.testing.assert_allclose(panels["coronal"].displacement_mm[:, 9, 9], (-3.0, 1.0), atol=1e-5)
    np.testing.assert_allclose(panels["sagittal"].displacement_mm[:, 9, 9], (-3.0, 2.0), atol=1e-5)


def test_warped_image_follows_the_displacement() -> None:
    panel = panels_of(pair_in("RAS"), sitk.TranslationTransform(3, (1.0, 2.0, 0.0)))["axial"]
    np.testing.assert_allclose(panel.warped[:-1, :-1], panel.moving[1:, 1:], atol=1e-6)
    np.testing.assert_array_equal(panel.warped_labels[:-1, :-1], panel.moving_labels[1:, 1:])


def test_displacement_is_the_backends_and_jacobian_the_wholes() -> None:
    pair = pair_in("LPS")
    start = replace(pair, prealignment=sitk.ScaleTransform(3, (1.25, 1.0, 1.0)))
    panel = panels_of(start, sitk.TranslationTransform(3, (0.5, 0.0, 0.0)))["axial"]
    np.testing.assert_allclose(panel.displacement_mm[1], 0.5, atol=1e-6)
    np.testing.assert_allclose(panel.jacobian, 1.25, rtol=1e-5)
    assert not np.array_equal(panel.moving, panel.fixed)


def test_plane_pair_gives_one_panel_as_stored(tmp_path: Path) -> None:
    array = np.linspace(0.0, 1.0, 12 * 15).reshape(12, 15)
    image = sitk.GetImageFromArray(array)
    pair = Pair(PairInfo("flat", 2, ("s",), "test"), image, image)
    panels = panels_of(pair, sitk.TranslationTransform(2, (1.0, -2.0)))
    panel = panels["image"]
    assert list(panels) == ["image"]
    assert panel.mask.all()
    assert panel.mask.dtype == bool
    assert not panel.fixed_labels.any()
    assert panel.fixed_labels.dtype == np.uint16
    assert {panel.fixed.dtype, panel.warped.dtype, panel.jacobian.dtype, panel.displacement_mm.dtype} == {
        np.dtype(np.float32)
    }
    np.testing.assert_allclose(panel.displacement_mm[:, 5, 5], (-2.0, 1.0))
    np.testing.assert_allclose(panel.warped[2:, :-1], panel.moving[:-2, 1:], atol=1e-6)
    write_panels(tmp_path / "panels.npz", panels)
    np.testing.assert_array_equal(read_panels(tmp_path / "panels.npz")["image"].warped, panel.warped)


def test_displacement_follows_the_axes_of_an_oblique_grid() -> None:
    """Rows and columns of the picture are the axes of the grid: 3 mm along the first goes right."""
    array = np.random.default_rng(0).random((12, 15))
    image = sitk.GetImageFromArray(array)
    image.SetDirection((0.8, -0.6, 0.6, 0.8))
    pair = Pair(PairInfo("flat", 2, ("s",), "test"), image, image)
    panel = panels_of(pair, sitk.TranslationTransform(2, (3 * 0.8, 3 * 0.6)))["image"]
    np.testing.assert_allclose(panel.displacement_mm[0], 0.0, atol=1e-6)
    np.testing.assert_allclose(panel.displacement_mm[1], 3.0, rtol=1e-6)
    np.testing.assert_allclose(panel.warped[:, :-3], panel.moving[:, 3:], atol=1e-5)


def test_labels_beyond_sixteen_bits_are_renumbered() -> None:
    labels = np.zeros((12, 15), dtype=np.uint32)
    labels[2:5, 3:6], labels[7:9, 8:12] = 70_000, 131_072
    image = sitk.GetImageFromArray(np.where(labels > 0, 1.0, 0.0))
    pair = Pair(
        PairInfo("flat", 2, ("s",), "test"),
        image,
        image,
        fixed_labels=sitk.GetImageFromArray(labels),
        moving_labels=sitk.GetImageFromArray(labels),
    )
    panel = panels_of(pair, None)["image"]
    assert set(np.unique(panel.fixed_labels)) == {0, 1, 2}
    np.testing.assert_array_equal(panel.fixed_labels, panel.warped_labels)
