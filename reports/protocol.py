"""``protocol.json``: one run beside an oracle, pair by pair, with the verdicts and where the raw records lie."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from pydantic_core import to_json

from benchmarks.aggregation import PairResult
from benchmarks.config import ProtocolConfig
from benchmarks.gates import GateResult
from benchmarks.kept_transforms import ARTEFACT, KeptTransform, read_kept, rms_distance_mm
from benchmarks.records import RunRecord, Status
from reports.study import Study

PROTOCOL = "protocol.json"
RECORDS = "records.jsonl"

DEFINITIONS = {
    "rmse": "root mean square difference of the normalised intensities inside the fixed mask, mean over repeats",
    "params_l2": (
        "root mean square, over the voxels of the fixed mask, of the distance between where our transform and the "
        "oracle's take a point, in mm. Backends do not share a parametrisation, and a norm over the parameters of one "
        "would add millimetres to pure numbers; a distance between maps is the same however they are parametrised"
    ),
    "differentiable_ok": (
        "the gradient of every repeat is finite, and non-zero with respect to the moving image and to the parameters; "
        "false too where the run offers none"
    ),
    "ncc_fallback": (
        "whether another similarity replaced the one asked for during a run: false, because no backend does that"
    ),
    "forward_ms": "the registration alone, over all repeats that ended ok",
    "backward_ms": "the gradient of the mean squared error, over the same repeats",
    "timestamp_utc": "when the newest of the records' jobs started",
    "run_id": "hash of the ids and the starting times of all jobs with a record",
    "null": "not known: the job did not end ok, or has no such number",
}


def protocol_json(study: Study, asked: ProtocolConfig, gates: Sequence[GateResult], folder: Path) -> str:
    """Return the protocol as JSON; the same records give the same bytes.

    Parameters
    ----------
    study : Study
        All records; of a sweep over thread counts, fixtures are those of the first.
    asked : ProtocolConfig
        Which run is ours, and which the oracle.
    gates : sequence of GateResult
        What became of the gates.
    folder : Path
        ``results/<name>``: the raw records, and the transforms that they name.
    """
    one = study.under_first_threads
    records = one.records
    fixtures = [
        _fixture(one, asked, dataset, pair, folder) for dataset in one.datasets for pair in one.pairs(dataset)
    ]
    ours = [record for record in records if record.identity.run == asked.ours]
    content = {
        "name": study.config.name,
        "run_id": _run_id(records),
        "timestamp_utc": max((record.provenance.started_utc for record in records), default=None),
        "commits": sorted({record.provenance.commit for record in records}),
        "ours": _run(records, asked.ours),
        "oracle": _run(records, asked.oracle),
        "fixtures": fixtures,
        "forward_ms": _milliseconds(ours, "forward"),
        "backward_ms": _milliseconds(ours, "backward"),
        "gates": {
            "verdict": _verdict(all(gate.passed for gate in gates)) if gates else None,
            "passed": sum(gate.passed for gate in gates),
            "of": len(gates),
            "results": [_gate(gate) for gate in gates],
        },
        "raw_records": {"path": RECORDS, "sha256": _sha256(folder / RECORDS)},
        "units": {
            "our_rmse": "normalised intensity",
            "oracle_rmse": "normalised intensity",
            "params_l2": "mm",
        },
        "definitions": DEFINITIONS,
    }
    return to_json(content, indent=2).decode() + "\n"


def _fixture(study: Study, asked: ProtocolConfig, dataset: str, pair: str, folder: Path) -> dict[str, Any]:
    ours, oracle = (study.result(dataset, pair, label) for label in (asked.ours, asked.oracle))
    repeats = ours.repeats if ours else ()
    return {
        "dataset": dataset,
        "pair": pair,
        "our_status": str(ours.status) if ours else None,
        "oracle_status": str(oracle.status) if oracle else None,
        "our_rmse": ours.value("rmse") if ours else None,
        "oracle_rmse": oracle.value("rmse") if oracle else None,
        "params_l2": _apart_mm(ours, oracle, folder),
        "differentiable_ok": _differentiable(ours),
        "similarity": _similarity(repeats),
        "ncc_fallback": False,
        "forward_ms": _milliseconds(repeats, "forward"),
        "backward_ms": _milliseconds(repeats, "backward"),
    }


def _run(records: Iterable[RunRecord], label: str) -> dict[str, Any]:
    found = [record for record in records if record.identity.run == label]
    identity = found[0].identity if found else None
    return {
        "label": label,
        "backend": identity.backend if identity else None,
        "backend_version": identity.backend_version if identity else None,
        "similarity": _similarity(found),
        "threads": identity.threads if identity else None,
        "device": identity.device if identity else None,
    }


def _similarity(records: Iterable[RunRecord]) -> str | None:
    """Return what the backend said that it minimised, else what it was asked for."""
    for record in records:
        for told in (record.effective, record.identity.params):
            if similarity := told.get("similarity") or told.get("metric"):
                return str(similarity)
    return None


def _differentiable(result: PairResult | None) -> bool | None:
    if result is None or not result.ok:
        return None
    return all(record.gradient is not None and record.gradient.usable for record in result.repeats)


def _milliseconds(records: Iterable[RunRecord], stage: str) -> dict[str, float | None]:
    ended = [record for record in records if record.status is Status.OK]
    found = [1000 * record.seconds[stage] for record in ended if stage in record.seconds]
    return {"max": max(found, default=None), "mean": fmean(found) if found else None}


def _apart_mm(ours: PairResult | None, oracle: PairResult | None, folder: Path) -> float | None:
    one, other = (_kept(result, folder) for result in (ours, oracle))
    if one is None or other is None:
        return None
    points_mm = one.fixed.points(np.argwhere(one.mask))
    return _finite(rms_distance_mm(one.found, other.found, points_mm))


def _kept(result: PairResult | None, folder: Path) -> KeptTransform | None:
    if result is None or not result.ok or (name := result.repeats[0].artefacts.get(ARTEFACT)) is None:
        return None
    try:
        return read_kept(folder, name)
    except ValueError:
        return None


def _gate(gate: GateResult) -> Mapping[str, Any]:
    return {
        "text": gate.text,
        "verdict": _verdict(gate.passed),
        "pairs": gate.pairs,
        "value": _finite(gate.value),
        "limit": _finite(gate.limit),
        "oracle_value": _finite(gate.oracle_value),
        "reason": gate.reason,
    }


def _verdict(passed: bool) -> str:
    return "PASS" if passed else "FAIL"


def _run_id(records: Iterable[RunRecord]) -> str:
    asked = sorted(f"{record.job_id} {record.provenance.started_utc}" for record in records)
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
