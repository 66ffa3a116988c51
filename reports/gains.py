"""Tables of what registration changed: before and after by metric, and overlap by label."""

from __future__ import annotations

import pandas as pd

from benchmarks.catalogue import METRICS, Metric
from benchmarks.config import Config
from reports.numbers import NOT_AVAILABLE, certain_digits, fixed_digits, mean_and_sd, spread_of
from reports.study import BEFORE, Records, Run, Study, once_per_study, tracks_note
from reports.summary import ordered_runs
from reports.table import Cell, Column, Row, Table, number_columns, text_columns

COMPARED = ("dice", "tre_mm", "rmse", "ncc")


@once_per_study
def gain_tables(config: Config, records: Records) -> list[Table]:
    """Return averages before and after per dataset, and on how many pairs each run improved on the start."""
    study = Study.of(config, records)
    return [_gain_table(study, dataset) for dataset in study.datasets if _shown(study, dataset)]


@once_per_study
def label_tables(config: Config, records: Records) -> list[Table]:
    """Return mean Dice by label and run, of the datasets with labels."""
    study = Study.of(config, records)
    found = (_label_table(study, dataset) for dataset in study.datasets)
    return [table for table in found if table.rows]


def _shown(study: Study, dataset: str) -> list[Metric]:
    return [METRICS[name] for name in COMPARED if study.before(dataset, name).notna().any()]


def _gain_table(study: Study, dataset: str) -> Table:
    metrics = _shown(study, dataset)
    runs = [run for run in ordered_runs(study, dataset) if not run.reference]
    return Table(
        f"Before and after: {dataset}",
        (*text_columns("Run", "Track"), *number_columns([metric.title for metric in metrics])),
        tuple(
            Row(
                (
                    Cell(run.label),
                    Cell(run.track),
                    *(_gain_cell(study, dataset, run, metric) for metric in metrics),
                )
            )
            for run in runs
        ),
        "Mean before → mean after, over the pairs that have both; in brackets on how many of them the run is better "
        "than the start.",
    )


def _gain_cell(study: Study, dataset: str, run: Run, metric: Metric) -> Cell:
    both = pd.DataFrame(
        {"before": study.before(dataset, metric.name), "after": study.values(dataset, run.label, metric.name)}
    ).dropna()
    before, after = spread_of(both["before"]), spread_of(both["after"])
    if before is None or after is None:
        return Cell(NOT_AVAILABLE)
    change = both["after"] - both["before"]
    better = int((change > 0).sum() if metric.better == "higher" else (change < 0).sum())
    digits = certain_digits([before, after], metric)
    short = f"{fixed_digits(before.mean, digits)} → {fixed_digits(after.mean, digits)}"
    numbers = (("before", before.mean), ("after", after.mean), ("improved", better), ("n", len(both)))
    return Cell(f"{short} ({better}/{len(both)})", short=short, numbers=numbers)


def _label_table(study: Study, dataset: str) -> Table:
    runs = [run for run in ordered_runs(study, dataset) if not run.reference]
    dice = METRICS["dice"]
    found: dict[str, dict[str, list[float]]] = {}
    for pair in study.pairs(dataset):
        started = False
        for run in runs:
            result = study.result(dataset, pair, run.label)
            if result is None or not result.ok:
                continue
            first = result.repeats[0]
            scores = {run.label: first.labels} | ({} if started else {BEFORE: first.labels_before})
            started = started or bool(first.labels_before.rows)
            for column, labels in scores.items():
                for label, value in labels.column(dice.name).items():
                    found.setdefault(label, {}).setdefault(column, []).append(value)
    columns = [BEFORE, *(run.label for run in runs)]
    return Table(
        f"Dice by label: {dataset}",
        (Column("Label", "left"), *number_columns(columns)),
        tuple(Row((Cell(label), *_label_cells(found[label], columns, dice))) for label in found),
        "Mean ± standard deviation over the pairs that have the label, of the first repeat. Bold: the best run."
        + tracks_note(study, dataset),
    )


def _label_cells(values: dict[str, list[float]], columns: list[str], dice: Metric) -> list[Cell]:
    spreads = {name: spread_of(pd.Series(values.get(name, []), dtype=float)) for name in columns}
    digits = certain_digits([spread for spread in spreads.values() if spread], dice)
    means = {name: spread.mean for name, spread in spreads.items() if spread and name != BEFORE}
    best = max(means.values()) if len(set(means.values())) > 1 else None
    return [
        Cell(
            mean_and_sd(spread, digits),
            best is not None and means.get(name) == best,
            fixed_digits(spread.mean, digits),
            (("mean", spread.mean), ("sd", spread.sd), ("n", spread.n)),
        )
        if spread
        else Cell(NOT_AVAILABLE)
        for name, spread in spreads.items()
    ]
