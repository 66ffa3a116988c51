"""Score tables: one row per run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.catalogue import METRICS, Metric
from benchmarks.config import Config
from benchmarks.noise import NoiseFloors
from reports.noise_floor import NO_CALIBRATION, noise_floor
from reports.numbers import NOT_AVAILABLE, Spread, fixed_digits, mean_and_sd, spread_of
from reports.ranking import best_of
from reports.study import BEFORE, IDENTITY, Records, Run, Study
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
    names = config.report.columns or LEADING
    return [
        _score_table(study, dataset, names, f"Scores: {dataset}", noise_floor(study, dataset, noise))
        for dataset in study.datasets
    ]


def further_tables(config: Config, records: Records) -> list[Table]:
    """Return the remaining scores per dataset, in the order of :func:`summary_tables`."""
    study = Study.of(config, records)
    shown = config.report.columns or LEADING
    names = [name for name in (*LEADING, *FURTHER) if name not in shown]
    return [_score_table(study, dataset, names, f"Further scores: {dataset}") for dataset in study.datasets]


def _score_table(
    study: Study, dataset: str, names: Sequence[str], title: str, floor: float | None = None
) -> Table:
    rows = [_scores_of(study, dataset, run, names) for run in study.runs(dataset)]
    if not any(row.run.backend == IDENTITY for row in rows):
        rows.insert(0, _scores_before(study, dataset, names))
    metrics = [METRICS[name] for name in names if any(row.spreads[name] for row in rows)]
    best = {m.name: _best_rows(rows, m, floor if m.name == "forward_s" else None) for m in metrics}
    mark = OVERLAPPING_MARK if study.overlapping(dataset) else ""
    headings = [f"{m.title}{mark}" if m.name == "forward_s" else m.title for m in metrics]
    return Table(
        title,
        (*text_columns("Run", "Track"), *number_columns(["Pairs ok", *headings])),
        tuple(
            Row(
                (
                    Cell(row.run.title),
                    Cell(row.run.track),
                    Cell(row.ok),
                    *(_score_cell(row, metric, row.run in best[metric.name]) for metric in metrics),
                ),
                row.run.reference,
            )
            for row in rows
        ),
        _caption(metrics) + (OVERLAPPING_NOTE if mark and "forward_s" in best else ""),
    )


def _caption(metrics: Sequence[Metric]) -> str:
    time = " (forward time: median)" if METRICS["forward_s"] in metrics else ""
    return (
        f"Mean ± standard deviation over pairs, repeats averaged first{time}. Bold: best of the runs that "
        "are ok on every pair. Reference rows do not compete."
    )


def _scores_of(study: Study, dataset: str, run: Run, names: Iterable[str]) -> _Scores:
    ok, asked = study.ok_count(dataset, run.label), len(study.pairs(dataset))
    spreads = {name: spread_of(study.values(dataset, run.label, name)) for name in names}
    if run.reference:
        # A reference row registers nothing, so that its time means nothing.
        spreads |= {name: None for name in spreads if name == "forward_s"}
    return _Scores(run, f"{ok}/{asked}", ok == asked, spreads, ok)


def _scores_before(study: Study, dataset: str, names: Iterable[str]) -> _Scores:
    spreads = {name: spread_of(study.before(dataset, name)) for name in names}
    pairs = max((spread.n for spread in spreads.values() if spread), default=0)
    return _Scores(Run(BEFORE, IDENTITY, "reference"), "–", False, spreads, pairs)


def _score_cell(row: _Scores, metric: Metric, bold: bool) -> Cell:
    spread = row.spreads[metric.name]
    if spread is None:
        return Cell(NOT_AVAILABLE)
    short = _location(spread, metric)
    text = short if metric.name == "forward_s" else mean_and_sd(spread, metric)
    few = "" if spread.n == row.ok_pairs else f" (n={spread.n})"
    return Cell(text + few, bold, short + few)


def _location(spread: Spread, metric: Metric) -> str:
    return fixed_digits(spread.median if metric.name == "forward_s" else spread.mean, metric.digits)


def _best_rows(rows: Iterable[_Scores], metric: Metric, floor: float | None) -> set[Run]:
    """Return the runs whose printed value is the best; none where the print tells no two of them apart."""
    printed = {
        row.run: _location(spread, metric)
        for row in rows
        if row.complete and not row.run.reference
        if (spread := row.spreads[metric.name]) and spread.n == row.ok_pairs
    }
    return best_of(printed, metric, floor or 1.0)
