from __future__ import annotations

import io
import json
from collections.abc import Callable

import pandas as pd
import pytest
from msgspec import structs

from benchmarks.aggregation import PairKey
from benchmarks.config import Config
from benchmarks.label_scores import LabelScores
from benchmarks.records import Gradient, RunRecord, Status
from reports.export import pair_json, results_csv
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def test_csv_has_a_row_per_record_with_its_numbers(make: Make, make_config: MakeConfig) -> None:
    gradient = Gradient(finite=True, moving_norm=1.5, fixed_norm=None, parameters_norm=2.0)
    records = [
        make("a", "p,1", dice=0.1, before={"dice": 0.05}, seconds={"forward": 1.25}, gradient=gradient),
        make("a", "p,1", repeat=1, dice=0.3),
        make("b", "p,1", status=Status.TIMEOUT, message='said "no"\nand more'),
    ]
    frame = pd.read_csv(io.BytesIO(results_csv(Study.of(make_config("a", "b"), records))))
    assert list(frame["run"]) == ["a", "a", "b"]
    assert list(frame["pair_id"]) == ["p,1"] * 3
    assert list(frame["dice"][:2]) == [0.1, 0.3]
    assert frame["dice"].isna()[2]
    assert frame["before_dice"][0] == 0.05
    assert frame["forward_s"][0] == 1.25
    assert frame["gradient_moving_norm"][0] == 1.5
    assert frame["failure_message"][2] == 'said "no"\nand more'


def test_no_text_of_the_csv_acts_as_a_formula(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("a", "-1.5", kind="=HYPERLINK(1)", status=Status.FAILED, message="@SUM(A1)"),
        make("b", "-1.5", dice=-0.5),
    ]
    text = results_csv(Study.of(make_config("a", "b"), records)).decode()
    frame = pd.read_csv(io.StringIO(text), dtype=str)
    assert list(frame["kind"]) == ["'=HYPERLINK(1)", "kind"]
    assert list(frame["pair_id"]) == ["-1.5", "-1.5"]
    assert frame["failure_message"][0] == "'@SUM(A1)"
    assert frame["failure_message"].isna()[1]
    assert frame["dice"][1] == "-0.5"


def test_csv_without_records_is_empty(make_config: MakeConfig) -> None:
    assert results_csv(Study.of(make_config(), [])) == b""


def test_pair_file_has_the_averages_of_the_tables(make: Make, make_config: MakeConfig) -> None:
    scores = {"left": {"dice": 0.7}, "right": {"dice": None}}
    records = [
        make("a", repeat=0, dice=0.1, tre_mm=float("nan"), before={"dice": 0.05, "tre_mm": None}),
        make("a", repeat=1, dice=0.3),
        make("b", status=Status.FAILED),
    ]
    records[0] = structs.replace(records[0], labels=LabelScores.of(scores))
    content = json.loads(pair_json(Study.of(make_config("b", "a"), records), PairKey("set", "p1")))
    assert content["before"] == {"dice": 0.05}
    assert list(content["runs"]) == ["b", "a"]
    assert content["runs"]["a"]["scores"] == {"dice": pytest.approx(0.2)}
    assert content["runs"]["a"]["labels"] == scores
    assert [repeat["dice"] for repeat in content["runs"]["a"]["repeats"]] == [0.1, 0.3]
    assert content["runs"]["b"]["status"] == "failed"
    assert content["runs"]["b"]["scores"] == {}
    assert content["runs"]["b"]["repeats"][0]["failure"] == "it broke"
