from __future__ import annotations

import json
from collections.abc import Callable

from msgspec import structs

from benchmarks.config import Config
from benchmarks.records import RunRecord
from reports.conditions import conditions_table, effective_schedules, runs_table, warnings_of
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def conditions(study: Study) -> dict[str, str]:
    return {row.cells[0].text: row.cells[1].text for row in conditions_table(study, "make bench").rows}


def test_conditions_of_a_run(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("a"),
        make("b", provenance={"started_utc": "2026-01-02T04:00:00+00:00", "load_average": 2}),
    ]
    said = conditions(Study.of(make_config("a", "b", timing={"repeats": 3}), records))
    assert said == {
        "Command": "make bench",
        "Commit": "0123456789ab",
        "CPU": "Some CPU, 2 logical cores",
        "Memory": "2.0 GiB",
        "System": "Linux, Python 3.11.7",
        "Packages": "numpy 2.0",
        "Threads": "2 asked of every library; in force: openblas 2",
        "Timing": "repeats 3, warm-up 1, one job at a time, order shuffled",
        "Load": "one-minute average when jobs started: median 1.25, largest 2.00",
        "Started": "first job 2026-01-02 03:04:05, last job 2026-01-02 04:00:00 UTC",
        "Limits": "1800 s per job; seed 0",
    }


def test_what_differs_between_records_is_told(make: Make, make_config: MakeConfig) -> None:
    other = {"commit": "fedcba98765432", "dirty": True, "host": "other", "concurrent_jobs": 2}
    study = Study.of(make_config("a", "b"), [make("a"), make("b", provenance=other)])
    assert conditions(study)["Commit"] == "0123456789ab; fedcba987654, with uncommitted changes"
    said = " ".join(warnings_of(study))
    for part in ("more than one commit", "differed from the commit", "more than one machine", "overlap"):
        assert part in said


def test_different_data_are_told(make: Make, make_config: MakeConfig) -> None:
    record = make("b")
    other = structs.replace(record, identity=structs.replace(record.identity, dataset_version="2"))
    (said,) = warnings_of(Study.of(make_config("a", "b"), [make("a"), other]))
    assert said == "Records of set were made with different data or metrics: its rows are not comparable."


def test_nothing_is_warned_of_without_cause(make: Make, make_config: MakeConfig) -> None:
    assert warnings_of(Study.of(make_config(), [make("a")])) == []


def test_parameters_of_each_run(make: Make, make_config: MakeConfig) -> None:
    params = {"iterations": [60, 40], "step": 0.25, "mask": None}
    records = [make("a", pair, params=params) for pair in ("p1", "p2")]
    (row,) = runs_table(Study.of(make_config(), records)).rows
    assert [cell.text for cell in row.cells] == [
        "a",
        "a",
        "matched",
        "a 1.2",
        "iterations 60×40, step 0.25",
    ]


def test_effective_schedules_are_of_the_first_pair(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("a", "p2", effective={"sigma": 2}),
        make("a", "p1", effective={"sigma": 1}),
        make("b", "p1"),
    ]
    study = Study.of(make_config("a", "b"), records)
    assert json.loads(effective_schedules(study)) == {"set": {"a": {"sigma": 1}}}
    assert effective_schedules(Study.of(make_config(), [make("b")])) == ""


def test_parameters_that_depend_on_the_pair_are_told(make: Make, make_config: MakeConfig) -> None:
    records = [
        *(make("a", f"p{n}", params={"model": "affine", "levels": 4}) for n in range(5)),
        *(make("a", f"q{n}", params={"model": "rigid", "levels": 4}) for n in range(4)),
        make("a", "r", params={"model": "affine", "levels": 2}),
    ]
    (row,) = runs_table(Study.of(make_config("a"), records)).rows
    assert row.cells[-1].text == ("model affine, levels 4; on q0, q1, q2, …: model rigid; on r: levels 2")
