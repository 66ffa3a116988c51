from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.config import Config
from benchmarks.gates import evaluate_gates
from benchmarks.records import RunRecord
from reports.costs import timing_tables
from reports.scaling import scaling_tables
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


@pytest.fixture
def sweep(make: Make) -> list[RunRecord]:
    """Return two runs on two pairs at two thread counts, and a reference row at one."""
    times = {("a", 1): (4.0, 8.0), ("a", 4): (1.0, 4.0), ("o", 1): (2.0, 2.0), ("o", 4): (2.0, 2.0)}
    records = [
        make(run, pair, threads=threads, seconds={"forward": seconds})
        for (run, threads), both in times.items()
        for pair, seconds in zip(("p1", "p2"), both, strict=True)
    ]
    return [*records, make("start", "p1", backend="identity", track="reference", threads=1)]


def test_speed_up_is_taken_pair_by_pair(sweep: list[RunRecord], make_config: MakeConfig) -> None:
    (table,) = scaling_tables(make_config("a", "o"), sweep)
    assert [c.heading for c in table.columns] == [
        "Run",
        "Track",
        "1 thread (s)",
        "4 threads (s)",
        "Speed-up at 4",
    ]
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["a", "matched", "6.0", "2.5", "3.00× (75%)"],  # median of 4 and 2; standard errors of 2 and 1.5
        ["o", "matched", "2.0", "2.0", "1.00× (25%)"],
    ]


def test_one_thread_count_makes_no_scaling_table(make: Make, make_config: MakeConfig) -> None:
    assert scaling_tables(make_config(), [make("a", seconds={"forward": 1.0})]) == []


def test_thread_counts_never_share_a_timing_table(sweep: list[RunRecord], make_config: MakeConfig) -> None:
    config = make_config("a", "o", figures={"oracle": "o"})
    one, four = timing_tables(config, sweep)
    assert (one.title, four.title) == (
        "Time and memory: set (cpu, 1 thread)",
        "Time and memory: set (cpu, 4 threads)",
    )
    assert [row.cells[4].text for row in one.rows] == ["3×", "1×"]
    assert [row.cells[4].text for row in four.rows] == ["1.25×", "1×"]


def test_rows_of_a_sweep_name_their_thread_count(sweep: list[RunRecord], make_config: MakeConfig) -> None:
    study = Study.of(make_config("a", "o", figures={"oracle": "o"}, resources={"threads": [1, 4]}), sweep)
    labels = ["start", "a [threads=1]", "a [threads=4]", "o [threads=1]", "o [threads=4]"]
    assert [run.label for run in study.runs("set")] == labels
    assert study.oracle == "o [threads=1]"
    assert study.values("set", "a [threads=4]", "forward_s")["p2"] == 4.0
    assert Study.of(study.config, study.records).records == study.records


def test_a_thread_count_joins_what_a_sweep_of_parameters_appended(
    make: Make, make_config: MakeConfig
) -> None:
    records = [make("a [k=2]", threads=n, dice=0.5) for n in (2, 12)]
    study = Study.of(make_config("a"), records)
    assert [run.label for run in study.runs("set")] == ["a [k=2, threads=2]", "a [k=2, threads=12]"]
    part = study.by_threads[1]
    assert [run.label for run in part.runs("set")] == ["a [k=2]"]


def test_a_gate_is_tested_at_each_thread_count(sweep: list[RunRecord], make_config: MakeConfig) -> None:
    gate = {"metric": "forward_s", "backend": "a", "oracle": "o", "aggregate": "median", "rel": 0.3}
    results = evaluate_gates(make_config("a", "o", gates=[gate]), sweep)
    assert [(result.passed, result.value, result.oracle_value) for result in results] == [
        (False, 6.0, 2.0),
        (True, 2.5, 2.0),
    ]
    assert results[1].text.endswith(", at threads=4")
