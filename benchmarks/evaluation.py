"""What a backend is given, and the scores of what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from adapters.interface import Problem
from benchmarks.metrics import intensity, overlap, points, regularity
from benchmarks.metrics.overlap import Counts
from benchmarks.metrics.region import bounding_box
from benchmarks.metrics.surface import label_distances
from benchmarks.normalisation import NormalisedPair, normalise
from benchmarks.resampling import (
    FloatArray,
    InvalidResult,
    cheaply,
    compose,
    covered_fraction,
    displacement_field,
    inside_fraction,
    linear_map,
    voxel_centres,
    warp_image,
    warp_labels,
)
from datasets.pair import Pair

__all__ = ["Evaluation", "InvalidResult", "evaluate", "problem_of"]

Score = float | None

_PER_LABEL: Mapping[str, Callable[[Counts], Score]] = {
    "dice": overlap.dice,
    "jaccard": overlap.jaccard,
    "target_overlap": overlap.target_overlap,
    "false_negative": overlap.false_negative,
    "false_positive": overlap.false_positive,
    "volume_similarity": overlap.volume_similarity,
}
_POOLED: Mapping[str, Callable[[list[Counts]], Score]] = {
    "dice_pooled": overlap.dice_pooled,
    "jaccard_pooled": overlap.jaccard_pooled,
    "target_overlap_pooled": overlap.target_overlap_pooled,
}
_PROBES = 10_000  # voxels of the mask by which a transform that loses the moving image is recognised
_COVERED = (
    0.9  # of these, which a displacement field must at least cover; coarse ones may end short of the border
)
_SURFACE = ("hd95_mm", "assd_mm")


@dataclass(frozen=True)
class Evaluation:
    """Scores of one transform.

    Attributes
    ----------
    scores : mapping of str to float or None
        Keys of ``benchmarks.catalogue``; None where the pair does not define a score. Those of labels are
        means over labels, or pooled; a mean is None when one of its labels has no such score, because a mean
        over fewer labels could not be compared.
    labels : mapping of str to mapping
        Per label name the same overlap and surface scores, and the counts behind them: ``source_voxels``
        (warped), ``target_voxels`` (fixed), ``common_voxels``.
    """

    scores: Mapping[str, Score]
    labels: Mapping[str, Mapping[str, Score]]


def problem_of(pair: Pair, *, reveal_truth: bool = False, images: NormalisedPair | None = None) -> Problem:
    """Return what a backend sees of a pair.

    Intensities are normalised. With a prealignment, the moving image and its mask are resampled through it
    onto the fixed grid; without one they stay on their own grid.

    Parameters
    ----------
    pair : Pair
        The pair.
    reveal_truth : bool
        Hand over the true transform, relative to the prealigned start; for reference rows alone.
    images : NormalisedPair or None
        What :func:`normalise` makes of the pair, where that is known already.

    Raises
    ------
    ValueError
        When the pair's images or mask cannot be normalised.
    """
    images = images or normalise(pair)
    moving, moving_mask = images.moving, pair.moving_mask
    if pair.prealignment is not None:
        moving = warp_image(moving, pair.prealignment, pair.fixed, outside=0.0)
        if moving_mask is not None:
            moving_mask = warp_labels(moving_mask, pair.prealignment, pair.fixed)
    return Problem(
        fixed=images.fixed,
        moving=moving,
        fixed_mask=_binary(pair.fixed_mask),
        moving_mask=_binary(moving_mask),
        true_transform=_relative_truth(pair) if reveal_truth else None,
    )


def evaluate(
    pair: Pair,
    registration: sitk.Transform | None,
    inverse: sitk.Transform | None,
    images: NormalisedPair | None = None,
) -> Evaluation:
    """Score a transform: the original moving image and labels are resampled once through the whole of it.

    Parameters
    ----------
    pair : Pair
        The pair.
    registration : SimpleITK.Transform or None
        The backend's answer, fixed to (prealigned) moving points; None scores the prealigned start.
    inverse : SimpleITK.Transform or None
        The backend's inverse, where it has one.
    images : NormalisedPair or None
        What :func:`normalise` makes of the pair, where that is known already.

    Raises
    ------
    InvalidResult
        When a transform has another dimension than the pair, lies on another grid or is not finite, or when the
        whole transform leaves nothing of the moving image inside the mask.
    ValueError
        When the pair's images or mask cannot be normalised.
    """
    images = images or normalise(pair)
    if registration is not None:
        _check_dimension(registration, pair)
    transform = compose(registration, pair.prealignment, pair.info.dimension)
    displacement = displacement_field(transform, pair.fixed)
    _check_destinations(pair, registration, displacement, images)
    whole = cheaply(transform, displacement, pair.fixed)
    scores: dict[str, Score] = {}
    scores |= _intensity_scores(pair, images, whole)
    label_scores, labels = _label_scores(pair, whole)
    scores |= label_scores
    scores |= _point_scores(pair, registration, displacement, images.mask)
    scores |= _regularity_scores(pair, transform, displacement, images.mask)
    scores["inverse_consistency_mm"] = _inverse_consistency(pair, registration, inverse, images.mask)
    return Evaluation(scores, labels)


def _check_destinations(
    pair: Pair, registration: sitk.Transform | None, displacement: FloatArray, images: NormalisedPair
) -> None:
    index = np.argwhere(images.mask)
    probes = index[:: max(1, len(index) // _PROBES)]
    centres = voxel_centres(probes, pair.fixed)
    if registration is not None and (covered := covered_fraction(registration, centres)) < _COVERED:
        raise InvalidResult(
            f"the displacement field covers {covered:.0%} of the fixed mask: it lies on a wrong grid"
        )
    destinations = centres + displacement[tuple(probes.T)]
    if inside_fraction(destinations, pair.moving) == 0:
        raise InvalidResult("the transform maps every voxel of the fixed mask outside the moving image")


def _intensity_scores(pair: Pair, images: NormalisedPair, whole: sitk.Transform) -> dict[str, Score]:
    fixed = sitk.GetArrayFromImage(images.fixed)
    warped = sitk.GetArrayFromImage(warp_image(images.moving, whole, pair.fixed, outside=0.0))
    inside = fixed[images.mask].astype(np.float64), warped[images.mask].astype(np.float64)
    return {
        "rmse": intensity.rmse(*inside),
        "rmse_full": intensity.rmse(fixed, warped),
        "ncc": intensity.ncc(*inside),
        "nmi": intensity.nmi(*inside),
        "ssim": intensity.ssim(fixed, warped, images.mask),
    }


def _label_scores(pair: Pair, whole: sitk.Transform) -> tuple[dict[str, Score], dict[str, dict[str, Score]]]:
    names = scored_labels(pair)
    aggregated: dict[str, Score] = dict.fromkeys((*_PER_LABEL, *_SURFACE, *_POOLED), None)
    if not names:
        return aggregated, {}
    ids = list(names)
    target = overlap.indexed(sitk.GetArrayFromImage(pair.fixed_labels), ids)
    warped = warp_labels(pair.moving_labels, whole, pair.fixed)
    source = overlap.indexed(sitk.GetArrayFromImage(warped), ids)
    counts = overlap.count(source, target, len(ids))
    spacing_mm = pair.fixed.GetSpacing()[::-1]
    labels: dict[str, dict[str, Score]] = {}
    surfaces = label_distances(source, target, len(ids), spacing_mm)
    for label, label_counts, distances in zip(ids, counts, surfaces, strict=True):
        labels[names[label]] = {
            **{name: score(label_counts) for name, score in _PER_LABEL.items()},
            "hd95_mm": distances.hd95_mm if distances else None,
            "assd_mm": distances.assd_mm if distances else None,
            "source_voxels": float(label_counts.source),
            "target_voxels": float(label_counts.target),
            "common_voxels": float(label_counts.common),
        }
    for name in (*_PER_LABEL, *_SURFACE):
        aggregated[name] = _mean([scores[name] for scores in labels.values()])
    return aggregated | {name: score(counts) for name, score in _POOLED.items()}, labels


def scored_labels(pair: Pair) -> dict[int, str]:
    """Return the labels that are scored, with their names: those present in both of a pair's label images.

    All non-zero labels of a pair that names none are scored, under their numbers; names that several labels
    share get the number appended.
    """
    if pair.fixed_labels is None or pair.moving_labels is None:
        return {}
    present = [
        {int(label) for label in np.unique(sitk.GetArrayFromImage(image))} - {0}
        for image in (pair.fixed_labels, pair.moving_labels)
    ]
    common = sorted(present[0] & present[1])
    if not pair.label_names:
        return {label: str(label) for label in common}
    names = [pair.label_names.get(label) for label in common]
    return {
        label: name if names.count(name) == 1 else f"{name} ({label})"
        for label, name in zip(common, names, strict=True)
        if name is not None
    }


def _point_scores(
    pair: Pair,
    registration: sitk.Transform | None,
    displacement: FloatArray,
    mask: npt.NDArray[np.bool_],
) -> dict[str, Score]:
    if pair.true_transform is not None:
        truth = displacement_field(pair.true_transform, pair.fixed)
        errors_mm = points.distances_mm(displacement[mask], truth[mask])
    elif pair.fixed_landmarks is not None and pair.moving_landmarks is not None:
        transform = compose(registration, pair.prealignment, pair.info.dimension)
        mapped = np.array([transform.TransformPoint(point) for point in pair.fixed_landmarks.tolist()])
        if not np.isfinite(mapped).all():
            raise InvalidResult("the transform is not finite at the fixed landmarks")
        errors_mm = points.distances_mm(mapped, pair.moving_landmarks)
    else:
        return {"tre_mm": None, "tre_p95_mm": None}
    return {"tre_mm": points.mean_mm(errors_mm), "tre_p95_mm": points.percentile95_mm(errors_mm)}


def _regularity_scores(
    pair: Pair, transform: sitk.Transform, displacement: FloatArray, mask: npt.NDArray[np.bool_]
) -> dict[str, Score]:
    inner = regularity.interior(mask)
    if transform.IsLinear():
        everywhere = float(np.linalg.det(linear_map(transform)[0]))
        determinant = np.full(np.count_nonzero(inner), everywhere)
    elif inner.any():
        box = bounding_box(inner, margin=1)
        determinant = jacobian(displacement[box], pair.fixed)[inner[box]]
    else:
        determinant = np.empty(0)
    return {
        "folding_fraction": regularity.folding_fraction(determinant),
        "sd_log_jacobian": regularity.sd_log_jacobian(determinant),
        "min_jacobian": regularity.min_jacobian(determinant),
    }


def jacobian(displacement: FloatArray, grid: sitk.Image) -> FloatArray:
    """Return det J of x + u(x) on a grid, see :func:`benchmarks.metrics.regularity.jacobian_determinant`."""
    dimension = grid.GetDimension()
    direction = np.asarray(grid.GetDirection()).reshape(dimension, dimension)
    return regularity.jacobian_determinant(displacement, grid.GetSpacing(), direction)


def _inverse_consistency(
    pair: Pair,
    registration: sitk.Transform | None,
    inverse: sitk.Transform | None,
    mask: npt.NDArray[np.bool_],
) -> Score:
    if registration is None or inverse is None:
        return None
    _check_dimension(inverse, pair)
    round_trip = sitk.CompositeTransform([inverse, registration])
    # Two fields are interpolated at every voxel: no more of them than have to be.
    box = bounding_box(mask)
    around = displacement_field(round_trip, pair.fixed[tuple(reversed(box))])
    return points.mean_mm(np.linalg.norm(around[mask[box]], axis=-1))


def _check_dimension(transform: sitk.Transform, pair: Pair) -> None:
    if not isinstance(transform, sitk.Transform):
        raise InvalidResult(f"not a SimpleITK transform: {type(transform).__name__}")
    if transform.GetDimension() != pair.info.dimension:
        raise InvalidResult(f"the transform is {transform.GetDimension()}D, the pair {pair.info.dimension}D")


def _relative_truth(pair: Pair) -> sitk.Transform | None:
    if pair.true_transform is None or pair.prealignment is None:
        return pair.true_transform
    # prealignment(R(x)) = T(x), hence R = prealignment⁻¹ ∘ T.
    return sitk.CompositeTransform([pair.prealignment.GetInverse(), pair.true_transform])


def _binary(mask: sitk.Image | None) -> sitk.Image | None:
    return None if mask is None else sitk.Cast(mask != 0, sitk.sitkUInt8)


def _mean(scores: list[Score]) -> Score:
    defined = [score for score in scores if score is not None]
    return float(np.mean(defined)) if len(defined) == len(scores) else None
