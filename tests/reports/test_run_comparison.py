from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from benchmarks.catalogue import METRICS
from benchmarks.noise import Calibration, NoiseFloors, PairTimes
from benchmarks.records import RunRecord, Status
from reports.history import Trend, history_table
from reports.run_comparison import (
    Verdict,
    changes_table,
    commits_of,
    compare_runs,
    reservations,
    state_at,
)

Make = Callable[..., RunRecord]
NO_NOISE = NoiseFloors()


def verdicts(
    before: list[RunRecord], after: list[RunRecord], noise: NoiseFloors = NO_NOISE
) -> dict[str, Verdict]:
    return {change.title: change.verdict for change in compare_runs(before, after, noise)}


@pytest.mark.parametrize(
    ("scores", "title", "verdict"),
    [
        ({"dice": (0.8, 0.7)}, "Dice", Verdict.WORSE),
        ({"dice": (0.7, 0.8)}, "Dice", Verdict.BETTER),
        ({"dice": (0.8, 0.8001)}, "Dice", Verdict.SAME),
        ({"tre_mm": (1.0, 2.0)}, "TRE (mm)", Verdict.WORSE),
        ({"folding_fraction": (0.0, 0.01)}, "Folding fraction", Verdict.WORSE),
    ],
)
def test_scores(make: Make, scores: dict[str, tuple[float, float]], title: str, verdict: Verdict) -> None:
    sides = [[make("a", **{name: both[index] for name, both in scores.items()})] for index in (0, 1)]
    assert verdicts(*sides)[title] is verdict


def test_scores_that_repeats_scatter_more_than_they_moved_are_the_same(make: Make) -> None:
    def side(*values: float) -> list[RunRecord]:
        return [make("a", repeat=index, dice=value) for index, value in enumerate(values)]

    assert verdicts(side(0.6, 0.8, 0.7), side(0.7, 0.75, 0.72))["Dice"] is Verdict.SAME
    assert verdicts(side(0.70, 0.701, 0.70), side(0.72, 0.721, 0.722))["Dice"] is Verdict.BETTER


@pytest.mark.parametrize(("seconds", "verdict"), [(1.2, "same"), (1.3, "slower"), (0.5, "faster")])
def test_times_of_one_repeat_have_a_stated_floor(make: Make, seconds: float, verdict: str) -> None:
    found = verdicts([make("a", seconds={"forward": 1.0})], [make("a", seconds={"forward": seconds})])
    assert str(found["Forward (s)"]) == verdict


def test_calibrated_floor_decides_where_there_is_one(make: Make) -> None:
    times = PairTimes(dataset="set", pair_id="p1", first=(1.0,), second=(1.5,))
    calibration = Calibration(
        host="host",
        cpu="Some CPU",
        device="cpu",
        threads=2,
        run="a",
        backend="a",
        commit="",
        measured_utc="",
        pairs=(times,),
    )
    sides = [[make("a", seconds={"forward": seconds})] for seconds in (1.0, 1.4)]
    assert verdicts(*sides)["Forward (s)"] is Verdict.SLOWER
    assert verdicts(*sides, NoiseFloors((calibration,)))["Forward (s)"] is Verdict.SAME


def test_repeats_tell_the_noise_of_times(make: Make) -> None:
    def side(*values: float) -> list[RunRecord]:
        return [make("a", repeat=index, seconds={"forward": value}) for index, value in enumerate(values)]

    assert verdicts(side(1.0, 1.01, 0.99), side(1.1, 1.11, 1.09))["Forward (s)"] is Verdict.SLOWER
    assert verdicts(side(1.0, 2.0, 0.5), side(1.5, 3.0, 0.7))["Forward (s)"] is Verdict.SAME


def test_a_pair_that_fails_now_is_worse_and_its_scores_are_left_out(make: Make) -> None:
    before = [make("a", pair, dice=0.5) for pair in ("p1", "p2")]
    after = [make("a", "p1", dice=0.5), make("a", "p2", status=Status.TIMEOUT)]
    assert verdicts(before, after) == {"Pairs failed": Verdict.WORSE, "Dice": Verdict.SAME}


def test_runs_and_pairs_of_one_side_alone_are_not_compared(make: Make) -> None:
    assert (
        compare_runs([make("a", "p1", dice=0.5)], [make("a", "p2", dice=0.5), make("b", "p1")], NO_NOISE)
        == []
    )


def test_what_one_side_alone_has_is_told(make: Make) -> None:
    before = [make("a", "p1"), make("a", "p2"), make("gone", "p1")]
    assert reservations(before, [make("a", "p1"), make("new", "p1")]) == [
        "Only the former has a on 1 pair of set, gone on 1 pair of set.",
        "Only the latter has new on 1 pair of set.",
    ]
    assert reservations(before, before) == []
    changes = compare_runs(before, before, NO_NOISE)
    assert changes_table(changes, "old", "new", ["Told."]).caption.endswith("medians of times. Told.")


@pytest.mark.parametrize(
    "other",
    [
        {"provenance": {"cpu": "Another CPU"}},
        {"device": "cuda"},
        {"provenance": {"concurrent_jobs": 2}},
    ],
)
def test_times_under_other_conditions_are_not_compared(make: Make, other: dict[str, Any]) -> None:
    before = [make("a", dice=0.5, seconds={"forward": 1.0})]
    after = [make("a", dice=0.4, seconds={"forward": 9.0}, **other)]
    assert verdicts(before, after) == {"Pairs failed": Verdict.SAME, "Dice": Verdict.WORSE}
    (said,) = reservations(before, after)
    assert said.startswith("Not timed under the same conditions")
    assert said.endswith("a on set.")


def test_other_metrics_are_told(make: Make) -> None:
    record = make("a", dice=0.5)
    later = structs.replace(record, identity=structs.replace(record.identity, evaluation_version="2"))
    (said,) = reservations([record], [later])
    assert said == "Data or metrics have another version, which a change of score may come from: a on set."


def test_what_no_table_would_print_is_no_change(make: Make) -> None:
    sides = [[make("a", sd_log_jacobian=value)] for value in (0.0, 1e-7)]
    assert verdicts(*sides)["sd log J"] is Verdict.SAME


def test_table_holds_what_moved(make: Make) -> None:
    changes = compare_runs([make("a", dice=0.8, rmse=0.1)], [make("a", dice=0.7, rmse=0.1)], NO_NOISE)
    table = changes_table(changes, "old", "new")
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["set", "a", "Dice", "1", "0.8000", "0.7000", "0.0008", "worse"]
    ]
    assert table.caption.startswith("2 numbers of 3 stayed the same")


def test_states_of_a_store_by_commit(make: Make) -> None:
    records = [
        make("a", dice=0.5, provenance={"commit": "aaaa1"}),
        make("b", dice=0.6, provenance={"commit": "aaaa1"}),
        make("a", dice=0.7, provenance={"commit": "bbbb2"}),
    ]
    assert commits_of(records) == ["aaaa1", "bbbb2"]
    changes = compare_runs(state_at(records, "aaaa"), state_at(records, "bbbb2"), NO_NOISE)
    assert {(c.run, c.title): str(c.verdict) for c in changes if c.title == "Dice"} == {
        ("a", "Dice"): "better",
        ("b", "Dice"): "same",
    }
    with pytest.raises(
        LookupError, match="commit 'cccc': made no record of this store, or is not unique; it has aaaa1"
    ):
        state_at(records, "cccc")
    table = history_table(Trend.of(records, METRICS["dice"]))
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["set", "a", "0.500", "0.700"],
        ["set", "b", "0.600", "0.600"],
    ]
