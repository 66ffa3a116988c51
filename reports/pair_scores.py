"""The leading score of every pair, a column per run."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.catalogue import METRICS, Metric
from reports.numbers import NOT_AVAILABLE, fixed_digits
from reports.ranking import best_of
from reports.study import BEFORE, IDENTITY, Run, Study, once_per_study, tracks_note
from reports.table import Cell, Column, Row, Table, number_columns

# The first that any run has: a known transform tells most, intensities least.
PREFERRED = ("tre_mm", "dice", "rmse")
MOST_ROWS = 30


@once_per_study
def pair_table(study: Study, dataset: str) -> Table | None:
    """Return the leading score of every pair of a dataset; None where they are too many for a table.

    Parameters
    ----------
    study : Study
        What to show.
    dataset : str
        Of which dataset.
    """
    pairs, runs = study.pairs(dataset), study.runs(dataset)
    if len(pairs) > MOST_ROWS:
        return None
    metric = leading_metric(study, dataset)
    before = [] if any(run.backend == IDENTITY for run in runs) else [BEFORE]
    return Table(
        f"{metric.title} per pair: {dataset}",
        (Column("Pair", "left"), *number_columns([*before, *(run.title for run in runs)])),
        tuple(_pair_row(study, dataset, metric, pair) for pair in pairs),
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


def how_it_ended(study: Study, dataset: str, pairs: Sequence[str], run: Run) -> str:
    """Return the statuses of a run on pairs where it has no score."""
    results = [study.result(dataset, pair, run.label) for pair in pairs]
    statuses = sorted({str(result.status) for result in results if result and not result.ok})
    return ", ".join(statuses) if statuses else NOT_AVAILABLE


def _pair_row(study: Study, dataset: str, metric: Metric, pair: str) -> Row:
    runs = study.runs(dataset)
    values = {run: float(study.values(dataset, run.label, metric.name)[pair]) for run in runs}
    printed = {run: fixed_digits(value, metric.digits) for run, value in values.items() if value == value}
    best = best_of({run: text for run, text in printed.items() if not run.reference}, metric)
    cells = [Cell(pair)]
    if not any(run.backend == IDENTITY for run in runs):
        start = study.start(dataset, pair, metric.name)
        cells.append(Cell(NOT_AVAILABLE if start is None else fixed_digits(start, metric.digits)))
    for run in runs:
        if run in printed:
            cells.append(Cell(printed[run], run in best))
        else:
            cells.append(Cell(how_it_ended(study, dataset, [pair], run)))
    return Row(tuple(cells))
