"""Intensities brought to [0, 1] once, the same for every backend and for the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from benchmarks.resampling import compose, warp_image
from datasets.pair import Pair

LOW_PERCENTILE = 0.5
HIGH_PERCENTILE = 99.5


@dataclass(frozen=True)
class IntensityRange:
    """What becomes 0 and what becomes 1.

    Attributes
    ----------
    low, high : float
        Intensities, ``low`` < ``high``.
    """

    low: float
    high: float

    def apply(self, image: sitk.Image) -> sitk.Image:
        """Return an image scaled linearly and clipped to [0, 1], float32."""
        # In NumPy: a filter of ITK costs as much as a small image many times over.
        values = sitk.GetArrayViewFromImage(image).astype(np.float64)
        values -= self.low
        values /= self.high - self.low
        scaled = sitk.GetImageFromArray(values.clip(0.0, 1.0, out=values).astype(np.float32))
        scaled.CopyInformation(image)
        return scaled


@dataclass(frozen=True)
class NormalisedPair:
    """The two images of a pair on their own grids, intensities in [0, 1], float32.

    Attributes
    ----------
    fixed, moving : SimpleITK.Image
        Air is 0 or close to it, so that resamplers may pad with 0.
    mask : ndarray of bool
        Where metrics are computed: the fixed mask, or everywhere.
    """

    fixed: sitk.Image
    moving: sitk.Image
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PairRanges:
    """What becomes 0 and 1 in each image of a pair.

    Attributes
    ----------
    fixed, moving : IntensityRange
        Of the fixed and of the moving image.
    """

    fixed: IntensityRange
    moving: IntensityRange


def normalise(pair: Pair, ranges: PairRanges | None = None) -> NormalisedPair:
    """Scale both images of a pair by their own robust range.

    Parameters
    ----------
    pair : Pair
        The pair.
    ranges : PairRanges or None
        What :func:`robust_ranges` finds of the pair, where that is known already.

    Raises
    ------
    ValueError
        As :func:`robust_ranges` does.
    """
    ranges = ranges or robust_ranges(pair)
    return NormalisedPair(
        ranges.fixed.apply(pair.fixed), ranges.moving.apply(pair.moving), region_of_interest(pair)
    )


def robust_ranges(pair: Pair) -> PairRanges:
    """Return the robust range of both images of a pair.

    What becomes 0 is the 0.5th percentile of the whole image, which is air in most images; what becomes 1 is
    the 99.5th percentile inside the fixed mask, for the moving image where the prealignment brings the mask.
    Intensities beyond are clipped. The lower end is not measured inside the mask, because a mask that does
    not yet fit the moving image would include air there and none in the fixed image: equal tissue would get
    unequal values, and the true transform would not score best.

    Raises
    ------
    ValueError
        When the mask is empty or does not fit the fixed image, when the prealignment leaves nothing of the
        moving image inside the mask, or when an image is constant or not finite there.
    """
    name = pair.info.pair_id
    mask = region_of_interest(pair)
    moving = _at_start(pair)[mask]
    seen = moving[~np.isnan(moving)]
    if not seen.size:
        raise ValueError(
            f"pair {name}: the prealignment leaves nothing of the moving image in the fixed mask"
        )
    fixed = sitk.GetArrayViewFromImage(pair.fixed)[mask]
    return PairRanges(
        _robust_range(pair.fixed, fixed, f"pair {name}: the fixed image"),
        _robust_range(pair.moving, seen, f"pair {name}: the moving image"),
    )


def region_of_interest(pair: Pair) -> npt.NDArray[np.bool_]:
    """Return the fixed mask as an array, true everywhere where the pair has none.

    Raises
    ------
    ValueError
        When the mask is empty or has another size than the fixed image.
    """
    if pair.fixed_mask is None:
        return np.ones(pair.fixed.GetSize()[::-1], dtype=bool)
    if pair.fixed_mask.GetSize() != pair.fixed.GetSize():
        raise ValueError(
            f"pair {pair.info.pair_id}: the fixed mask has size {pair.fixed_mask.GetSize()}, "
            f"the fixed image {pair.fixed.GetSize()}"
        )
    mask = sitk.GetArrayViewFromImage(pair.fixed_mask) != 0
    if not mask.any():
        raise ValueError(f"pair {pair.info.pair_id}: the fixed mask is empty")
    return np.asarray(mask)


def _at_start(pair: Pair) -> npt.NDArray[Any]:
    """Return the moving image on the fixed grid through the prealignment, NaN where that leaves it."""
    if pair.prealignment is None and pair.moving.IsSameImageGeometryAs(pair.fixed, 0.0, 0.0):
        return np.asarray(sitk.GetArrayViewFromImage(pair.moving))
    start = compose(None, pair.prealignment, pair.info.dimension)
    return np.asarray(sitk.GetArrayFromImage(warp_image(pair.moving, start, pair.fixed, outside=np.nan)))


def _robust_range(image: sitk.Image, in_mask: npt.NDArray[np.float32], what: str) -> IntensityRange:
    everywhere = sitk.GetArrayViewFromImage(image)
    if not np.isfinite(everywhere).all():
        raise ValueError(f"{what} holds values that are not finite")
    low, high = percentile(everywhere, LOW_PERCENTILE), percentile(in_mask, HIGH_PERCENTILE)
    if not high > low:
        raise ValueError(f"{what} is constant, or dark throughout the fixed mask")
    return IntensityRange(low, high)


def percentile(values: npt.NDArray[Any], percent: float) -> float:
    """Return what ``np.percentile`` does, linear between two ranks, without what that costs more than a small image."""
    flat = values.ravel()
    rank = percent / 100 * (flat.size - 1)
    below = int(rank)
    above = min(below + 1, flat.size - 1)
    ordered = np.partition(flat, (below, above))
    low, high = float(ordered[below]), float(ordered[above])
    return low + (rank - below) * (high - low)
