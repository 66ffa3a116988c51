from __future__ import annotations

import math

import pandas as pd
import pytest

from benchmarks.catalogue import METRICS
from reports.numbers import (
    Spread,
    certain_digits,
    fixed_digits,
    mean_and_sd,
    median_and_quartiles,
    some_of,
    spread_of,
)


def test_spread_of_known_numbers_passes_over_undefined_ones() -> None:
    spread = spread_of(pd.Series([1.0, float("nan"), 2.0, 3.0, 6.0]))
    assert spread is not None
    assert (spread.n, spread.mean, spread.median, spread.largest) == (4, 3.0, 2.5, 6.0)
    assert spread.sd == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3))
    assert (spread.lower_quartile, spread.upper_quartile) == (1.75, 3.75)


def test_spread_of_nothing_is_none_and_no_zero() -> None:
    undefined = pd.Series([1.0, math.nan])[1:]
    assert spread_of(undefined) is None
    assert spread_of(undefined[1:]) is None


def test_single_value_is_printed_without_spread() -> None:
    spread = spread_of(pd.Series([0.12345]))
    assert spread is not None
    assert mean_and_sd(spread, 4) == "0.1235"
    assert median_and_quartiles(spread, 3) == "0.123"


def test_spread_is_printed_with_the_digits_of_its_average() -> None:
    spread = spread_of(pd.Series([1.0, 2.0, 3.0]))
    assert spread is not None
    assert mean_and_sd(spread, 0) == "2 ± 1"
    assert mean_and_sd(spread, 3) == "2.000 ± 1.000"
    assert median_and_quartiles(spread, 2) == "2.00 [1.50–2.50]"


def test_exact_zeros_are_told_from_rounded_ones() -> None:
    exact, rounded = spread_of(pd.Series([0.0, 0.0])), spread_of(pd.Series([0.0, 0.0001]))
    assert exact is not None
    assert rounded is not None
    assert (mean_and_sd(exact, 3), median_and_quartiles(exact, 3)) == ("0", "0")
    assert mean_and_sd(rounded, 3) == "0.000 ± 0.000"


@pytest.mark.parametrize(("sd", "digits"), [(40.0, 0), (2.0, 1), (0.4, 2), (0.03, 3), (0.00001, 3), (0.0, 3)])
def test_standard_error_keeps_two_digits(sd: float, digits: int) -> None:
    """Of four values, the standard error is half the standard deviation."""
    spreads = [Spread(4, 1.0, each, 1.0, 1.0, 1.0, 1.0) for each in (sd, 100 * sd)]
    assert certain_digits(spreads, METRICS["dice"]) == digits


def test_without_an_uncertainty_digits_are_those_of_the_catalogue() -> None:
    assert certain_digits([Spread(1, 1.0, math.nan, 1.0, 1.0, 1.0, 1.0)], METRICS["hd95_mm"]) == 2


def test_rounded_zero_has_no_sign() -> None:
    assert fixed_digits(-0.0001, 3) == "0.000"


def test_what_is_not_named_is_counted() -> None:
    assert [some_of("abcde"[:n], 3) for n in (0, 2, 3, 5)] == ["", "a, b", "a, b, c", "a, b, c and 2 more"]
