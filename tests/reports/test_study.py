from __future__ import annotations

import math
from collections.abc import Callable

from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.study import Records, Run, Study, natural_order, once_per_study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def test_runs_stand_in_order_of_track_and_config(make: Make, make_config: MakeConfig) -> None:
    config = make_config("truth", "rec", "b c", "a", "start")
    records = [
        make("a"),
        make("truth", track="reference"),
        make("rec", track="recommended"),
        make("b c [k=10]", backend="b"),
        make("b c [k=2]", backend="b"),
        make("start", backend="identity", track="reference"),
    ]
    labels = [run.label for run in Study.of(config, records).runs("set")]
    assert labels == ["start", "b c [k=2]", "b c [k=10]", "a", "rec", "truth"]


def test_order_of_records_does_not_matter(make: Make, make_config: MakeConfig) -> None:
    records = [make(run, pair, dice=0.5) for run in ("a", "b") for pair in ("p1", "p2")]
    study, turned = (Study.of(make_config("a", "b"), part) for part in (records, records[::-1]))
    assert study == turned


def test_datasets_come_in_the_order_of_the_config(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", dataset=name) for name in ("other", "x", "y")]
    assert Study.of(make_config("a", datasets=("y", "x")), records).datasets == ("y", "x", "other")


def test_pairs_are_sorted_by_the_numbers_in_their_names(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", pair) for pair in ("p10", "p2", "p1")]
    assert Study.of(make_config(), records).pairs("set") == ("p1", "p2", "p10")


def test_values_are_nan_where_not_run_failed_or_undefined(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("a", "p1", dice=0.5),
        make("a", "p2", status=Status.FAILED),
        make("a", "p3", dice=None),
        make("b", "p4", dice=0.9),
    ]
    study = Study.of(make_config("a", "b"), records)
    values = study.values("set", "a", "dice")
    assert values["p1"] == 0.5
    assert all(math.isnan(values[pair]) for pair in ("p2", "p3", "p4"))
    assert study.ok_count("set", "a") == 2


def test_start_is_taken_from_whichever_run_recorded_it(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1"), make("b", "p1", before={"dice": 0.4})]
    assert Study.of(make_config("a", "b"), records).before("set", "dice")["p1"] == 0.4


def test_title_says_which_row_is_the_start() -> None:
    assert Run("identity", "identity", "reference").title == "identity (before)"
    assert Run("before", "identity", "reference").title == "before"
    assert Run("a", "b", "matched").title == "a"


def test_natural_order_of_mixed_names() -> None:
    assert sorted(["b", "10", "a2", "9", "a10"], key=natural_order) == ["9", "10", "a2", "a10", "b"]


def test_what_is_said_once_is_worked_out_again_for_other_studies_and_configs(
    make: Make, make_config: MakeConfig
) -> None:
    asked: list[str] = []

    @once_per_study
    def pairs_of(config: Config, records: Records, dataset: str) -> list[str]:
        asked.append(dataset)
        return list(Study.of(config, records).pairs(dataset))

    config, records = make_config("a"), [make("a", "p1")]
    study = Study.of(config, records)
    said = pairs_of(config, study, "set")
    said.append("changed by a caller")
    assert pairs_of(config, study, "set") == ["p1"]
    assert asked == ["set"]
    assert pairs_of(config, study, "other") == []
    assert pairs_of(config, Study.of(config, records), "set") == ["p1"]
    assert pairs_of(make_config("a", "b"), study, "set") == ["p1"]
    assert pairs_of(config, records, "set") == ["p1"]
    assert asked == ["set", "other", "set", "set", "set"]
