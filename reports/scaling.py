"""How forward times change with the number of threads."""

from __future__ import annotations

from benchmarks.catalogue import METRICS
from benchmarks.config import Config
from benchmarks.noise import NoiseFloors
from benchmarks.wording import counted
from reports.noise_floor import NO_CALIBRATION, noise_floor, noise_note, ratio_text
from reports.numbers import NOT_AVAILABLE, certain_digits, fixed_digits, spread_of
from reports.study import Records, Study, once_per_study
from reports.summary import OVERLAPPING_MARK, OVERLAPPING_NOTE
from reports.table import Cell, Row, Table, number_columns, text_columns


@once_per_study
def scaling_tables(config: Config, records: Records, noise: NoiseFloors = NO_CALIBRATION) -> list[Table]:
    """Return, per dataset of a sweep over thread counts, the forward time at each count and the speed-up.

    Parameters
    ----------
    config : Config
        Gives the order of datasets and runs.
    records : iterable of RunRecord, or Study
        All records; of several with the same run, pair, thread count and repeat the last counts.
    noise : NoiseFloors
        How far times of equals lie apart: a smaller difference is not called one.

    Returns
    -------
    list of Table
        Empty where all records were made with one thread count.
    """
    whole = Study.of(config, records)
    counts = whole.thread_counts
    if len(counts) < 2:
        return []
    parts = dict(zip(counts, whole.by_threads, strict=True))
    return [
        _scaling_table(parts, dataset, whole.overlapping(dataset), noise_floor(whole, dataset, noise))
        for dataset in whole.datasets
    ]


def _scaling_table(parts: dict[int, Study], dataset: str, overlapping: bool, floor: float | None) -> Table:
    mark = OVERLAPPING_MARK if overlapping else ""
    fewest, *more = parts
    tracks = {run.label: run.track for part in parts.values() for run in part.competitors(dataset)}
    headings = [f"{counted(n, 'thread')} (s){mark}" for n in parts] + [f"Speed-up at {n}" for n in more]
    return Table(
        f"Scaling with threads: {dataset}",
        (*text_columns("Run", "Track"), *number_columns(headings)),
        tuple(
            Row(
                (
                    Cell(label),
                    Cell(track),
                    *(_seconds(part, dataset, label) for part in parts.values()),
                    *(_speed_up(parts, dataset, label, (fewest, n), floor) for n in more),
                )
            )
            for label, track in tracks.items()
        ),
        f"Median forward time over pairs. Speed-up: median over pairs of the time with {counted(fewest, 'thread')} "
        "by that with more; in brackets the share of the ideal."
        + noise_note(floor)
        + (OVERLAPPING_NOTE if mark else ""),
    )


def _seconds(part: Study, dataset: str, label: str) -> Cell:
    spread = spread_of(part.values(dataset, label, "forward_s"))
    if spread is None:
        return Cell(NOT_AVAILABLE)
    column = (spread_of(part.values(dataset, run.label, "forward_s")) for run in part.competitors(dataset))
    digits = certain_digits([found for found in column if found], METRICS["forward_s"])
    return Cell(fixed_digits(spread.median, digits), numbers=(("median", spread.median),))


def _speed_up(
    parts: dict[int, Study], dataset: str, label: str, counts: tuple[int, int], floor: float | None
) -> Cell:
    few, many = (parts[n].values(dataset, label, "forward_s") for n in counts)
    spread = spread_of(few / many)
    if spread is None:
        return Cell(NOT_AVAILABLE)
    fewest, more = counts
    text = f"{ratio_text(spread.median, floor, '.2f')} ({spread.median * fewest / more:.0%})"
    return Cell(text, numbers=(("median", spread.median),))
