"""Intensities: the bias field of the coil, and the range."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from datasets.preparation.errors import StepError

# The field is smooth: it is sought on voxels of about this size and applied on the image's own.
_N4_SPACING_MM = 4.0
_N4_ITERATIONS = (50, 50, 50, 50)


def without_bias(image: sitk.Image, mask: sitk.Image) -> sitk.Image:
    """Divide an image by the bias field that N4 finds.

    Parameters
    ----------
    image : SimpleITK.Image
        Scalar image.
    mask : SimpleITK.Image
        Where the field is sought; values that are not positive have no logarithm and are left out.

    Returns
    -------
    SimpleITK.Image
        float32.

    Raises
    ------
    StepError
        When no value inside the mask is positive.

    References
    ----------
    Tustison, N. et al., "N4ITK: improved N3 bias correction", IEEE Transactions on Medical Imaging 29(6), 2010.
    """
    image = sitk.Cast(image, sitk.sitkFloat32)
    mask = sitk.Cast((mask != 0) & (image > 0), sitk.sitkUInt8)
    if not sitk.GetArrayViewFromImage(mask).any():
        raise StepError("holds no positive value inside the mask, so that N4 has no logarithm to take")
    factors = [
        max(1, min(round(_N4_SPACING_MM / mm), n // 8))
        for n, mm in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(_N4_ITERATIONS)
    n4.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
    return image / sitk.Cast(sitk.Exp(n4.GetLogBiasFieldAsImage(image)), sitk.sitkFloat32)


def scaled_to_unit(image: sitk.Image, percentiles: tuple[float, float]) -> sitk.Image:
    """Scale an image linearly so that two percentiles become 0 and 1, and clip it there; float32.

    Raises
    ------
    StepError
        When both percentiles are the same value.
    """
    low, high = (float(value) for value in np.percentile(sitk.GetArrayViewFromImage(image), percentiles))
    if not high > low:
        raise StepError(
            f"has the same value {low:g} at the percentiles {percentiles[0]:g} and {percentiles[1]:g}"
        )
    scaled = (sitk.Cast(image, sitk.sitkFloat64) - low) / (high - low)
    return sitk.Cast(sitk.Clamp(scaled, sitk.sitkFloat64, 0.0, 1.0), sitk.sitkFloat32)
