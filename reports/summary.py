"""Score tables: one row per run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.aggregation import TIMES
from benchmarks.catalogue import METRICS, Metric
from benchmarks.config import Config
from benchmarks.noise import NoiseFloors
from reports.noise_floor import CALIBRATED, NO_CALIBRATION, forward_alone, noise_floor
from reports.numbers import (
    NOT_AVAILABLE,
    Spread,
    certain_digits,
    fixed_digits,
    location_text,
    mean_and_sd,
    median_and_quartiles,
    spread_of,
)
from reports.outstanding import NEAR_MARK, NEAR_NOTE, find_outstanding
from reports.statistics.bootstrap import FloatArray, Interval
from reports.study import BEFORE, IDENTITY, TRACK_ORDER, TRUTH, Records, Run, Study, once_per_study
from reports.table import Cell, Row, Table, number_columns, text_columns

# Overlap and target registration error lead: similarity alone is a poor surrogate of accuracy, so RMSE is
# printed beside the two numbers that tell at which price it was reached.
LEADING = ("dice", "tre_mm", "rmse", "folding_fraction", "sd_log_jacobian", "forward_s")
FURTHER = (
    "jaccard",
    "target_overlap",
    "hd95_mm",
    "assd_mm",
    "tre_p95_mm",
    "ncc",
    "nmi",
    "ssim",
    "min_jacobian",
    "inverse_consistency_mm",
)
# The smoothest transform is the one that does nothing: to be ahead in these is no merit.
UNRANKED = ("sd_log_jacobian", "min_jacobian")
ScoreStatistic = Literal["mean_sd", "median_iqr", "mean_interval"]
STATISTICS: Mapping[ScoreStatistic, str] = {
    "mean_sd": "Mean ± standard deviation",
    "median_iqr": "Median [quartiles]",
    "mean_interval": "Mean [95 % interval by bootstrap over subjects, which needs 6 of them]",
}
# Run, track and pairs ok stand before the scores.
NAMING_COLUMNS = 3
OVERLAPPING_MARK = " †"
OVERLAPPING_NOTE = " † Jobs overlapped: these timings are not comparable."


@dataclass(frozen=True)
class _Scores:
    """A row before it is printed: spreads by metric name."""

    run: Run
    ok: str
    complete: bool
    spreads: Mapping[str, Spread | None]
    ok_pairs: int


@once_per_study
def summary_tables(config: Config, records: Records, noise: NoiseFloors = NO_CALIBRATION) -> list[Table]:
    """Return the leading scores per dataset: a row per run, repeats averaged first, the best value bold.

    Parameters
    ----------
    config : Config
        Gives the order of datasets and runs.
    records : iterable of RunRecord, or Study
        All records; of several with the same run, pair and repeat the last counts.
    noise : NoiseFloors
        How far times of equals lie apart: a smaller difference is not called one.
    """
    study = Study.of(config, records)
    names = config.report.chosen_columns or LEADING
    return [
        score_table(study, dataset, names, f"Scores: {dataset}", noise_floor(study, dataset, noise))
        for dataset in study.datasets
    ]


@once_per_study
def further_tables(config: Config, records: Records) -> list[Table]:
    """Return the remaining scores per dataset, in the order of :func:`summary_tables`; no rows where none is left."""
    study = Study.of(config, records)
    shown = config.report.chosen_columns or LEADING
    names = [name for name in (*LEADING, *FURTHER) if name not in shown]
    tables = [score_table(study, dataset, names, f"Further scores: {dataset}") for dataset in study.datasets]
    return [table if len(table.columns) > NAMING_COLUMNS else Table(table.title, (), ()) for table in tables]


def score_table(
    study: Study,
    dataset: str,
    names: Sequence[str],
    title: str,
    floor: float | None = None,
    statistic: ScoreStatistic | None = None,
) -> Table:
    """Return a table of scores of one dataset.

    Parameters
    ----------
    study : Study
        What to show.
    dataset : str
        Of which dataset.
    names : sequence of str
        Metrics; those that no run has get no column.
    title : str
        Its heading.
    floor : float or None
        Ratio below which forward times differ by noise alone; of other times nobody measured one.
    statistic : {"mean_sd", "median_iqr", "mean_interval"} or None
        None takes the config's.
    """
    chosen = statistic or study.config.report.statistic
    rows = [_scores_of(study, dataset, run, names) for run in ordered_runs(study, dataset)]
    if not any(row.run.backend == IDENTITY for row in rows):
        rows.insert(0, _scores_before(study, dataset, names))
    metrics = [METRICS[name] for name in names if any(row.spreads[name] for row in rows)]
    columns = [
        _column(study, dataset, rows, metric, floor if metric.name == CALIBRATED else None, chosen)
        for metric in metrics
    ]
    mark = OVERLAPPING_MARK if study.overlapping(dataset) else ""
    times = [metric for metric in metrics if metric.name in TIMES]
    headings = [f"{metric.title}{mark}" if metric in times else metric.title for metric in metrics]
    return Table(
        title,
        (*text_columns("Run", "Track"), *number_columns(["Pairs ok", *headings])),
        tuple(
            Row((Cell(row.run.title), Cell(row.run.track), Cell(row.ok), *cells), row.run.reference)
            for row, *cells in zip(rows, *(column.cells for column in columns), strict=True)
        ),
        _caption(metrics, columns, floor, chosen) + (OVERLAPPING_NOTE if mark and times else ""),
    )


def ordered_runs(study: Study, dataset: str) -> list[Run]:
    """Return the runs of a dataset in the order that the config asks for."""
    runs = list(study.runs(dataset))
    if study.config.report.order == "config":
        return runs
    metric = METRICS[study.config.report.order]
    sign = 1 if metric.better == "lower" else -1

    def key(run: Run) -> tuple[bool, int, float]:
        spread = spread_of(study.values(dataset, run.label, metric.name))
        place = sign * _location(spread, metric, study.config.report.statistic) if spread else math.inf
        return run.backend != IDENTITY, TRACK_ORDER.index(run.track), math.inf if run.reference else place

    return sorted(runs, key=key)


@dataclass(frozen=True)
class _Column:
    """The cells of a metric, whether it misleads, and why no run could be told from the best; empty if some could."""

    cells: tuple[Cell, ...]
    marked: bool
    misleads: bool
    shortage: str


def _column(
    study: Study,
    dataset: str,
    rows: Sequence[_Scores],
    metric: Metric,
    floor: float | None,
    statistic: ScoreStatistic,
) -> _Column:
    spreads = [spread for row in rows if not row.run.reference and (spread := row.spreads[metric.name])]
    digits = certain_digits(spreads, metric)
    misleads = _misleads(rows, metric)
    outstanding = [
        find_outstanding(study, dataset, metric, _comparable(rows, metric, digits, statistic, track), floor)
        for track in dict.fromkeys(row.run.track for row in rows if not row.run.reference)
        if metric.name not in UNRANKED and not misleads
    ]
    best = frozenset().union(*(found.best for found in outstanding))
    near = frozenset().union(*(found.near for found in outstanding))
    cells = []
    for row in rows:
        interval = None
        if statistic == "mean_interval" and row.spreads[metric.name] and metric.name not in TIMES:
            interval = study.bootstrap(dataset).interval(_values(study, dataset, row.run, metric))
        cells.append(_score_cell(row, metric, digits, statistic, interval, (best, near)))
    short = next((one.shortage for one in outstanding if one.shortage), "")
    return _Column(tuple(cells), bool(near), misleads, short)


def _misleads(rows: Iterable[_Scores], metric: Metric) -> bool:
    """Tell whether the true transform scores worse than nothing done, as similarity does across contrasts."""
    by_backend = {row.run.backend: row.spreads[metric.name] for row in rows if row.run.reference}
    start, truth = by_backend.get(IDENTITY), by_backend.get(TRUTH)
    if start is None or truth is None or start.n != truth.n:
        return False
    return truth.mean > start.mean if metric.better == "lower" else truth.mean < start.mean


def _values(study: Study, dataset: str, run: Run, metric: Metric) -> FloatArray:
    before = run.label == BEFORE and run not in study.runs(dataset)
    found = study.before(dataset, metric.name) if before else study.values(dataset, run.label, metric.name)
    return np.asarray(found, dtype=np.float64)


def _comparable(
    rows: Iterable[_Scores], metric: Metric, digits: int, statistic: ScoreStatistic, track: str
) -> dict[str, str]:
    """Return the printed averages of the competitors of a track that have a value on every pair, by label."""
    return {
        row.run.label: fixed_digits(_location(spread, metric, statistic), digits)
        for row in rows
        if row.complete and row.run.track == track
        if (spread := row.spreads[metric.name]) and spread.n == row.ok_pairs
    }


def _caption(
    metrics: Sequence[Metric], columns: Sequence[_Column], floor: float | None, statistic: ScoreStatistic
) -> str:
    times = [metric.name for metric in metrics if metric.name in TIMES]
    what = "times" if len(times) > 1 else " ".join(f"{name.removesuffix('_s')} time" for name in times)
    medians = f" ({what}: median)" if times and statistic != "median_iqr" else ""
    said = (
        f"{STATISTICS[statistic]} over pairs, repeats averaged first{medians}. Bold: best of the runs of its track "
        "that are ok on every pair. Reference rows do not compete."
    )
    if set(times) - {CALIBRATED}:
        said += forward_alone(floor)
    if unranked := [metric.title for metric in metrics if metric.name in UNRANKED]:
        said += f" {' and '.join(unranked)}: none is called best, since doing nothing would be."
    misleading = [
        metric.title
        for metric, column in zip(metrics, columns, strict=True)
        if column.misleads and metric.name not in UNRANKED
    ]
    if misleading:
        said += (
            f" {' and '.join(misleading)}: none is called best, since the true transform is worse than none."
        )
    if any(column.marked for column in columns):
        said += f" {NEAR_MARK}: {NEAR_NOTE}"
    if short := next((column.shortage for column in columns if column.shortage), ""):
        said += f" Warning: {short}. Here bold tells which average is best, not that the run is better."
    return said


def _scores_of(study: Study, dataset: str, run: Run, names: Iterable[str]) -> _Scores:
    ok, asked = study.ok_count(dataset, run.label), len(study.pairs(dataset))
    spreads = {name: spread_of(study.values(dataset, run.label, name)) for name in names}
    if run.reference:
        # A reference row registers nothing, so that its time means nothing.
        spreads |= {name: None for name in spreads if name in TIMES}
    return _Scores(run, f"{ok}/{asked}", ok == asked, spreads, ok)


def _scores_before(study: Study, dataset: str, names: Iterable[str]) -> _Scores:
    spreads = {name: spread_of(study.before(dataset, name)) for name in names}
    pairs = max((spread.n for spread in spreads.values() if spread), default=0)
    return _Scores(Run(BEFORE, IDENTITY, "reference"), "–", False, spreads, pairs)


def _score_cell(
    row: _Scores,
    metric: Metric,
    digits: int,
    statistic: ScoreStatistic,
    interval: Interval | None,
    standing: tuple[frozenset[str], frozenset[str]],
) -> Cell:
    spread = row.spreads[metric.name]
    if spread is None:
        return Cell(NOT_AVAILABLE)
    short = location_text(spread, _location(spread, metric, statistic), digits)
    text = short
    if statistic == "median_iqr":
        text = median_and_quartiles(spread, digits)
    elif interval and not spread.all_zero:
        text = f"{short} [{fixed_digits(interval.low, digits)}, {fixed_digits(interval.high, digits)}]"
    elif metric.name not in TIMES and statistic == "mean_sd":
        text = mean_and_sd(spread, digits)
    best, near = standing
    after = "" if spread.n == row.ok_pairs else f" (n={spread.n})"
    after += f" {NEAR_MARK}" if row.run.label in near else ""
    return Cell(text + after, row.run.label in best, short + after, _numbers(spread, interval))


def _numbers(spread: Spread, interval: Interval | None) -> tuple[tuple[str, float], ...]:
    found = {
        "n": spread.n,
        "mean": spread.mean,
        "sd": spread.sd,
        "median": spread.median,
        "lower quartile": spread.lower_quartile,
        "upper quartile": spread.upper_quartile,
    }
    if interval:
        found |= {"interval low": interval.low, "interval high": interval.high}
    return tuple(found.items())


def _location(spread: Spread, metric: Metric, statistic: ScoreStatistic) -> float:
    return spread.median if metric.name in TIMES or statistic == "median_iqr" else spread.mean
