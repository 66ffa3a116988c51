"""Axes and extent of images, changed without interpolation."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk


def reorient(image: sitk.Image, orientation: str) -> sitk.Image:
    """Reorder and flip the axes of a volume so that they point as near as can be to where three letters say.

    Parameters
    ----------
    image : SimpleITK.Image
        3D; no voxel changes its place in space.
    orientation : str
        Where the first, second and third axis point to, such as ``LPS``.
    """
    return sitk.DICOMOrient(image, orientation)


def foreground_box(mask: sitk.Image, margin_mm: float) -> tuple[slice, ...]:
    """Return the slices, x first, that cut an image to where a mask is not zero, and a margin around it.

    Parameters
    ----------
    mask : SimpleITK.Image
        Not zero somewhere.
    margin_mm : float
        Rounded up to whole voxels; ends at the border of the image.
    """
    inside = sitk.GetArrayViewFromImage(mask) != 0
    box = []
    for axis, (size, spacing_mm) in enumerate(zip(mask.GetSize(), mask.GetSpacing(), strict=True)):
        others = tuple(k for k in range(inside.ndim) if k != inside.ndim - 1 - axis)
        occupied = np.flatnonzero(inside.any(axis=others))
        margin = math.ceil(margin_mm / spacing_mm - 1e-6)
        box.append(slice(max(0, int(occupied[0]) - margin), min(size, int(occupied[-1]) + 1 + margin)))
    return tuple(box)
