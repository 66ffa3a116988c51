from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from benchmarks.config import Config
from benchmarks.noise import NoiseFloors
from reports.document import Background, report_text
from reports.galleries import Pictures
from reports.schedules import QUANTITIES, schedule_tables
from reports.study import Study

OURS = {
    "similarity": "local cross-correlation",
    "window_voxels": 9,
    "iterations": [20, 20, 10],
    "shrink_factors": [4, 2, 1],
    "pyramid_sigmas_voxels": [2.0, 1.0, 0.0],
    "longest_update_voxels": 0.25,
    "update_sigma_voxels": 2.0,
    "total_sigma_voxels": 0.0,
    "stops_early": "never",
    "threads": 1,
    "own_words": {"update_sigma_voxels": "flow_sigma 4, a variance"},
}
THEIRS = OURS | {
    "pyramid_sigmas_voxels": [1.9999999, 0.6666667, 0.0],
    "update_sigma_voxels": 2.0000000001,
    "own_words": {"update_sigma_voxels": "sigma_diff 2, a standard deviation"},
}


def study_of(make_config: Callable[..., Config], make: Callable[..., Any], **tracks: str) -> Study:
    schedules = {"a": OURS, "b": THEIRS, "c": {}}
    records = [
        structs.replace(
            make(label, dice=0.8 + number / 100, track=tracks.get(label, "matched")),
            schedule=schedules[label],
        )
        for number, label in enumerate(schedules)
    ]
    return Study.of(make_config("a", "b", "c"), records)


def test_schedules_stand_beside_each_other_in_one_unit(
    make_config: Callable[..., Config], make: Callable[..., Any]
) -> None:
    (table,) = schedule_tables(study_of(make_config, make))
    assert [column.heading for column in table.columns] == ["Quantity", "Same", "a", "b"]
    rows = {row.cells[0].text: [cell.text for cell in row.cells[1:]] for row in table.rows}
    assert rows["Most iterations, coarse to fine"] == ["yes", "20×20×10", "20×20×10"]
    assert rows["Smoothing of the images (voxels of the image)"] == ["no", "2×1×0", "2×0.6667×0"]
    assert rows["Smoothing of each update (voxels of the level)"] == [
        "yes",
        "2 (flow_sigma 4, a variance)",
        "2 (sigma_diff 2, a standard deviation)",
    ]
    assert len(rows) == len(QUANTITIES)


def test_the_report_prints_them(make_config: Callable[..., Config], make: Callable[..., Any]) -> None:
    study = study_of(make_config, make)
    nothing = {dataset: Pictures((), (), (), ()) for dataset in study.datasets}
    text = report_text(study, Background("", {}, 0, NoiseFloors()), [], nothing)
    assert "flow_sigma 4, a variance" in text


def test_one_schedule_alone_is_compared_with_nothing(
    make_config: Callable[..., Config], make: Callable[..., Any]
) -> None:
    assert schedule_tables(study_of(make_config, make, b="recommended")) == []
