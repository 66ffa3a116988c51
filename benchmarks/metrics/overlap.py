"""Overlap of label images: S is the warped source, T the target (Klein et al. 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Counts:
    """Voxels of one label.

    Attributes
    ----------
    source, target, common : int
        |S|, |T| and |S ∩ T|.
    """

    source: int
    target: int
    common: int


def indexed(image: Labels, labels: Sequence[int]) -> npt.NDArray[np.intp]:
    """Return an image of positions in ``labels``, counted from 1; 0 where the voxel has none of them."""
    order = np.argsort(labels)
    known = np.asarray(labels)[order]
    position = np.minimum(np.searchsorted(known, image), len(known) - 1)
    return np.where(known[position] == image, order[position] + 1, 0)


def count(source: npt.NDArray[np.intp], target: npt.NDArray[np.intp], n_labels: int) -> list[Counts]:
    """Return the counts of every label, given two images of :func:`indexed`."""
    n = n_labels + 1
    joint = np.bincount((source * n + target).ravel(), minlength=n * n).reshape(n, n)
    of_source, of_target = joint.sum(axis=1), joint.sum(axis=0)
    return [Counts(int(of_source[k]), int(of_target[k]), int(joint[k, k])) for k in range(1, n)]


def dice(c: Counts) -> float | None:
    """Return 2|S ∩ T| / (|S| + |T|)."""
    return _ratio(2 * c.common, c.source + c.target)


def jaccard(c: Counts) -> float | None:
    """Return |S ∩ T| / |S ∪ T|."""
    return _ratio(c.common, c.source + c.target - c.common)


def target_overlap(c: Counts) -> float | None:
    """Return |S ∩ T| / |T|."""
    return _ratio(c.common, c.target)


def false_negative(c: Counts) -> float | None:
    """Return 1 − |S ∩ T| / |T|: the part of the target that the source misses."""
    return _ratio(c.target - c.common, c.target)


def false_positive(c: Counts) -> float | None:
    """Return 1 − |S ∩ T| / |S|: the part of the source outside the target; None for a label that was lost."""
    return _ratio(c.source - c.common, c.source)


def volume_similarity(c: Counts) -> float | None:
    """Return 2(|S| − |T|) / (|S| + |T|): positive where the warped label is too large."""
    return _ratio(2 * (c.source - c.target), c.source + c.target)


def dice_pooled(counts: Iterable[Counts]) -> float | None:
    """Return Σ 2|S ∩ T| / Σ (|S| + |T|) over labels."""
    counts = list(counts)
    return _ratio(sum(2 * c.common for c in counts), sum(c.source + c.target for c in counts))


def jaccard_pooled(counts: Iterable[Counts]) -> float | None:
    """Return Σ |S ∩ T| / Σ |S ∪ T| over labels."""
    counts = list(counts)
    return _ratio(sum(c.common for c in counts), sum(c.source + c.target - c.common for c in counts))


def target_overlap_pooled(counts: Iterable[Counts]) -> float | None:
    """Return Σ |S ∩ T| / Σ |T| over labels."""
    counts = list(counts)
    return _ratio(sum(c.common for c in counts), sum(c.target for c in counts))


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
