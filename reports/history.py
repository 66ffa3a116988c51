"""A metric over the commits whose records a store holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.aggregation import TIMES, pair_results
from benchmarks.catalogue import Metric
from benchmarks.records import RunRecord
from reports.numbers import NOT_AVAILABLE, fixed_digits
from reports.run_comparison import commits_of, state_at
from reports.table import Cell, Row, Table, number_columns, text_columns


@dataclass(frozen=True)
class Trend:
    """The average of a metric, commit by commit: means of scores, medians of times.

    Attributes
    ----------
    metric : Metric
        Of what.
    commits : tuple of str
        In the order of their first records.
    averages : mapping of (str, str) to tuple of float
        By dataset and run: a number per commit over the pairs that were ok, NaN where there was none yet. A run that
        a commit left alone keeps its number.
    """

    metric: Metric
    commits: tuple[str, ...]
    averages: Mapping[tuple[str, str], tuple[float, ...]]

    @classmethod
    def of(cls, records: Sequence[RunRecord], metric: Metric) -> Trend:
        """Work out the averages of every state of a store."""
        commits = tuple(commits_of(records))
        found = [averages_of(state_at(records, commit), metric) for commit in commits]
        keys = dict.fromkeys(key for averages in found for key in averages)
        return cls(metric, commits, {key: tuple(one.get(key, math.nan) for one in found) for key in keys})


def averages_of(records: Iterable[RunRecord], metric: Metric) -> Mapping[tuple[str, str], float]:
    """Return the average of a metric by dataset and run."""
    values: dict[tuple[str, str], list[float]] = {}
    for key, runs in pair_results(records).items():
        for run, result in runs.items():
            if (value := result.value(metric.name)) is not None:
                values.setdefault((key.dataset, run), []).append(value)
    return {key: median(v) if metric.name in TIMES else fmean(v) for key, v in values.items()}


def history_table(trend: Trend) -> Table:
    """Return a row per dataset and run, a column per commit."""
    return Table(
        f"{trend.metric.title} by commit",
        (*text_columns("Dataset", "Run"), *number_columns(trend.commits)),
        tuple(
            Row((*map(Cell, key), *(_average(value, trend.metric) for value in values)))
            for key, values in trend.averages.items()
        ),
        "Mean over the pairs that were ok, of times the median. A run that a commit left alone keeps its numbers.",
    )


def _average(value: float, metric: Metric) -> Cell:
    if math.isnan(value):
        return Cell(NOT_AVAILABLE)
    return Cell(fixed_digits(value, metric.digits), numbers=(("value", value),))
