"""What makes a 2D pair hard beyond its intensities: a part that is hidden, and a field of view that differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from datasets.pair import Pair

PATCH_SHARE = 0.25
OVERLAP_SHARE = 0.4


def occlude(pair: Pair, rng: np.random.Generator) -> Pair:
    """Hide a patch of the fixed image, and leave it out of its mask.

    The patch is a rectangle with a quarter of the area of the box around what is shown, at a random place inside
    that box; the image is 0 there. A pair without a mask gets one.

    Parameters
    ----------
    pair : Pair
        2D.
    rng : numpy.random.Generator
        Draws the place.
    """
    image, mask = sitk.GetArrayFromImage(pair.fixed), _mask_array(pair)
    shown = (mask & (image > 0)) if pair.fixed_mask is None else mask
    patch = []
    for axis in (0, 1):
        occupied = np.flatnonzero(shown.any(axis=1 - axis))
        first, n = int(occupied[0]), int(occupied[-1] - occupied[0] + 1)
        length = round(n * PATCH_SHARE**0.5)
        start = first + int(rng.integers(0, n - length + 1))
        patch.append(slice(start, start + length))
    image[tuple(patch)] = 0
    mask[tuple(patch)] = False
    return replace(pair, fixed=_like(pair.fixed, image), fixed_mask=_like(pair.fixed, mask.astype(np.uint8)))


def show_apart(pair: Pair) -> Pair:
    """Cut the images so that they have two fifths of the field of view in common.

    The moving image keeps its first rows, the fixed image its last ones, 70 % each: where nothing moves, 40 % of
    the rows are in both. The fixed mask keeps what the true transform leads into the moving image, because only
    there is something to compare; a pair without a mask gets one.

    Parameters
    ----------
    pair : Pair
        2D, with a true transform, both images on one grid.
    """
    rows = pair.fixed.GetHeight()
    kept = round(0.5 * (1 + OVERLAP_SHARE) * rows)
    cut = {
        f"{side}{what}": image[:, part]
        for side, part in (("fixed", slice(rows - kept, rows)), ("moving", slice(0, kept)))
        for what in ("", "_mask", "_labels")
        if (image := getattr(pair, f"{side}{what}")) is not None
    }
    apart = replace(pair, **cut)
    everywhere = sitk.Image(apart.moving.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(apart.moving)
    nearest = sitk.sitkNearestNeighbor
    visible = sitk.Resample(everywhere, apart.fixed, pair.true_transform, nearest, 0.0, sitk.sitkUInt8)
    mask = _mask_array(apart) & (sitk.GetArrayFromImage(visible) > 0)
    return replace(apart, fixed_mask=_like(apart.fixed, mask.astype(np.uint8)))


def _mask_array(pair: Pair) -> npt.NDArray[np.bool_]:
    if pair.fixed_mask is None:
        return np.ones(pair.fixed.GetSize()[::-1], dtype=bool)
    return np.asarray(sitk.GetArrayFromImage(pair.fixed_mask) > 0)


def _like(grid: sitk.Image, array: npt.NDArray[np.generic]) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(grid)
    return image
