from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.config import Config
from benchmarks.kept_transforms import Frame, KeptTransform, LinearMap, write_kept
from benchmarks.record_store import RecordStore
from benchmarks.records import Gradient, RunRecord, Status
from reports.build import build_report

USABLE = Gradient(finite=True, moving_norm=1.0, fixed_norm=1.0, parameters_norm=1.0)
FRAME = Frame((4, 5), np.eye(2), np.zeros(2))
GATES = [{"metric": "rmse", "backend": "ours", "oracle": "theirs", "rel": 0.1}, {"differentiable": "ours"}]


@pytest.fixture
def config(make_config: Callable[..., Config]) -> Config:
    return make_config("ours", "theirs", gates=GATES, protocol={"ours": "ours", "oracle": "theirs"})


@pytest.fixture
def records(make: Callable[..., RunRecord], tmp_path: Path) -> list[RunRecord]:
    """Two repeats of one pair by both, and a pair on which the oracle failed and ours has no gradient."""
    for name, offset in (("ours", (3.0, 0.0)), ("theirs", (0.0, 4.0))):
        found = LinearMap(np.eye(2), np.array(offset))
        kept = KeptTransform(FRAME, FRAME, np.ones((4, 5), dtype=bool), found, None, None)
        write_kept(tmp_path / f"artefacts/{name}.npz", kept)

    def one(run: str, pair: str, repeat: int = 0, **others: Any) -> RunRecord:
        kept = {"transform": f"artefacts/{run}.npz"} if repeat == 0 else {}
        started = {"started_utc": f"2026-01-0{repeat + 1}T00:00:00.000+00:00"}
        similarity = (
            {"effective": {"similarity": "ssd"}} if run == "ours" else {"params": {"metric": "mattes"}}
        )
        return make(run, pair, repeat=repeat, artefacts=kept, provenance=started, **{**similarity, **others})

    return [
        one("ours", "p1", 0, rmse=0.1, gradient=USABLE, seconds={"forward": 0.010, "backward": 0.004}),
        one("ours", "p1", 1, rmse=0.2, gradient=USABLE, seconds={"forward": 0.030, "backward": 0.002}),
        one("theirs", "p1", 0, rmse=0.15, seconds={"forward": 1.0}),
        one("theirs", "p1", 1, rmse=0.15, seconds={"forward": 1.0}),
        one("ours", "p2", 0, rmse=0.3, seconds={"forward": 0.050}),
        one("theirs", "p2", 0, status=Status.TIMEOUT),
    ]


@pytest.fixture
def protocol(config: Config, records: list[RunRecord], tmp_path: Path) -> dict[str, Any]:
    store = RecordStore(tmp_path / "records.jsonl")
    for record in records:
        store.append(record)
    build_report(tmp_path, config, records)
    written: dict[str, Any] = json.loads((tmp_path / "protocol.json").read_text())
    return written


def test_every_number_of_a_fixture(protocol: dict[str, Any]) -> None:
    assert protocol["fixtures"][0] == {
        "dataset": "set",
        "pair": "p1",
        "our_status": "ok",
        "oracle_status": "ok",
        "our_rmse": pytest.approx(0.15),
        "oracle_rmse": pytest.approx(0.15),
        "params_l2": pytest.approx(5.0),
        "differentiable_ok": True,
        "similarity": "ssd",
        "ncc_fallback": False,
        "forward_ms": {"max": pytest.approx(30.0), "mean": pytest.approx(20.0)},
        "backward_ms": {"max": pytest.approx(4.0), "mean": pytest.approx(3.0)},
    }


def test_what_is_missing_is_null_and_never_zero(protocol: dict[str, Any]) -> None:
    fixture = protocol["fixtures"][1]
    assert fixture["our_rmse"] == pytest.approx(0.3)
    assert fixture["oracle_status"] == "timeout"
    assert (fixture["oracle_rmse"], fixture["params_l2"]) == (None, None)
    assert fixture["differentiable_ok"] is False
    assert fixture["backward_ms"] == {"max": None, "mean": None}


def test_the_whole_of_it(protocol: dict[str, Any], tmp_path: Path) -> None:
    assert protocol["timestamp_utc"] == "2026-01-02T00:00:00.000+00:00"
    assert protocol["forward_ms"] == {"max": pytest.approx(50.0), "mean": pytest.approx(30.0)}
    assert protocol["backward_ms"] == {"max": pytest.approx(4.0), "mean": pytest.approx(3.0)}
    assert protocol["ours"]["similarity"] == "ssd"
    assert protocol["oracle"]["similarity"] == "mattes"
    digest = hashlib.sha256((tmp_path / "records.jsonl").read_bytes()).hexdigest()
    assert protocol["raw_records"] == {"path": "records.jsonl", "sha256": digest}
    assert "mm" in protocol["definitions"]["params_l2"]


def test_gates_come_with_their_text_numbers_and_verdict(protocol: dict[str, Any]) -> None:
    gates = protocol["gates"]
    assert (gates["verdict"], gates["passed"], gates["of"]) == ("FAIL", 0, 2)
    first, second = gates["results"]
    assert first["text"].startswith("worst RMSE of ours ≤ 1.1 × worst of theirs")
    assert (first["verdict"], first["value"], first["limit"]) == ("FAIL", None, None)
    assert "theirs is not ok on 1 of 2 pairs" in first["reason"]
    assert "ours returned no gradient on set/p2" in second["reason"]


def test_a_gate_that_holds_has_numbers(config: Config, records: list[RunRecord], tmp_path: Path) -> None:
    build_report(tmp_path, config, records[:4])
    gates = json.loads((tmp_path / "protocol.json").read_text())["gates"]
    assert (gates["verdict"], gates["passed"]) == ("PASS", 2)
    assert gates["results"][0]["value"] == pytest.approx(0.15)
    assert gates["results"][0]["limit"] == pytest.approx(0.165)
    assert gates["results"][0]["oracle_value"] == pytest.approx(0.15)


def test_the_same_records_give_the_same_bytes_and_others_another_id(
    config: Config, records: list[RunRecord], tmp_path: Path
) -> None:
    path = tmp_path / "protocol.json"
    build_report(tmp_path, config, records)
    first = path.read_bytes()
    build_report(tmp_path, config, list(reversed(records)))
    assert path.read_bytes() == first
    build_report(tmp_path, config, records[:-1])
    assert json.loads(path.read_bytes())["run_id"] != json.loads(first)["run_id"]
    assert json.loads(first)["raw_records"]["sha256"] is None  # these records were never stored


def test_a_transform_that_was_not_kept_leaves_no_distance(
    config: Config, records: list[RunRecord], tmp_path: Path
) -> None:
    (tmp_path / "artefacts" / "theirs.npz").unlink()
    build_report(tmp_path, config, records)
    assert json.loads((tmp_path / "protocol.json").read_text())["fixtures"][0]["params_l2"] is None


def test_it_is_written_only_where_a_config_asks(
    config: Config, records: list[RunRecord], tmp_path: Path
) -> None:
    build_report(tmp_path, config, records)
    build_report(tmp_path, config.model_copy(update={"protocol": None}), records)
    assert not (tmp_path / "protocol.json").exists()
