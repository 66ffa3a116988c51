"""Whether the matched runs really did the same: their schedules in common units, beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.study import Study, once_per_study
from reports.table import Table, plain_row, text_columns

QUANTITIES: Mapping[str, str] = {
    "similarity": "Similarity",
    "window_voxels": "Window (voxels of the level)",
    "iterations": "Most iterations, coarse to fine",
    "shrink_factors": "Shrink factors",
    "pyramid_sigmas_voxels": "Smoothing of the images (voxels of the image)",
    "longest_update_voxels": "Longest update (voxels of the level)",
    "update_sigma_voxels": "Smoothing of each update (voxels of the level)",
    "total_sigma_voxels": "Smoothing of the total field (voxels of the level)",
    "stops_early": "A level ends early",
    "threads": "Threads",
}
# Values that lie closer are the same number after a conversion there and back.
DIGITS = 6


@once_per_study
def schedule_tables(study: Study) -> list[Table]:
    """Return, per dataset, the schedules of the matched runs that tell them; none where fewer than two do.

    In a sweep over thread counts those of the first.

    Parameters
    ----------
    study : Study
        What was run.
    """
    one = study.under_first_threads
    tables = []
    for dataset in one.datasets:
        schedules = {
            run.label: found
            for run in one.competitors(dataset)
            if run.track == "matched" and (found := _schedule_of(one, dataset, run.label))
        }
        if len(schedules) > 1:
            tables.append(_table(dataset, schedules))
    return tables


def _schedule_of(study: Study, dataset: str, label: str) -> Mapping[str, Any]:
    records = (r for r in study.records if (r.identity.dataset, r.identity.run) == (dataset, label))
    return next((record.schedule for record in records if record.schedule), {})


def _table(dataset: str, schedules: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = []
    for name, title in QUANTITIES.items():
        values = [_value(schedule.get(name)) for schedule in schedules.values()]
        words = [schedule.get("own_words", {}).get(name) for schedule in schedules.values()]
        shown = [f"{value} ({word})" if word else value for value, word in zip(values, words, strict=True)]
        rows.append(plain_row((title, "yes" if len(set(values)) == 1 else "no", *shown)))
    return Table(
        f"Matched schedules in one unit: {dataset}",
        text_columns("Quantity", "Same", *schedules),
        tuple(rows),
        "Smoothing is a Gaussian's standard deviation. In brackets what the backend itself was given. Where a row "
        "differs, the interfaces allow no closer match or the config asks for none.",
    )


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return "×".join(map(_value, value))
    if isinstance(value, float):
        return f"{round(value, DIGITS):.4g}"
    return str(value)
