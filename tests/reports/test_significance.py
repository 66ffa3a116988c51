from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from benchmarks.config import Config
from benchmarks.label_scores import LabelScores
from benchmarks.noise import Calibration, NoiseFloors, PairTimes
from benchmarks.records import RunRecord, Status
from reports.gains import gain_tables, label_tables
from reports.significance import (
    common_tables,
    interval_tables,
    paired_tables,
    rank_tables,
    without_intervals,
)
from reports.table import Table

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def made(make: Make, pairs: int, **dice: float) -> list[RunRecord]:
    records = []
    for index in range(pairs):
        for place, (run, value) in enumerate(dice.items()):
            jitter = 0.01 * ((index * 7 + place * 3) % 5 - 2)
            record = make(run, f"p{index}", dice=value + jitter, before={"dice": 0.55})
            identity = structs.replace(record.identity, subjects=(f"s{index}",))
            records.append(structs.replace(record, identity=identity))
    return records


def cells(table: Table, row: int) -> list[str]:
    return [cell.text for cell in table.rows[row].cells]


def test_effect_size_and_win_rate_stand_beside_each_p(make: Make, make_config: MakeConfig) -> None:
    config = make_config("a", "b", "c", figures={"oracle": "a"})
    (table,) = paired_tables(config, made(make, 15, a=0.6, b=0.8, c=0.601))
    assert table.title == "Paired tests against a: set"
    assert cells(table, 0)[:3] == ["Dice", "b", "matched"]
    assert cells(table, 0)[6:] == ["< 0.001", "1.00", "100%", "better"]
    assert cells(table, 1)[-1] == "no difference shown"
    numbers = {name: value for cell in table.rows[0].cells for name, value in cell.numbers}
    assert 0 < numbers["uncorrected"] <= numbers["corrected"] < 0.001
    assert numbers["mean"] == pytest.approx(0.2)
    assert numbers["interval low"] < 0.2 < numbers["interval high"]
    assert "Warning" not in table.caption
    assert "was chosen" not in table.caption


def test_a_reference_chosen_by_its_rank_is_told(make: Make, make_config: MakeConfig) -> None:
    (table,) = paired_tables(make_config("a", "b"), made(make, 15, a=0.6, b=0.8))
    assert "b was chosen for its rank on these pairs, which no p value is corrected for." in table.caption


def test_a_config_names_the_reference(make: Make, make_config: MakeConfig) -> None:
    config = make_config("a", "b", figures={"oracle": "a"}, report={"reference": "b"})
    (table,) = paired_tables(config, made(make, 15, a=0.6, b=0.8))
    assert (cells(table, 0)[1], cells(table, 0)[-1]) == ("a", "worse")


def test_times_within_the_noise_floor_do_not_differ_however_sure_the_test_is(
    make: Make, make_config: MakeConfig
) -> None:
    seconds = {"a": 1.0, "b": 0.95, "c": 0.7}
    records = [
        structs.replace(record, seconds={"forward": seconds[record.identity.run]})
        for record in made(make, 15, a=0.6, b=0.8, c=0.7)
    ]
    calibration = Calibration(
        host="host", cpu="Some CPU", device="cpu", threads=2, run="a", backend="a", commit="",
        measured_utc="", pairs=(PairTimes(dataset="set", pair_id="p1", first=(1.0,), second=(1.1,)),),
    )  # fmt: skip
    config = make_config("a", "b", "c", figures={"oracle": "a"})
    (table,) = paired_tables(config, records, NoiseFloors((calibration,)))
    times = {cells(table, row)[1]: cells(table, row)[5::4] for row in (2, 3)}
    assert times["b"] == ["1.05× ≈ [1.05, 1.05]", "no difference shown"]
    assert times["c"] == ["1.43× [1.43, 1.43]", "better"]
    assert "Noise floor: 1.1×" in table.caption
    (without,) = paired_tables(config, records)
    assert cells(without, 2)[5::4] == ["1.05× [1.05, 1.05]", "better"]
    assert "was not measured" in without.caption


def test_too_few_pairs_get_a_warning_and_no_verdict(make: Make, make_config: MakeConfig) -> None:
    records = made(make, 2, a=0.6, b=0.8)
    (paired,), (ranks,) = (tables(make_config("a", "b"), records) for tables in (paired_tables, rank_tables))
    assert cells(paired, 0)[-1] == "too few to conclude"
    assert "Warning: 2 pairs cannot tell 2 runs apart" in paired.caption
    assert "Warning: 2 pairs cannot" in ranks.caption
    assert interval_tables(make_config("a", "b"), records) == []
    assert without_intervals(make_config("a", "b"), records) == [
        "No 95 % intervals of set: its pairs are of 2 subjects, and an interval over subjects needs 6."
    ]
    assert without_intervals(make_config("a", "b"), made(make, 6, a=0.6, b=0.8)) == []


def test_no_time_has_an_interval(make: Make, make_config: MakeConfig) -> None:
    records = [
        structs.replace(record, seconds={"forward": 1.0, "backward": 1.0})
        for record in made(make, 6, a=0.6, b=0.8)
    ]
    config = make_config("a", "b", report={"columns": ["dice", "forward_s", "backward_s"]})
    (table,) = interval_tables(config, records)
    assert [column.heading for column in table.columns][3:] == ["Dice"]


def test_a_single_run_is_compared_with_nothing(make: Make, make_config: MakeConfig) -> None:
    assert paired_tables(make_config("a"), made(make, 9, a=0.6)) == []
    assert rank_tables(make_config("a"), made(make, 9, a=0.6)) == []


def test_ranks_count_failures_and_name_who_is_alike(make: Make, make_config: MakeConfig) -> None:
    records = [r for r in made(make, 4, a=0.6, b=0.8) if (r.identity.run, r.identity.pair_id) != ("b", "p3")]
    records.append(make("b", "p3", status=Status.TIMEOUT))
    (table,) = rank_tables(make_config("a", "b"), records)
    assert [cells(table, row)[:3] for row in (0, 1)] == [
        ["b", "matched", "1.25"],
        ["a", "matched", "1.75"],
    ]
    assert cells(table, 0)[3:] == ["3/4", "a"]


def test_pairs_that_a_run_cannot_do_are_left_out_of_ranks_and_told(
    make: Make, make_config: MakeConfig
) -> None:
    records = [
        *made(make, 9, a=0.6, b=0.8),
        make("a", "q", dice=0.6),
        make("b", "q", status=Status.UNSUPPORTED),
    ]
    (table,) = rank_tables(make_config("a", "b"), records)
    assert cells(table, 0)[:3] == ["b", "matched", "1.00"]
    assert table.caption.startswith(
        "Average rank over 9 pairs, 1 is best; a failure counts as the last rank. 1 pair"
    )
    assert " 1 pair that not every run tried is left out. Ranks closer" in table.caption


def test_common_pairs_are_those_on_which_all_succeeded(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", pair, dice=dice) for pair, dice in (("p1", 0.2), ("p2", 0.8))]
    records += [make("b", "p1", status=Status.FAILED), make("b", "p2", dice=0.7)]
    records += [make("never", pair, status=Status.FAILED) for pair in ("p1", "p2")]
    (table,) = common_tables(make_config("a", "b", "never"), records)
    assert table.title == "Pairs on which all succeeded, 1 of 2: set"
    assert {row.cells[0].text: row.cells[3].text for row in table.rows} == {
        "before": "n/a",
        "a": "0.800",
        "b": "0.700",
    }


def test_no_table_of_common_pairs_where_nothing_failed(make: Make, make_config: MakeConfig) -> None:
    assert common_tables(make_config("a", "b"), made(make, 3, a=0.6, b=0.8)) == []


def test_no_common_pair_is_said(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", dice=0.5), make("a", "p2", status=Status.FAILED)]
    records += [make("b", "p2", dice=0.5), make("b", "p1", status=Status.FAILED)]
    (table,) = common_tables(make_config("a", "b"), records)
    assert table.caption == "There is no such pair."


def test_before_and_after(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", f"p{i}", dice=dice, before={"dice": 0.5}) for i, dice in enumerate((0.9, 0.4, 0.8))]
    (table,) = gain_tables(make_config("a"), records)
    assert cells(table, 0) == ["a", "matched", "0.50 → 0.70 (2/3)"]


def test_dice_by_label(make: Make, make_config: MakeConfig) -> None:
    labels = {
        "a": {"hippocampus": {"dice": 0.8}},
        "b": {"hippocampus": {"dice": 0.7}, "caudate": {"dice": 0.9}},
    }
    records = [
        structs.replace(
            make(run),
            labels=LabelScores.of(found),
            labels_before=LabelScores.of({"hippocampus": {"dice": 0.4}}),
        )
        for run, found in labels.items()
    ]
    (table,) = label_tables(make_config("a", "b"), records)
    assert [cells(table, row) for row in (0, 1)] == [
        ["hippocampus", "0.400", "0.800", "0.700"],
        ["caudate", "n/a", "n/a", "0.900"],
    ]
    assert [cell.bold for cell in table.rows[0].cells] == [False, False, True, False]
