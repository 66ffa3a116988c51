"""What is kept of a registration's transform: a matrix where it is linear, else its displacement."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from benchmarks.kept_transforms import Frame, KeptTransform, LinearMap, PointMap, SampledMap
from benchmarks.normalisation import region_of_interest
from benchmarks.resampling import compose, displacement_field, index_to_world, linear_map
from datasets.pair import Pair


def kept_transform(pair: Pair, registration: sitk.Transform) -> KeptTransform:
    """Return the whole transform of a pair, with the true one where it is known.

    Parameters
    ----------
    pair : Pair
        The pair.
    registration : SimpleITK.Transform
        The backend's answer, fixed to (prealigned) moving points.

    Raises
    ------
    InvalidResult
        When a transform cannot be evaluated.
    """
    whole = compose(registration, pair.prealignment, pair.info.dimension)
    true = pair.true_transform
    return KeptTransform(
        fixed=_frame(pair.fixed),
        moving=_frame(pair.moving),
        mask=region_of_interest(pair),
        found=_point_map(whole, pair.fixed),
        true=None if true is None else _point_map(true, pair.fixed),
        sections=pair.info.sections,
    )


def _frame(image: sitk.Image) -> Frame:
    matrix, origin_mm = index_to_world(image)
    return Frame(image.GetSize()[::-1], matrix, origin_mm)


def _point_map(transform: sitk.Transform, grid: sitk.Image) -> PointMap:
    """Return a linear transform exactly, another one at the voxel centres of a grid in single precision."""
    if not transform.IsLinear():
        frame = _frame(grid)
        return SampledMap(displacement_field(transform, grid).astype(np.float32), frame)
    return LinearMap(*linear_map(transform))
