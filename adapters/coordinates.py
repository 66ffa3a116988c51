"""Between SimpleITK's world and the others': axis order, LPS and RAS, displacement arrays and transforms.

ITK's physical space is LPS (x to the left, y to the back, z to the head), in mm; NIfTI's, and so nibabel's
and DIPY's, is RAS: the first two axes are mirrored. A two-dimensional image is treated likewise, both of its
axes mirrored. Arrays in *grid order* are indexed ``[i, j, k]`` as ITK's indices are; NumPy views of SimpleITK
images are indexed the other way round, ``[k, j, i]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

FloatArray = npt.NDArray[np.floating[Any]]


def lps_ras_flip(dimension: int) -> npt.NDArray[np.float64]:
    """Return the homogeneous matrix between LPS and RAS; it is its own inverse.

    Returns
    -------
    ndarray, shape (dimension + 1, dimension + 1)
        diag(−1, −1, 1, 1) in 3D, diag(−1, −1, 1) in 2D.
    """
    flip = np.eye(dimension + 1)
    flip[0, 0] = flip[1, 1] = -1.0
    return flip


def index_to_lps(image: sitk.Image) -> npt.NDArray[np.float64]:
    """Return the homogeneous matrix from ITK indices to LPS millimetres."""
    dimension = image.GetDimension()
    matrix = np.eye(dimension + 1)
    direction = np.reshape(image.GetDirection(), (dimension, dimension))
    matrix[:dimension, :dimension] = direction * np.asarray(image.GetSpacing())
    matrix[:dimension, dimension] = image.GetOrigin()
    return matrix


def axes_to_lps(image: sitk.Image) -> npt.NDArray[np.float64]:
    """Return the homogeneous matrix that turns vectors along an image's axes into LPS ones."""
    dimension = image.GetDimension()
    matrix = np.eye(dimension + 1)
    matrix[:dimension, :dimension] = np.reshape(image.GetDirection(), (dimension, dimension))
    return matrix


def grid_array(image: sitk.Image) -> FloatArray:
    """Return a contiguous copy of a scalar image in grid order ``[i, j, k]``."""
    return np.array(sitk.GetArrayViewFromImage(image).T, order="C")


def grid_field_transform(field_mm: FloatArray, grid: sitk.Image) -> sitk.DisplacementFieldTransform:
    """Make a transform of a displacement array along the axes of its own grid.

    Parameters
    ----------
    field_mm : ndarray, shape (*size, dimension)
        Displacements in mm, grid order ``[i, j, k, component]``, components along the grid's own axes.
    grid : SimpleITK.Image
        Its geometry is the field's.

    Returns
    -------
    SimpleITK.DisplacementFieldTransform
        x ↦ x + u(x) in LPS millimetres; the identity outside the grid.

    Raises
    ------
    ValueError
        When the field's shape does not fit the grid.
    """
    dimension = grid.GetDimension()
    if field_mm.shape != (*grid.GetSize(), dimension):
        raise ValueError(
            f"displacement field of shape {field_mm.shape} does not fit a grid of size {grid.GetSize()}"
        )
    turned = field_mm @ axes_to_lps(grid)[:dimension, :dimension].T
    numpy_order = np.transpose(turned, (*reversed(range(dimension)), dimension))
    field = sitk.GetImageFromArray(np.ascontiguousarray(numpy_order, dtype=np.float64), isVector=True)
    return lps_field_transform(field, grid)


def lps_field_transform(field: sitk.Image, grid: sitk.Image) -> sitk.DisplacementFieldTransform:
    """Make a transform of a vector image in ITK's conventions, on the geometry of a grid.

    Geometry is taken from the grid because files (NIfTI above all) keep directions in single precision.

    Parameters
    ----------
    field : SimpleITK.Image
        Vectors in LPS millimetres, size of the grid. Not modified.
    grid : SimpleITK.Image
        Its geometry is the field's.

    Returns
    -------
    SimpleITK.DisplacementFieldTransform
    """
    owned = sitk.Cast(field, sitk.sitkVectorFloat64)
    owned.CopyInformation(grid)
    return sitk.DisplacementFieldTransform(owned)


def lps_matrix_transform(matrix_lps: FloatArray) -> sitk.AffineTransform:
    """Make a transform of a homogeneous matrix that maps LPS to LPS millimetres.

    Parameters
    ----------
    matrix_lps : ndarray, shape (dimension + 1, dimension + 1)

    Returns
    -------
    SimpleITK.AffineTransform
    """
    dimension = matrix_lps.shape[0] - 1
    transform = sitk.AffineTransform(dimension)
    transform.SetMatrix(matrix_lps[:dimension, :dimension].ravel().tolist())
    transform.SetTranslation(matrix_lps[:dimension, dimension].tolist())
    return transform


def ras_matrix_transform(matrix_ras: FloatArray) -> sitk.AffineTransform:
    """Make a transform of a homogeneous matrix that maps RAS to RAS millimetres.

    Parameters
    ----------
    matrix_ras : ndarray, shape (dimension + 1, dimension + 1)

    Returns
    -------
    SimpleITK.AffineTransform
        The same map in LPS millimetres.
    """
    flip = lps_ras_flip(matrix_ras.shape[0] - 1)
    return lps_matrix_transform(flip @ matrix_ras @ flip)


def centre_point(image: sitk.Image) -> tuple[float, ...]:
    """Return the physical point in the middle of an image's grid, LPS mm."""
    middle = [(size - 1) / 2 for size in image.GetSize()]
    return tuple(image.TransformContinuousIndexToPhysicalPoint(middle))
