"""Confidence intervals by resampling subjects: pairs that share a subject are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Statistic = Literal["mean", "median"]

LEVEL = 0.95
DRAWS = 2000
# Percentile intervals of fewer draws of subjects are far too narrow.
FEWEST_SUBJECTS = 6
_SEED = 20061201


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Attributes
    ----------
    low, high : float
        Its ends, in the unit of the values.
    """

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance of the ends."""
        return (self.high - self.low) / 2

    def excludes(self, value: float) -> bool:
        """Tell whether a value lies outside."""
        return not self.low <= value <= self.high


class SubjectBootstrap:
    """Draws subjects with replacement; a pair counts as often as the product of its subjects' multiplicities.

    The pigeonhole bootstrap (Owen 2007, Annals of Applied Statistics 1(2):386-411): where pairs share subjects, a
    bootstrap of pairs takes their mean for better known than it is. A pair of one subject (two sessions, or a known
    deformation) counts as often as its subject is drawn.

    Parameters
    ----------
    subjects : sequence of tuple of str
        The subjects of each pair; of a subject named twice in a pair one counts.
    """

    def __init__(self, subjects: Sequence[tuple[str, ...]]) -> None:
        names = sorted({name for pair in subjects for name in pair})
        self.subjects = len(names)
        self._pairs = [frozenset(pair) for pair in subjects]
        self._weights = _weights(subjects, names) if self.subjects >= FEWEST_SUBJECTS else None

    def interval(self, values: FloatArray, statistic: Statistic = "mean") -> Interval | None:
        """Return the 95 % percentile interval of the mean or median over pairs.

        Parameters
        ----------
        values : array of shape (pairs,)
            NaN where a pair has none; it is left out of every draw.
        statistic : {"mean", "median"}
            Of what.

        Returns
        -------
        Interval or None
            None where the pairs that have a value are of fewer than 6 subjects.
        """
        defined = np.isfinite(values)
        left = [pair for pair, there in zip(self._pairs, defined, strict=True) if there]
        if self._weights is None or len(frozenset().union(*left)) < FEWEST_SUBJECTS:
            return None
        # Tens of megabytes, not to be copied where nothing is left out.
        drawn = self._weights if defined.all() else self._weights[:, defined]
        # A draw may hold both subjects of no pair: it says nothing.
        if not (says := drawn.any(axis=1)).all():
            drawn = drawn[says]
        if len(drawn) < DRAWS / 2:
            return None
        found = _means(drawn, values[defined]) if statistic == "mean" else _medians(drawn, values[defined])
        low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Interval(float(low), float(high))


def _weights(subjects: Sequence[tuple[str, ...]], names: Sequence[str]) -> FloatArray:
    draw = np.random.default_rng(_SEED)
    counts = draw.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS).astype(np.float64)
    place = {name: index for index, name in enumerate(names)}
    columns = [counts[:, sorted({place[name] for name in pair})].prod(axis=1) for pair in subjects]
    return np.stack(columns, axis=1)


def _means(weights: FloatArray, values: FloatArray) -> FloatArray:
    return np.asarray(weights @ values / weights.sum(axis=1), dtype=np.float64)


def _medians(weights: FloatArray, values: FloatArray) -> FloatArray:
    order = np.argsort(values)
    heaped = np.cumsum(weights[:, order], axis=1)
    half = heaped[:, -1:] / 2
    # The middle of the lower and the upper median, which for equal weights is the usual one.
    lower = np.argmax(heaped >= half, axis=1)
    upper = np.argmax(heaped > half, axis=1)
    ascending = values[order]
    return np.asarray((ascending[lower] + ascending[upper]) / 2, dtype=np.float64)
