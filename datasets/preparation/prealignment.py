"""The common linear start of all backends, by a tool that is none of them at their own job."""

from __future__ import annotations

from typing import Literal

import SimpleITK as sitk

from datasets.preparation.errors import StepError

LinearModel = Literal["rigid", "affine"]
Metric = Literal["correlation", "mattes"]

# One schedule for both stages: two levels, the finer of about so many voxels, which six or twelve numbers need
# no more of, and never finer than every second voxel.
_VOXELS = 2**17
_LEAST_SHRINK_FACTOR = 2
_ITERATIONS = 300
_SAMPLING_FRACTION = 0.5
# ITK's own tolerance is meant for intensities in the hundreds, not for a correlation.
_GRADIENT_TOLERANCE = 1e-8
_HISTOGRAM_BINS = 48
# SimpleITK's samples differ from call to call otherwise.
_SEED = 1


def prealign(fixed: sitk.Image, moving: sitk.Image, model: LinearModel, metric: Metric) -> sitk.Transform:
    """Align two images linearly with SimpleITK: centres of mass, then rigid, then affine where asked for.

    Parameters
    ----------
    fixed, moving : SimpleITK.Image
        Scalar images, 2D or 3D.
    model : {"rigid", "affine"}
        The last stage.
    metric : {"correlation", "mattes"}
        Correlation for one modality, Mattes' mutual information for two.

    Returns
    -------
    SimpleITK.Transform
        Maps physical points of the fixed image to physical points of the moving image.

    Raises
    ------
    StepError
        When there is nothing to align by.

    References
    ----------
    Mattes, D. et al., "PET-CT image registration in the chest using free-form deformations", IEEE
    Transactions on Medical Imaging 22(1), 2003: the mutual information.
    """
    fixed, moving = (sitk.Cast(image, sitk.sitkFloat32) for image in (fixed, moving))
    dimension = fixed.GetDimension()
    rigid = sitk.Euler3DTransform() if dimension == 3 else sitk.Euler2DTransform()
    moments = sitk.CenteredTransformInitializerFilter.MOMENTS
    try:
        start = sitk.CenteredTransformInitializer(fixed, moving, rigid, moments)
    except RuntimeError as error:
        raise StepError(f"has no centre of mass to start from ({_said(error)})") from None
    aligned = _optimise(fixed, moving, start, metric)
    if model == "rigid":
        return aligned
    affine = sitk.AffineTransform(dimension)
    affine.SetMatrix(aligned.GetMatrix())
    affine.SetTranslation(aligned.GetTranslation())
    affine.SetCenter(aligned.GetCenter())
    return _optimise(fixed, moving, affine, metric)


def _optimise(fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform, metric: Metric) -> sitk.Transform:
    method = sitk.ImageRegistrationMethod()
    if metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMattesMutualInformation(_HISTOGRAM_BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(_SAMPLING_FRACTION, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0,
        minStep=1e-4,
        numberOfIterations=_ITERATIONS,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=_GRADIENT_TOLERANCE,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    shrink = (fixed.GetNumberOfPixels() / _VOXELS) ** (1 / fixed.GetDimension())
    finer = max(_LEAST_SHRINK_FACTOR, round(shrink))
    method.SetShrinkFactorsPerLevel([2 * finer, finer])
    method.SetSmoothingSigmasPerLevel([finer, finer / 2])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetInitialTransform(start, inPlace=False)
    try:
        found = method.Execute(fixed, moving)
    except RuntimeError as error:
        raise StepError(f"cannot be aligned by SimpleITK ({_said(error)})") from None
    return found.GetBackTransform() if isinstance(found, sitk.CompositeTransform) else found


def _said(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]
