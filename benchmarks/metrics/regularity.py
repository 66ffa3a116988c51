"""How smooth and how invertible a transform is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.metrics.region import Box

FloatArray = npt.NDArray[np.float64]

BORDER_VOXELS = 2


def jacobian_determinant(
    displacement_mm: FloatArray, spacing_mm: npt.ArrayLike, direction: npt.ArrayLike
) -> FloatArray:
    """Return det J of φ(x) = x + u(x), by central differences (one-sided at the image's border).

    Parameters
    ----------
    displacement_mm : ndarray of shape (*shape, dimension)
        u in mm along the physical axes x, y(, z); array axes are the reverse of the image's.
    spacing_mm : array_like of shape (dimension,)
        Voxel size along the image's axes, ITK's order.
    direction : array_like of shape (dimension, dimension)
        Direction cosines, one column for each image axis.

    Returns
    -------
    ndarray of shape ``shape``
        1 for the identity, ≤ 0 where the transform folds.

    Raises
    ------
    ValueError
        When an axis has a single sample, along which there is no derivative.
    """
    dimension = displacement_mm.shape[-1]
    if min(displacement_mm.shape[:-1]) < 2:
        raise ValueError(f"no derivative along an axis of one sample: shape {displacement_mm.shape[:-1]}")
    # x = origin + direction · diag(spacing) · index, hence d/dx = d/d(index) · world_to_index.
    world_to_index = np.linalg.inv(np.asarray(direction, float) @ np.diag(np.asarray(spacing_mm, float)))
    rows = []
    for component in range(dimension):
        along_index = np.gradient(displacement_mm[..., component], axis=tuple(reversed(range(dimension))))
        rows.append(
            [
                sum(
                    (along_index[k] * world_to_index[k, j] for k in range(dimension) if world_to_index[k, j]),
                    start=np.full(displacement_mm.shape[:-1], float(component == j)),
                )
                for j in range(dimension)
            ]
        )
    return _determinant(rows)


def interior(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return a mask without the voxels within two of the image's border, where differences are one-sided."""
    inner = np.zeros_like(mask)
    box: Box = (slice(BORDER_VOXELS, -BORDER_VOXELS),) * mask.ndim
    inner[box] = mask[box]
    return inner


def folding_fraction(determinant: FloatArray) -> float | None:
    """Return the fraction of det J ≤ 0 among samples; None where there are none."""
    return float(np.mean(determinant <= 0)) if determinant.size else None


def sd_log_jacobian(determinant: FloatArray) -> float | None:
    """Return the standard deviation of log det J over the samples that do not fold; None where all do."""
    positive = determinant[determinant > 0]
    return float(np.std(np.log(positive))) if positive.size else None


def min_jacobian(determinant: FloatArray) -> float | None:
    """Return the smallest det J; None where there are no samples."""
    return float(determinant.min()) if determinant.size else None


def _determinant(m: list[list[FloatArray]]) -> FloatArray:
    if len(m) == 2:
        return m[0][0] * m[1][1] - m[0][1] * m[1][0]
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )
