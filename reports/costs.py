"""Time and memory tables."""

from __future__ import annotations

from benchmarks.aggregation import TIMES
from benchmarks.catalogue import METRICS
from benchmarks.config import Config
from benchmarks.noise import NoiseFloors
from benchmarks.wording import counted
from reports.gradients import CAPTION as CHECK_CAPTION
from reports.gradients import check_cells, checks_anything
from reports.noise_floor import NO_CALIBRATION, forward_alone, noise_floor, noise_note, ratio_text
from reports.numbers import (
    NOT_AVAILABLE,
    Spread,
    certain_digits,
    fixed_digits,
    median_and_quartiles,
    spread_of,
)
from reports.ranking import best_of
from reports.study import Records, Run, Study, once_per_study
from reports.summary import OVERLAPPING_MARK, OVERLAPPING_NOTE
from reports.table import Cell, Row, Table, number_columns, text_columns

MEMORY = ("peak_rss_mib", "peak_cuda_mib")


@once_per_study
def timing_tables(config: Config, records: Records, noise: NoiseFloors = NO_CALIBRATION) -> list[Table]:
    """Return time and memory per dataset, device and thread count, reference rows left out.

    Parameters
    ----------
    config : Config
        ``figures.oracle`` is the run that others are compared with, else it is the fastest.
    records : iterable of RunRecord, or Study
        All records; of several with the same run, pair and repeat the last counts.
    noise : NoiseFloors
        How far times of equals lie apart: a smaller difference is not called one.
    """
    whole = Study.of(config, records)
    return [
        _timing_table(part, dataset, device, noise)
        for device, on_device in whole.by_device.items()
        for part in on_device.by_threads
        for dataset in part.datasets
        if part.competitors(dataset)
    ]


def _timing_table(study: Study, dataset: str, device: str, noise: NoiseFloors) -> Table:
    floor = noise_floor(study, dataset, noise)
    runs = study.competitors(dataset)
    mark = OVERLAPPING_MARK if study.overlapping(dataset) else ""
    yardstick = _yardstick(study, dataset)
    memory = [name for name in MEMORY if _complete(study, dataset, name)] or [MEMORY[0]]
    times = [f"{metric.title}{mark}" for name, metric in METRICS.items() if name in TIMES]
    times.insert(1, f"× {yardstick}" if yardstick else "Ratio")
    checked = checks_anything(study, dataset)
    if checked:
        times[3:3] = [METRICS[name].title for name in ("gradient_cosine", "gradient_norm_ratio")]
    # A calibration measures forward times alone.
    floors = {"forward_s": floor or 1.0, "backward_s": 1.0}
    best = {
        name: best_of(_printed(study, dataset, name), METRICS[name], least) for name, least in floors.items()
    }
    return Table(
        f"Time and memory: {dataset} ({device}, {counted(study.thread_counts[0], 'thread')})",
        (
            *text_columns("Run", "Track"),
            *number_columns(["Pairs ok", *times, *(METRICS[name].title for name in memory)]),
        ),
        tuple(
            Row(
                (
                    Cell(run.label),
                    Cell(run.track),
                    Cell(f"{study.ok_count(dataset, run.label)}/{len(study.pairs(dataset))}"),
                    _time_cell(study, dataset, run, "forward_s", run.label in best["forward_s"]),
                    _ratio(study, dataset, run, yardstick, floor),
                    _time_cell(study, dataset, run, "backward_s", run.label in best["backward_s"]),
                    *(check_cells(study, dataset, run) if checked else ()),
                    _time_cell(study, dataset, run, "prepare_s", bold=False),
                    *(_largest(study, dataset, run, name) for name in memory),
                )
            )
            for run in runs
        ),
        _caption(study, yardstick, floor)
        + (CHECK_CAPTION if checked else "")
        + (OVERLAPPING_NOTE if mark else ""),
    )


def _caption(study: Study, yardstick: str, floor: float | None) -> str:
    fresh = all(record.provenance.fresh_workers for record in study.records)
    kept = "" if fresh else ", with what earlier jobs left in the worker's process"
    ratio = f" Ratio: median over pairs of the forward time by that of {yardstick}." if yardstick else ""
    return (
        "Median [quartiles] over pairs of the median over repeats; forward is the registration call alone, "
        f"backward the gradient pass of differentiable runs.{ratio} Memory: the largest of all pairs{kept}. "
        f"Bold: fastest of the runs that are ok on every pair.{noise_note(floor)}{forward_alone(floor)}"
    )


def _yardstick(study: Study, dataset: str) -> str:
    """Return the label that forward times are divided by; empty without a run to choose."""
    oracle = study.config.figures.oracle
    labels = [run.label for run in study.competitors(dataset)]
    if oracle in labels and study.values(dataset, oracle, "forward_s").notna().any():
        return oracle
    complete = _complete(study, dataset, "forward_s")
    return min(complete, key=lambda label: complete[label].median, default="")


def _complete(study: Study, dataset: str, name: str) -> dict[str, Spread]:
    """Return the spreads of the competitors that have a value on every pair."""
    found = {
        run.label: spread_of(study.values(dataset, run.label, name)) for run in study.competitors(dataset)
    }
    pairs = len(study.pairs(dataset))
    return {label: spread for label, spread in found.items() if spread and spread.n == pairs}


def _printed(study: Study, dataset: str, name: str) -> dict[str, str]:
    """Return the medians of the same runs, as their column prints them."""
    digits = _digits(study, dataset, name)
    return {
        label: fixed_digits(spread.median, digits)
        for label, spread in _complete(study, dataset, name).items()
    }


def _digits(study: Study, dataset: str, name: str) -> int:
    column = (spread_of(study.values(dataset, run.label, name)) for run in study.competitors(dataset))
    return certain_digits([found for found in column if found], METRICS[name])


def _time_cell(study: Study, dataset: str, run: Run, name: str, bold: bool) -> Cell:
    spread = spread_of(study.values(dataset, run.label, name))
    if spread is None:
        return Cell(NOT_AVAILABLE)
    digits = _digits(study, dataset, name)
    numbers = (
        ("median", spread.median),
        ("lower quartile", spread.lower_quartile),
        ("upper quartile", spread.upper_quartile),
        ("n", spread.n),
    )
    return Cell(median_and_quartiles(spread, digits), bold, fixed_digits(spread.median, digits), numbers)


def _ratio(study: Study, dataset: str, run: Run, yardstick: str, floor: float | None) -> Cell:
    if not yardstick:
        return Cell(NOT_AVAILABLE)
    ours = study.values(dataset, run.label, "forward_s")
    spread = spread_of(ours / study.values(dataset, yardstick, "forward_s"))
    if spread is None:
        return Cell(NOT_AVAILABLE)
    text = ratio_text(spread.median, None if run.label == yardstick else floor)
    return Cell(text, numbers=(("median", spread.median),))


def _largest(study: Study, dataset: str, run: Run, name: str) -> Cell:
    spread = spread_of(study.values(dataset, run.label, name))
    if spread is None:
        return Cell(NOT_AVAILABLE)
    return Cell(fixed_digits(spread.largest, METRICS[name].digits), numbers=(("largest", spread.largest),))
