"""Images on another voxel size over the same extent."""

from __future__ import annotations

import math

import SimpleITK as sitk


def resample_isotropic(image: sitk.Image, spacing_mm: float, *, labels: bool) -> sitk.Image:
    """Resample to cubic voxels over the same extent and in the same orientation.

    Parameters
    ----------
    image : SimpleITK.Image
        Scalar image.
    spacing_mm : float
        Voxel size wanted.
    labels : bool
        Nearest neighbour; otherwise linear after a Gaussian of half the new voxel size along axes that become
        coarser, so that fine detail does not alias.

    Returns
    -------
    SimpleITK.Image
        The extent is that of ``image``, to the next whole voxel, about the same centre.
    """
    old = image.GetSpacing()
    size = [max(1, math.ceil(n * mm / spacing_mm - 1e-6)) for n, mm in zip(image.GetSize(), old, strict=True)]
    centre = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing([spacing_mm] * image.GetDimension())
    grid.SetDirection(image.GetDirection())
    middle = grid.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size])
    grid.SetOrigin([wanted - got for wanted, got in zip(centre, middle, strict=True)])
    if labels:
        return sitk.Resample(image, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0, image.GetPixelID())
    smoothed = sitk.Cast(image, sitk.sitkFloat32)
    sigmas_mm = [spacing_mm / 2 if spacing_mm > mm * 1.01 else 0.0 for mm in old]
    if any(sigmas_mm):
        smoothed = sitk.DiscreteGaussian(smoothed, [max(sigma, 1e-6) ** 2 for sigma in sigmas_mm])
    return sitk.Resample(smoothed, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)
