"""Axial slices of volumes, as 2D pairs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from datasets.base import DatasetError
from datasets.pair import Pair, PairInfo


def axial_info(info: PairInfo, height: float) -> PairInfo:
    """Name the slice of a pair at a share of its height."""
    return PairInfo(f"{info.pair_id}-axial{round(100 * height):02d}", 2, info.subjects, info.kind)


def axial_pair(pair: Pair, height: float, size: int, spacing_mm: float) -> Pair:
    """Cut one axial slice out of a 3D pair.

    The moving image is resampled in the plane of the fixed slice through the prealignment: the 2D pair starts where
    the prealigned volumes stand, and motion out of the plane is lost.

    Parameters
    ----------
    pair : Pair
        3D images with a prealignment or on the same position in space.
    height : float
        Where to cut the fixed mask, or the fixed image where it is not zero: 0 is the lowest point, 1 the highest.
    size : int
        Samples along both axes.
    spacing_mm : float
        Pixel size.

    Returns
    -------
    Pair
        2D, x to the patient's left, y to the back; labels and masks come along.

    Raises
    ------
    DatasetError
        When a mask does not reach the slice.
    """
    plane = _plane(pair.fixed if pair.fixed_mask is None else pair.fixed_mask, height, size, spacing_mm)
    still = sitk.Transform(3, sitk.sitkIdentity)
    start = pair.prealignment or still

    def cut(image: sitk.Image | None, transform: sitk.Transform, interpolator: int) -> sitk.Image | None:
        if image is None:
            return None
        resampled = sitk.Resample(image, plane, transform, interpolator, 0.0, image.GetPixelID())
        return resampled[:, :, 0]

    fixed, moving = (sitk.Cast(image, sitk.sitkFloat32) for image in (pair.fixed, pair.moving))
    linear, nearest = sitk.sitkLinear, sitk.sitkNearestNeighbor
    flat = replace(
        pair,
        info=axial_info(pair.info, height),
        fixed=cut(fixed, still, linear),
        moving=cut(moving, start, linear),
        fixed_mask=cut(pair.fixed_mask, still, nearest),
        moving_mask=cut(pair.moving_mask, start, nearest),
        fixed_labels=cut(pair.fixed_labels, still, nearest),
        moving_labels=cut(pair.moving_labels, start, nearest),
        true_transform=None,
        prealignment=None,
        fixed_landmarks=None,
        moving_landmarks=None,
    )
    for side, mask in (("fixed", flat.fixed_mask), ("moving", flat.moving_mask)):
        if mask is not None and not sitk.GetArrayViewFromImage(mask).any():
            raise DatasetError(
                f"pair {flat.info.pair_id}: the {side} mask does not reach this slice: ask for another height "
                "or a better prealignment"
            )
    return flat


def _plane(image: sitk.Image, height: float, size: int, spacing_mm: float) -> sitk.Image:
    """Return an axis-aligned grid of one slice, centred on the image, at a share of its foreground's height."""
    upright = sitk.DICOMOrient(image, "LPS")
    occupied = np.flatnonzero(sitk.GetArrayViewFromImage(upright).any(axis=(1, 2)))
    lowest, highest = (int(occupied[0]), int(occupied[-1])) if occupied.size else (0, upright.GetDepth() - 1)
    index = [(n - 1) // 2 for n in upright.GetSize()[:2]] + [round(lowest + height * (highest - lowest))]
    # A whole number of samples from a voxel's centre, so that an image on this spacing is not interpolated.
    centre = upright.TransformIndexToPhysicalPoint(index)
    plane = sitk.Image([size, size, 1], sitk.sitkUInt8)
    plane.SetSpacing([spacing_mm] * 3)
    half = math.floor(size / 2) * spacing_mm
    plane.SetOrigin([centre[0] - half, centre[1] - half, centre[2]])
    return plane
