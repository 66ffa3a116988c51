from __future__ import annotations

from collections.abc import Callable

from benchmarks.config import Config
from benchmarks.gates import GateResult
from benchmarks.noise import Calibration, NoiseFloors, PairTimes
from benchmarks.records import RunRecord, Status
from reports.study import Study
from reports.verdicts import failures_table, gates_table

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def test_failures_are_counted_by_what_happened(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", f"p{i}", status=Status.FAILED, message="singular") for i in range(5)]
    records += [make("a", "p5", status=Status.TIMEOUT, message="after 10 s"), make("b", "p0")]
    records += [make("b", "p1", status=Status.FAILED, message="singular")]
    table = failures_table(make_config("b", "a"), records)
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["set", "b", "failed", "register", "1", "p1", "singular"],
        ["set", "a", "failed", "register", "5", "p0, p1, p2, …", "singular"],
        ["set", "a", "timeout", "register", "1", "p5", "after 10 s"],
    ]
    assert table.caption == "Jobs that did not end ok, of 8 in all."


def test_repeats_of_a_pair_are_counted_and_named_once(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", repeat=i, status=Status.KILLED) for i in range(3)]
    (row,) = failures_table(make_config(), records).rows
    assert [cell.text for cell in row.cells][4:6] == ["3", "p1"]


def test_failure_made_good_is_none(make: Make, make_config: MakeConfig) -> None:
    assert failures_table(make_config(), [make("a", status=Status.FAILED), make("a")]).rows == ()


def test_gates_table(make: Make, make_config: MakeConfig) -> None:
    results = [
        GateResult("rmse ≤ 1", True, 3, 0.5, 1.0, None, "fine"),
        GateResult("dice ≥ 1", False, 0, None, None, None, "no pair"),
    ]
    table = gates_table(results, Study.of(make_config(), [make("a")]))
    assert table.caption == "A gate without an ok result on each of its pairs fails."
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["PASS", "rmse ≤ 1", "3", "fine"],
        ["FAIL", "dice ≥ 1", "0", "no pair"],
    ]
    assert [row.cells[0].bold for row in table.rows] == [False, True]


def test_gates_on_times_are_told_with_the_noise_floor(make: Make, make_config: MakeConfig) -> None:
    gate = {"metric": "forward_s", "backend": "a", "oracle": "b"}
    records = [make(run, seconds={"forward": 1.0}) for run in "ab"]
    study = Study.of(make_config("a", "b", gates=[gate]), records)
    assert gates_table([], study).caption.endswith(
        "Gates on times: the noise floor was not measured (python -m benchmarks calibrate)."
    )
    times = PairTimes(dataset="set", pair_id="p1", first=(1.0,), second=(1.1,))
    provenance = records[0].provenance
    calibration = Calibration(
        host=provenance.host,
        cpu=provenance.cpu,
        device="cpu",
        threads=2,
        run="a",
        backend="a",
        commit="",
        measured_utc="",
        pairs=(times,),
    )
    caption = gates_table([], study, NoiseFloors((calibration,))).caption
    assert caption.endswith("lie up to 1.1× on set apart; within that, PASS and FAIL are chance.")
