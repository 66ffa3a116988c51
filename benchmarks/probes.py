"""Where a few points of the fixed image end in the moving one: enough to tell how far two solutions lie apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from benchmarks.resampling import compose, index_to_world, voxel_centres
from datasets.pair import Pair

PROBES = 32
# Digits of a millimetre that are kept.
DIGITS = 6

Probes = tuple[tuple[float, ...], ...]


def probes_mm(pair: Pair, registration: sitk.Transform, mask: npt.NDArray[np.bool_]) -> Probes:
    """Return where some voxels of a mask end, by a prealignment and a registration together.

    Positions are counted from the first voxel of the moving image along its own axes. They stay the same when the
    moving image is placed elsewhere in space and the transform follows it, so that solutions from several starts can
    be compared.

    Parameters
    ----------
    pair : Pair
        The pair.
    registration : SimpleITK.Transform
        A backend's answer, fixed to (prealigned) moving points.
    mask : ndarray of bool
        On the fixed grid, not empty; the same mask has the same probes, spread evenly over its voxels.

    Returns
    -------
    tuple of tuple of float
        At most ``PROBES`` points of ``dimension`` coordinates in mm, rounded to ``DIGITS``.
    """
    transform = compose(registration, pair.prealignment, pair.info.dimension)
    index = np.argwhere(mask)
    places = np.linspace(0, len(index) - 1, min(PROBES, len(index))).round().astype(int)
    points = voxel_centres(index[places], pair.fixed)
    ends = np.asarray([transform.TransformPoint(point) for point in points.tolist()])
    matrix, origin = index_to_world(pair.moving)
    own_axes = np.linalg.solve(matrix, (ends - origin).T).T * np.asarray(pair.moving.GetSpacing())
    return tuple(tuple(round(float(value), DIGITS) for value in point) for point in own_axes)
