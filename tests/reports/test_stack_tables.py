from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from benchmarks.config import Config
from benchmarks.records import RunRecord
from benchmarks.stack_record import AlignedStack, Crop, SectionDrift, StackAlignment
from reports.build import build_report
from reports.figures.drift import drift_plate
from reports.stack_tables import stack_tables
from reports.study import Study

CROP = Crop(column=1, row=2, columns=30, rows=20, share=0.25)


def aligned(
    run: str, drifts: dict[int, float | None], crop: Crop | None = CROP, note: str = ""
) -> AlignedStack:
    sections = tuple(SectionDrift(section=section, drift_mm=drift) for section, drift in drifts.items())
    return AlignedStack(run=run, sections=sections, crop=crop, note=note)


def stack_of(*runs: AlignedStack, true_crop: Crop | None = CROP) -> StackAlignment:
    return StackAlignment(
        dataset="set",
        sections=(0, 1, 2, 3, 4),
        reference=2,
        columns=60,
        rows=40,
        step_pixels=1,
        unlinked=(),
        true_crop=true_crop,
        runs=runs,
    )


@pytest.fixture
def study(make: Callable[..., RunRecord], make_config: Callable[..., Config]) -> Study:
    config = make_config("before", "ours")
    records = [
        make("before", backend="identity", track="reference", tre_mm=4.0),
        make("ours", tre_mm=0.5),
    ]
    return Study.of(config, records)


def test_mean_worst_and_far_end_leave_the_reference_out(study: Study) -> None:
    stack = stack_of(
        aligned("before", {0: 3.0, 1: 2.0, 2: 0.0, 3: 7.0, 4: 4.0}),
        aligned("ours", {0: 0.2, 1: 0.1, 2: 0.0, 3: 0.1, 4: 0.4}),
    )
    (table,) = stack_tables(study, [stack])
    texts = [[cell.text for cell in row.cells] for row in table.rows]
    assert texts == [
        ["before", "5/5", "4.000", "7.000", "4.000", "30×20", "25.0%"],
        ["ours", "5/5", "0.200", "0.400", "0.400", "30×20", "25.0%"],
    ]
    assert [row.reference for row in table.rows] == [True, False]
    assert "The true transforms leave 30×20 pixels (25.0%)." in table.caption


def test_what_is_not_known_is_not_zero(study: Study) -> None:
    stack = stack_of(
        aligned("before", dict.fromkeys(range(5))),
        aligned("ours", {1: 0.1, 2: 0.0, 3: 0.2, 4: 0.3}, crop=None, note="0-1: timeout"),
        true_crop=None,
    )
    (table,) = stack_tables(study, [stack])
    texts = [[cell.text for cell in row.cells] for row in table.rows]
    assert texts == [
        ["before", "5/5", "n/a", "n/a", "n/a", "30×20", "25.0%", ""],
        ["ours", "4/5", "n/a", "n/a", "n/a", "n/a", "n/a", "0-1: timeout"],
    ]
    assert "The true transforms" not in table.caption


def test_the_figure_has_a_line_per_run_and_its_numbers(study: Study) -> None:
    stack = stack_of(
        aligned("before", {0: 3.0, 1: 2.0, 2: 0.0, 3: 7.0, 4: 4.0}),
        aligned("ours", {1: 0.1, 2: 0.0, 3: 0.1, 4: None}),
    )
    plate = drift_plate(study, stack)
    assert plate is not None
    (drawing,) = plate.drawings
    assert drawing.data.to_numpy().tolist() == [
        ["before", 0, 3.0], ["before", 1, 2.0], ["before", 2, 0.0], ["before", 3, 7.0], ["before", 4, 4.0],
        ["ours", 1, 0.1], ["ours", 2, 0.0], ["ours", 3, 0.1],
    ]  # fmt: skip
    assert "logarithmic" in plate.caption
    assert drift_plate(study, stack_of(aligned("ours", dict.fromkeys(range(5))))) is None


def test_the_report_shows_and_stores_it_and_an_older_one_is_removed(study: Study, tmp_path: Path) -> None:
    stack = stack_of(aligned("ours", {0: 0.2, 1: 0.1, 2: 0.0, 3: 0.1, 4: 0.4}))
    text = build_report(tmp_path, study.config, study, stacks=[stack]).read_text(encoding="utf-8")
    assert "Along the stack: set" in text
    assert "](figures/drift/set.png)" in text
    assert "Along the stack" in (tmp_path / "report.html").read_text(encoding="utf-8")
    stored = json.loads((tmp_path / "stacks.json").read_text())
    assert [msgspec.convert(one, StackAlignment) for one in stored] == [stack]
    assert (tmp_path / "tables" / "Along-the-stack-set.csv").exists()
    build_report(tmp_path, study.config, study)
    assert not (tmp_path / "stacks.json").exists()
    assert not (tmp_path / "figures" / "drift" / "set.png").exists()
