"""The leading score of every pair, a column per run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.catalogue import METRICS, Metric
from benchmarks.config import Config
from reports.numbers import NOT_AVAILABLE, fixed_digits, mean_and_sd, spread_of
from reports.ranking import best_of
from reports.study import BEFORE, IDENTITY, Records, Run, Study, tracks_note
from reports.table import Cell, Column, Row, Table, number_columns

# The first that any run has: a known transform tells most, intensities least.
PREFERRED = ("tre_mm", "dice", "rmse")
MOST_ROWS = 30


def pair_tables(config: Config, records: Records) -> list[Table]:
    """Return the leading score of every pair per dataset, or of every kind of pair where pairs are many.

    Parameters
    ----------
    config : Config
        Gives the order of datasets and runs.
    records : iterable of RunRecord, or Study
        All records; of several with the same run, pair and repeat the last counts.
    """
    study = Study.of(config, records)
    return [_pair_table(study, dataset) for dataset in study.datasets]


def _pair_table(study: Study, dataset: str) -> Table:
    pairs = study.pairs(dataset)
    runs = study.runs(dataset)
    metric = leading_metric(study, dataset)
    kinds = pd.Series({pair: study.kind(dataset, pair) for pair in pairs})
    by_kind = len(pairs) > MOST_ROWS
    groups = {str(kind): list(found) for kind, found in kinds.groupby(kinds).groups.items()}
    if not by_kind:
        groups = {pair: [pair] for pair in pairs}
    before = [] if any(run.backend == IDENTITY for run in runs) else [BEFORE]
    names = [*before, *(run.title for run in runs)]
    what = f"per kind of pair, {len(pairs)} pairs" if by_kind else "per pair"
    return Table(
        f"{metric.title} {what}: {dataset}",
        (Column("Kind" if by_kind else "Pair", "left"), *number_columns(names)),
        tuple(_group_row(study, dataset, metric, name, group) for name, group in groups.items()),
        "Bold: the best competitor of the row. A word in place of a number says how the job ended."
        + tracks_note(study, dataset),
    )


def leading_metric(study: Study, dataset: str) -> Metric:
    """Return the metric that tells most about a dataset of those that its runs have."""
    labels = [run.label for run in study.runs(dataset)]
    for name in PREFERRED:
        if any(study.values(dataset, label, name).notna().any() for label in labels):
            return METRICS[name]
    return METRICS[PREFERRED[-1]]


def _group_row(study: Study, dataset: str, metric: Metric, name: str, pairs: Sequence[str]) -> Row:
    runs = study.runs(dataset)
    spreads = {run: spread_of(study.values(dataset, run.label, metric.name)[list(pairs)]) for run in runs}
    complete = {
        run: fixed_digits(spread.mean, metric.digits)
        for run, spread in spreads.items()
        if spread and spread.n == len(pairs) and not run.reference
    }
    best = best_of(complete, metric)
    cells = [Cell(name)]
    if not any(run.backend == IDENTITY for run in runs):
        start = spread_of(study.before(dataset, metric.name)[list(pairs)])
        cells.append(Cell(mean_and_sd(start, metric.digits) if start else NOT_AVAILABLE))
    for run, spread in spreads.items():
        if spread:
            missing = f" (n={spread.n})" if spread.n < len(pairs) else ""
            cells.append(Cell(mean_and_sd(spread, metric.digits) + missing, run in best))
        else:
            cells.append(Cell(_how_it_ended(study, dataset, pairs, run)))
    return Row(tuple(cells))


def _how_it_ended(study: Study, dataset: str, pairs: Sequence[str], run: Run) -> str:
    results = [study.result(dataset, pair, run.label) for pair in pairs]
    statuses = sorted({str(result.status) for result in results if result and not result.ok})
    return ", ".join(statuses) if statuses else NOT_AVAILABLE
