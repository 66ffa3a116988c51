"""On which pairs a run ended worse than it began, or did not end at all."""

from __future__ import annotations

from benchmarks.catalogue import METRICS, Metric
from benchmarks.config import Config
from reports.numbers import fixed_digits, some_of
from reports.study import Records, Run, Study, once_per_study
from reports.table import Column, Table, plain_row, text_columns

# A known transform or landmarks tell; intensities where there are none.
TELLING = ("tre_mm", "rmse")
NAMED_PAIRS = 20


@once_per_study
def divergence_table(config: Config, records: Records) -> Table:
    """Return the runs that diverged, each with its pairs; without a row where none did.

    A run diverges on a pair when it ends with a larger target registration error than it began with, or where there is
    none with a larger RMSE, by the digits that are printed, or when it fails.

    Parameters
    ----------
    config : Config
        Gives the order of datasets and runs.
    records : iterable of RunRecord, or Study
        All records; of several with the same run, pair and repeat the last counts.
    """
    study = Study.of(config, records)
    rows = []
    for dataset in study.datasets:
        asked = len(study.pairs(dataset))
        for run in study.competitors(dataset):
            said = [text for pair in study.pairs(dataset) if (text := _diverged(study, dataset, run, pair))]
            if said:
                title = f"{run.title} (oracle)" if run.label == study.oracle else run.title
                rows.append(plain_row((dataset, title, f"{len(said)}/{asked}", some_of(said, NAMED_PAIRS))))
    return Table(
        "Diverged",
        (*text_columns("Dataset", "Run"), Column("Pairs"), *text_columns("Which, and from where to where")),
        tuple(rows),
        f"Pairs on which a run ended worse than it began, by {METRICS[TELLING[0]].title} or where there is none by "
        f"{METRICS[TELLING[1]].title}, or failed.",
    )


def _diverged(study: Study, dataset: str, run: Run, pair: str) -> str:
    result = study.result(dataset, pair, run.label)
    if result is None:
        return ""
    if not result.ok:
        return f"{pair} ({result.status})"
    for metric in (METRICS[name] for name in TELLING):
        start, end = study.start(dataset, pair, metric.name), result.value(metric.name)
        if start is not None and end is not None:
            return _worse(pair, metric, start, end)
    return ""


def _worse(pair: str, metric: Metric, start: float, end: float) -> str:
    if round(end, metric.digits) <= round(start, metric.digits):
        return ""
    unit = " mm" if metric.name.endswith("_mm") else ""
    return f"{pair} ({fixed_digits(start, metric.digits)} to {fixed_digits(end, metric.digits)}{unit})"
