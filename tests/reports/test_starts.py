"""Success by level of the start, and recovery, against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.figures.capture import capture_plate
from reports.figures.placement import box_of
from reports.figures.style import styled
from reports.starts import condition_words, start_tables, success_curves
from reports.statistics.shares import Share
from reports.study import Study
from reports.table import Table

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]

LEVELS_MM = (0.0, 5.0, 10.0, 20.0)
# TRE of two draws at each level; None: the job failed.
ERRORS_MM = {
    "near": ((0.5, 1.0), (1.0, 2.0), (2.1, 1.9), (30.0, None)),
    "far": ((0.5, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, None)),
}


def start(make: Make, run: str, draw: int, tre_mm: float | None, **conditions: float) -> RunRecord:
    status = Status.FAILED if tre_mm is None else Status.OK
    name = "-".join(f"{value:g}" for value in conditions.values())
    return make(run, f"d{draw}-{name}", status=status, conditions=conditions, tre_mm=tre_mm)


@pytest.fixture
def study(make: Make, make_config: MakeConfig) -> Study:
    records = [
        start(make, run, draw, tre_mm, start_translation_mm=level, start_rotation_deg=0.0)
        for run, by_level in ERRORS_MM.items()
        for level, both in zip(LEVELS_MM, by_level, strict=True)
        for draw, tre_mm in enumerate(both)
    ]
    # Three levels of rotation are too few for a curve; a start off both ways belongs to neither condition.
    for turn in (45.0, 90.0):
        records.append(start(make, "near", 0, 9.0, start_translation_mm=0.0, start_rotation_deg=turn))
    records.append(start(make, "near", 0, 0.1, start_translation_mm=20.0, start_rotation_deg=90.0))
    return Study.of(make_config("near", "far"), records)


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_success_is_counted_by_level_and_failures_are_none(study: Study) -> None:
    (table,) = start_tables(study, "set")
    assert table.title == "Success by start translation: set"
    assert [column.heading for column in table.columns] == [
        "Run", "Track", "0 mm", "5 mm", "10 mm", "20 mm", "Captured up to"
    ]  # fmt: skip
    assert texts(table) == [
        ["near", "matched", "2/2", "2/2", "1/2", "0/2", "5 mm"],
        ["far", "matched", "2/2", "2/2", "2/2", "1/2", "10 mm"],
    ]


def test_the_bound_of_success_is_the_configs(study: Study, make_config: MakeConfig) -> None:
    strict = Study.of(make_config("near", "far", report={"success_tre_mm": 0.7}), study.records)
    (table,) = start_tables(strict, "set")
    assert texts(table)[0] == ["near", "matched", "1/2", "0/2", "0/2", "0/2", "nowhere"]
    assert "at most 0.7 mm" in table.caption


def test_what_a_backend_cannot_do_is_no_failure(study: Study, make: Make) -> None:
    refused = [
        structs.replace(record, status=Status.UNSUPPORTED)
        if record.identity.run == "far" and record.identity.conditions["start_translation_mm"] == 5.0
        else record
        for record in study.records
    ]
    (table,) = start_tables(Study.of(study.config, refused), "set")
    assert texts(table)[1] == ["far", "matched", "2/2", "n/a", "2/2", "1/2", "10 mm"]


def test_the_figure_has_a_row_per_run_and_its_csv_the_same_numbers(study: Study) -> None:
    with styled():
        plate = capture_plate(study, "set")
    assert plate is not None
    (drawing,) = plate.drawings
    assert len(drawing.figure.axes) == 2
    assert [text.get_text() for text in drawing.figure.texts] == ["Successes"]
    assert "at most 2 mm" in plate.caption
    near = drawing.data[drawing.data["run"] == "near"]
    assert list(near["level"]) == list(LEVELS_MM)
    assert list(near["successes"]) == [2, 2, 1, 0]
    assert list(near["share"]) == [1.0, 1.0, 0.5, 0.0]
    lines = [line.get_ydata().tolist() for axes in drawing.figure.axes for line in axes.lines]
    assert [1.0, 1.0, 0.5, 0.0] in lines
    assert [1.0, 1.0, 1.0, 0.5] in lines


def test_names_of_runs_stand_between_the_title_and_the_edge_of_the_chart(
    make: Make, make_config: MakeConfig
) -> None:
    name = "MMMMMM deformable MMMMMM"
    records = [
        start(make, name, draw, 1.0, start_rotation_deg=level) for draw in (1, 2) for level in LEVELS_MM
    ]
    with styled():
        plate = capture_plate(Study.of(make_config(name), records), "set")
        assert plate is not None
        figure = plate.drawings[0].figure
        (title,), (axes,) = figure.texts, figure.axes
        title_box, name_box = box_of(title), box_of(axes.texts[0])
    assert title_box.x0 >= 0
    assert title_box.x1 < name_box.x0
    assert title_box.y0 >= 0
    assert title_box.y1 <= figure.bbox.y1


def test_wilsons_interval_of_half_of_two_and_of_all_of_five() -> None:
    """With z = 1.96: centre (p + z²/2n) / (1 + z²/n), half width z √(p(1−p)/n + z²/4n²) / (1 + z²/n)."""
    assert Share(1, 2).interval == pytest.approx((0.0945, 0.9055), abs=1e-4)
    assert Share(5, 5).interval == pytest.approx((0.5655, 1.0), abs=1e-4)


def test_datasets_without_conditions_have_neither_table_nor_figure(
    make: Make, make_config: MakeConfig
) -> None:
    plain = Study.of(make_config("a"), [make("a", "p1", tre_mm=1.0), make("a", "p2", tre_mm=1.0)])
    assert start_tables(plain, "set") == []
    assert success_curves(plain, "set") == []
    assert capture_plate(plain, "set") is None


def test_recovery_is_told_per_disturbance(make: Make, make_config: MakeConfig) -> None:
    def solved(pair: str, rmse: float, x_mm: float, px: float, rad: float = 0.0) -> RunRecord:
        conditions = {"start_translation_px": px, "start_rotation_rad": rad}
        return make(
            "a", pair, conditions=conditions, undisturbed="s", probes_mm=((x_mm, 0.0),), rmse=rmse, tre_mm=1.0
        )  # fmt: skip

    records = [
        solved("s", 0.1, 0.0, 0.0),
        solved("t0", 0.1004, 0.25, 5.0),
        solved("t1", 0.0992, 0.75, 5.0),
        solved("t2", 0.102, 0.5, 5.0),
        solved("r0", 0.1, 0.0, 0.0, 0.1),
    ]
    (table,) = start_tables(Study.of(make_config("a"), records), "set")
    assert table.title == "Recovery: set"
    # Differences of RMSE 4e-4, 8e-4 and 2e-3; the 90th percentile of three lies 0.8 of the way to the last.
    assert texts(table) == [
        ["a", "matched", "rotation 0.1 rad", "1/1", "0.0e+00", "0.0e+00", "0.0e+00", "0.0e+00"],
        ["a", "matched", "translation 5 px", "2/3", "8.0e-04", "1.8e-03", "5.0e-01", "7.0e-01"],
    ]


def test_a_condition_is_told_with_its_unit() -> None:
    assert condition_words("start_translation_mm") == ("start translation", "mm")
