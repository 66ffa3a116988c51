"""The numbers for other programs: one CSV row per record, one JSON file per pair."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import to_json

from benchmarks.aggregation import PairKey, PairResult
from benchmarks.catalogue import METRICS
from benchmarks.records import RunRecord, Scores
from reports.study import Study

COSTS = frozenset(
    {
        "forward_s",
        "backward_s",
        "gradient_cosine",
        "gradient_norm_ratio",
        "prepare_s",
        "peak_rss_mib",
        "peak_cuda_mib",
    }
)


def results_csv(study: Study) -> str:
    """Return one flat row per current record; undefined numbers are empty."""
    text = io.StringIO()
    if study.records:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow((*_ASKED, *METRICS, *(f"before_{metric}" for metric in _SCORES), *_CIRCUMSTANCES))
        writer.writerows(map(_row, study.records))
    return text.getvalue()


def pair_json(study: Study, key: PairKey) -> str:
    """Return everything known of a pair: the start, and per run the averages, repeats and label scores."""
    results = study.results[key]
    identity = next(iter(results.values())).repeats[0].identity
    order = [run.label for run in study.runs(key.dataset)]
    before = {metric: study.start(key.dataset, key.pair_id, metric) for metric in METRICS}
    labels_before = [record.labels_before for result in results.values() for record in result.repeats]
    content = {
        "dataset": key.dataset,
        "dataset_version": identity.dataset_version,
        "pair_id": key.pair_id,
        "kind": identity.kind,
        "subjects": list(identity.subjects),
        "dimension": identity.dimension,
        "before": _finite_alone(before),
        "labels_before": next((_labels(found) for found in labels_before if found), {}),
        "runs": {label: _run(results[label]) for label in order if label in results},
    }
    return to_json(content, indent=2).decode() + "\n"


def _row(record: RunRecord) -> list[Any]:
    return [
        *(read(record) for read in _ASKED.values()),
        *map(_finite_alone(record.values()).get, METRICS),
        *map(_finite_alone(record.before).get, _SCORES),
        *(read(record) for read in _CIRCUMSTANCES.values()),
    ]


def _conditions(record: RunRecord) -> str | None:
    conditions = record.identity.conditions
    return json.dumps(conditions, sort_keys=True) if conditions else None


def _params(record: RunRecord) -> str:
    return json.dumps(record.identity.params, sort_keys=True)


_SCORES = tuple(metric for metric in METRICS if metric not in COSTS)
_ASKED: Mapping[str, Callable[[RunRecord], Any]] = {
    "run": lambda r: r.identity.run,
    "backend": lambda r: r.identity.backend,
    "track": lambda r: r.identity.track,
    "dataset": lambda r: r.identity.dataset,
    "dataset_version": lambda r: r.identity.dataset_version,
    "pair_id": lambda r: r.identity.pair_id,
    "kind": lambda r: r.identity.kind,
    "conditions": _conditions,
    "subjects": lambda r: ";".join(r.identity.subjects),
    "dimension": lambda r: r.identity.dimension,
    "repeat": lambda r: r.identity.repeat,
    "seed": lambda r: r.identity.seed,
    "threads": lambda r: r.identity.threads,
    "device": lambda r: r.identity.device,
    "status": lambda r: str(r.status),
    "failure_stage": lambda r: r.failure.stage if r.failure else None,
    "failure_message": lambda r: r.failure.message if r.failure else None,
}
_CIRCUMSTANCES: Mapping[str, Callable[[RunRecord], Any]] = {
    "gradient_finite": lambda r: r.gradient.finite if r.gradient else None,
    "gradient_moving_norm": lambda r: r.gradient.moving_norm if r.gradient else None,
    "gradient_fixed_norm": lambda r: r.gradient.fixed_norm if r.gradient else None,
    "gradient_parameters_norm": lambda r: r.gradient.parameters_norm if r.gradient else None,
    "gradient_check_uncertainty": lambda r: r.gradient_check.uncertainty if r.gradient_check else None,
    "gradient_check_note": lambda r: r.gradient_check.note if r.gradient_check else None,
    "params": _params,
    "commit": lambda r: r.provenance.commit,
    "dirty": lambda r: r.provenance.dirty,
    "concurrent_jobs": lambda r: r.provenance.concurrent_jobs,
    "load_average": lambda r: r.provenance.load_average,
    "started_utc": lambda r: r.provenance.started_utc,
    "job_id": lambda r: r.job_id,
}


def _run(result: PairResult) -> dict[str, Any]:
    first = result.repeats[0]
    return {
        "status": str(result.status),
        "track": first.identity.track,
        "scores": _finite_alone({metric: result.value(metric) for metric in METRICS}),
        "labels": _labels(first.labels),
        "repeats": [
            {
                "repeat": record.identity.repeat,
                "status": str(record.status),
                "failure": record.failure.message if record.failure else None,
                **_in_order(record.values()),
            }
            for record in result.repeats
        ],
    }


def _in_order(values: Mapping[str, float | None]) -> dict[str, float]:
    found = _finite_alone(values)
    return {metric: found[metric] for metric in METRICS if metric in found}


def _finite_alone(values: Mapping[str, float | None]) -> dict[str, float]:
    return {metric: v for metric, v in values.items() if v is not None and math.isfinite(v)}


def _labels(labels: Mapping[str, Scores]) -> dict[str, Scores]:
    return {name: {metric: _finite(v) for metric, v in scores.items()} for name, scores in labels.items()}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
