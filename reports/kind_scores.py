"""The leading score of every kind of pair, a column per run: which run suits which kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from benchmarks.catalogue import Metric
from reports.numbers import NOT_AVAILABLE, fixed_digits, spread_of
from reports.outstanding import NEAR_MARK
from reports.pair_scores import MOST_ROWS, how_it_ended, leading_metric
from reports.ranking import best_of
from reports.study import BEFORE, IDENTITY, Run, Study, once_per_study
from reports.table import Cell, Column, Row, Table, number_columns

FEWEST_KINDS = 2
_CAPTION = (
    "mean over the pairs of a kind. Bold: the best of the row, of the runs that have a value on each of its pairs; all "
    f"that print the same, and none where all do. {NEAR_MARK}: within one standard error of the best, by the "
    "differences pair by pair; no test is made, because a kind has few pairs."
)


@once_per_study
def kind_table(study: Study, dataset: str) -> Table | None:
    """Return the leading score of every kind of pair, the winner of each bold.

    The config's oracle is shown and does not compete: the question is which of the others to take.

    Parameters
    ----------
    study : Study
        What to show.
    dataset : str
        Of which dataset.

    Returns
    -------
    Table or None
        None unless two kinds at least have several pairs each, or the pairs are too many for a table of their own,
        or the config asks (``report.by_kind``).
    """
    kinds = kinds_of(study, dataset)
    repeated = sum(len(pairs) > 1 for pairs in kinds.values())
    many = len(study.pairs(dataset)) > MOST_ROWS
    if repeated < FEWEST_KINDS and not many and not study.config.report.by_kind:
        return None
    metric, runs = leading_metric(study, dataset), study.runs(dataset)
    before = [] if any(run.backend == IDENTITY for run in runs) else [BEFORE]
    oracle = f" {study.oracle} is the oracle and does not compete." if study.oracle else ""
    return Table(
        f"Scores by kind of pair: {dataset}",
        (Column("Kind", "left"), *number_columns(["Pairs", *before, *(run.title for run in runs)])),
        tuple(_row(study, dataset, metric, kind, pairs) for kind, pairs in kinds.items()),
        f"{metric.title}, {_CAPTION}{oracle}",
    )


def kinds_of(study: Study, dataset: str) -> Mapping[str, Sequence[str]]:
    """Return the pairs of each kind, in alphabetical order of the kinds."""
    kinds: dict[str, list[str]] = {}
    for pair in study.pairs(dataset):
        kinds.setdefault(study.kind(dataset, pair), []).append(pair)
    return dict(sorted(kinds.items()))


def _row(study: Study, dataset: str, metric: Metric, kind: str, pairs: Sequence[str]) -> Row:
    runs = study.runs(dataset)
    values = {run: study.values(dataset, run.label, metric.name)[list(pairs)] for run in runs}
    competing = {
        run: found
        for run, found in values.items()
        if not run.reference and run.label != study.oracle and found.notna().all()
    }
    printed = {run: fixed_digits(float(found.mean()), metric.digits) for run, found in competing.items()}
    best = best_of(printed, metric)
    near = _near(competing, best)
    cells = [Cell(kind), Cell(str(len(pairs)))]
    if not any(run.backend == IDENTITY for run in runs):
        cells.append(_cell(study.before(dataset, metric.name)[list(pairs)], metric, len(pairs)))
    for run, found in values.items():
        if found.notna().any():
            cells.append(_cell(found, metric, len(pairs), bold=run in best, near=run in near))
        else:
            cells.append(Cell(how_it_ended(study, dataset, pairs, run)))
    return Row(tuple(cells))


def _near(competing: Mapping[Run, pd.Series[float]], best: set[Run]) -> set[Run]:
    """Return the runs whose paired differences from the best average less than their standard error."""
    if not best:
        return set()
    leader = competing[min(best, key=lambda run: run.label)]
    near = set()
    for run in competing.keys() - best:
        spread = spread_of(competing[run] - leader)
        if spread and spread.n > 1 and abs(spread.mean) <= spread.sd / math.sqrt(spread.n):
            near.add(run)
    return near


def _cell(
    values: pd.Series[float], metric: Metric, asked: int, *, bold: bool = False, near: bool = False
) -> Cell:
    spread = spread_of(values)
    if spread is None:
        return Cell(NOT_AVAILABLE)
    text = fixed_digits(spread.mean, metric.digits)
    text += f" (n={spread.n})" if spread.n < asked else ""
    text += f" {NEAR_MARK}" if near else ""
    numbers = (("n", spread.n), ("mean", spread.mean), ("sd", spread.sd), ("median", spread.median))
    return Cell(text, bold, numbers=numbers)
