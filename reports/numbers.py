"""Spread of a few numbers, and how numbers are printed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.catalogue import Metric

NOT_AVAILABLE = "n/a"


@dataclass(frozen=True)
class Spread:
    """Location and spread of the values of one run, one per pair.

    Attributes
    ----------
    n : int
        How many values.
    mean, sd : float
        Mean and sample standard deviation; ``sd`` is NaN for a single value.
    median, lower_quartile, upper_quartile, largest : float
        Quartiles are interpolated linearly.
    """

    n: int
    mean: float
    sd: float
    median: float
    lower_quartile: float
    upper_quartile: float
    largest: float

    @property
    def all_zero(self) -> bool:
        """Whether every value is exactly zero."""
        return self.mean == 0 == self.largest


def spread_of(values: pd.Series[float]) -> Spread | None:
    """Return the spread of the values that are defined; None when there is none."""
    defined = values.dropna()
    if defined.empty:
        return None
    numbers = defined.to_numpy()
    lower_quartile, median, upper_quartile = np.percentile(numbers, (25, 50, 75)).tolist()
    return Spread(
        n=len(numbers),
        mean=float(numbers.mean()),
        sd=float(numbers.std(ddof=1)) if len(numbers) > 1 else math.nan,
        median=median,
        lower_quartile=lower_quartile,
        upper_quartile=upper_quartile,
        largest=float(numbers.max()),
    )


def some_of(names: Sequence[str], most: int) -> str:
    """Print the first of several names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def fixed_digits(value: float, digits: int) -> str:
    """Print with so many decimals, a rounded zero without a sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def certain_digits(spreads: Iterable[Spread], metric: Metric) -> int:
    """Return how many decimals a column is worth: the smallest standard error in it keeps two significant digits.

    At most the catalogue's, which also hold where no uncertainty is known.
    """
    errors = [spread.sd / math.sqrt(spread.n) for spread in spreads if spread.n > 1 and spread.sd > 0]
    if not errors:
        return metric.digits
    return max(0, min(metric.digits, 1 - math.floor(math.log10(min(errors)))))


def location_text(spread: Spread, location: float, digits: int) -> str:
    """Print a mean or median; where all values are exactly zero, which rounding would hide, a bare 0."""
    return "0" if spread.all_zero else fixed_digits(location, digits)


def mean_and_sd(spread: Spread, digits: int) -> str:
    """Print ``mean ± sd``, or the only value."""
    mean = location_text(spread, spread.mean, digits)
    return mean if spread.n == 1 or spread.all_zero else f"{mean} ± {fixed_digits(spread.sd, digits)}"


def median_and_quartiles(spread: Spread, digits: int) -> str:
    """Print ``median [quartile–quartile]``, or the only value."""
    median = location_text(spread, spread.median, digits)
    if spread.n == 1 or spread.all_zero:
        return median
    low = fixed_digits(spread.lower_quartile, digits)
    return f"{median} [{low}–{fixed_digits(spread.upper_quartile, digits)}]"
