"""The only resampler of the harness, and what transforms look like on a grid.

All transforms map physical points of the fixed image to physical points of the moving one, in mm.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

FloatArray = npt.NDArray[np.float64]


class InvalidResult(ValueError):  # noqa: N818
    """A backend returned a transform that cannot be evaluated."""


def compose(
    registration: sitk.Transform | None, prealignment: sitk.Transform | None, dimension: int
) -> sitk.Transform:
    """Return x ↦ prealignment(registration(x)); None stands for the identity.

    The registration comes first, because it maps to points of the prealigned image.
    """
    match registration, prealignment:
        case None, None:
            return sitk.Transform(dimension, sitk.sitkIdentity)
        case None, only:
            return only
        case only, None:
            return only
        case _:
            # ITK applies the transform that was added last first.
            return sitk.CompositeTransform([prealignment, registration])


def displacement_field(transform: sitk.Transform, grid: sitk.Image) -> FloatArray:
    """Return T(x) − x at every voxel centre of a grid.

    Returns
    -------
    ndarray of shape (*shape, dimension)
        mm along the physical axes x, y(, z).

    Raises
    ------
    InvalidResult
        When this is no transform, when it has another dimension than the grid, cannot be evaluated, or yields
        a value that is not finite.
    """
    if not isinstance(transform, sitk.Transform):
        raise InvalidResult(f"not a SimpleITK transform: {type(transform).__name__}")
    if transform.GetDimension() != grid.GetDimension():
        raise InvalidResult(
            f"the transform is {transform.GetDimension()}D, the fixed image {grid.GetDimension()}D"
        )
    try:
        array = _linear_field(transform, grid) if transform.IsLinear() else _field(transform, grid)
    except RuntimeError as error:
        raise InvalidResult(f"the transform cannot be evaluated: {error}") from error
    if not np.isfinite(array).all():
        share = 1.0 - float(np.isfinite(array).all(axis=-1).mean())
        raise InvalidResult(f"the transform is not finite at {share:.2%} of the fixed image's voxels")
    return array


def _field(transform: sitk.Transform, grid: sitk.Image) -> FloatArray:
    field = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        grid.GetSize(),
        grid.GetOrigin(),
        grid.GetSpacing(),
        grid.GetDirection(),
    )
    array: FloatArray = sitk.GetArrayFromImage(field)
    return array


def _linear_field(transform: sitk.Transform, grid: sitk.Image) -> FloatArray:
    """Add up what each index contributes: A x + b − x, where x is linear in the index."""
    matrix, offset = linear_map(transform)
    to_world, origin = index_to_world(grid)
    growth = matrix - np.eye(grid.GetDimension())
    field, steps = np.asarray(growth @ origin + offset), growth @ to_world
    for axis, size in enumerate(grid.GetSize()):
        # Lines of x, then planes, then the volume: an array axis more in front each time.
        index = np.arange(size).reshape(size, *[1] * (axis + 1))
        field = field + index * steps[:, axis]
    return field


def linear_map(transform: sitk.Transform) -> tuple[FloatArray, FloatArray]:
    """Return matrix and offset in mm of a linear transform x ↦ A x + b."""
    dimension = transform.GetDimension()
    offset = np.asarray(transform.TransformPoint([0.0] * dimension))
    axes = np.array([transform.TransformPoint(axis) for axis in np.eye(dimension).tolist()])
    with np.errstate(invalid="ignore"):
        return (axes - offset).T, offset


def cheaply(transform: sitk.Transform, displacement_mm: FloatArray, grid: sitk.Image) -> sitk.Transform:
    """Return a transform that agrees with another at a grid's voxel centres and costs little to evaluate there.

    Parameters
    ----------
    transform : SimpleITK.Transform
        The other one.
    displacement_mm : ndarray of shape (*shape, dimension)
        Its :func:`displacement_field` on the grid.
    grid : SimpleITK.Image
        The grid.
    """
    return transform if transform.IsLinear() else sampled(displacement_mm, grid)


def sampled(displacement_mm: FloatArray, grid: sitk.Image) -> sitk.Transform:
    """Return a transform that has the given displacement at the grid's voxel centres."""
    field = sitk.GetImageFromArray(displacement_mm, isVector=True)
    field.CopyInformation(grid)
    return sitk.DisplacementFieldTransform(field)


def warp_image(image: sitk.Image, transform: sitk.Transform, grid: sitk.Image, outside: float) -> sitk.Image:
    """Return an image resampled onto a grid, linearly; ``outside`` where the transform leaves it."""
    return sitk.Resample(image, grid, transform, sitk.sitkLinear, outside, sitk.sitkFloat32)


def warp_labels(labels: sitk.Image, transform: sitk.Transform, grid: sitk.Image) -> sitk.Image:
    """Return labels or a mask resampled onto a grid, nearest neighbour; 0 where the transform leaves them."""
    return sitk.Resample(labels, grid, transform, sitk.sitkNearestNeighbor, 0, labels.GetPixelID())


def inside_fraction(points_mm: FloatArray, image: sitk.Image) -> float:
    """Return the fraction of points, shape (n, dimension), inside an image's extent, outer edges included."""
    matrix, origin = index_to_world(image)
    index = np.linalg.solve(matrix, (points_mm - origin).T)
    size = np.asarray(image.GetSize())[:, None]
    return float(np.mean(np.all((index >= -0.5) & (index <= size - 0.5), axis=0)))


def covered_fraction(transform: sitk.Transform, points_mm: FloatArray) -> float:
    """Return the fraction of points, shape (n, dimension), at which the transform that is applied first is defined.

    It is 1 unless that is a displacement field, which ITK takes for 0 outside its own grid.
    """
    first = transform.Downcast()
    while isinstance(first, sitk.CompositeTransform) and first.GetNumberOfTransforms():
        first = first.GetBackTransform().Downcast()
    if not isinstance(first, sitk.DisplacementFieldTransform):
        return 1.0
    return inside_fraction(points_mm, first.GetDisplacementField())


def voxel_centres(index: npt.NDArray[np.intp], grid: sitk.Image) -> FloatArray:
    """Return the physical points of array indices, both of shape (n, dimension)."""
    matrix, origin = index_to_world(grid)
    return np.asarray(index[:, ::-1] @ matrix.T + origin)


def index_to_world(image: sitk.Image) -> tuple[FloatArray, FloatArray]:
    """Return matrix and origin of the map from an image's index (x first) to physical points in mm."""
    dimension = image.GetDimension()
    direction = np.asarray(image.GetDirection()).reshape(dimension, dimension)
    return direction * np.asarray(image.GetSpacing()), np.asarray(image.GetOrigin())
