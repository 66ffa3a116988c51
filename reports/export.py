"""The numbers for other programs: one CSV row per record, one JSON file per pair."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
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
    writer = csv.writer(text, lineterminator="\n")
    for number, record in enumerate(study.records):
        row = _flat(record)
        if number == 0:
            writer.writerow(row)
        writer.writerow(row.values())
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
        "before": _defined(before),
        "labels_before": next((_labels(found) for found in labels_before if found), {}),
        "runs": {label: _run(results[label]) for label in order if label in results},
    }
    return to_json(content, indent=2).decode() + "\n"


_SCORES = tuple(metric for metric in METRICS if metric not in COSTS)
_BEFORE = tuple(f"before_{metric}" for metric in _SCORES)


def _flat(record: RunRecord) -> dict[str, Any]:
    identity, failure, gradient = record.identity, record.failure, record.gradient
    check = record.gradient_check
    values, before = record.values(), record.before
    return {
        "run": identity.run,
        "backend": identity.backend,
        "track": identity.track,
        "dataset": identity.dataset,
        "dataset_version": identity.dataset_version,
        "pair_id": identity.pair_id,
        "kind": identity.kind,
        "conditions": json.dumps(identity.conditions, sort_keys=True) if identity.conditions else None,
        "subjects": ";".join(identity.subjects),
        "dimension": identity.dimension,
        "repeat": identity.repeat,
        "seed": identity.seed,
        "threads": identity.threads,
        "device": identity.device,
        "status": str(record.status),
        "failure_stage": failure.stage if failure else None,
        "failure_message": failure.message if failure else None,
        **dict(zip(METRICS, map(_finite, map(values.get, METRICS)), strict=True)),
        **dict(zip(_BEFORE, map(_finite, map(before.get, _SCORES)), strict=True)),
        "gradient_finite": gradient.finite if gradient else None,
        "gradient_moving_norm": gradient.moving_norm if gradient else None,
        "gradient_fixed_norm": gradient.fixed_norm if gradient else None,
        "gradient_parameters_norm": gradient.parameters_norm if gradient else None,
        "gradient_check_uncertainty": check.uncertainty if check else None,
        "gradient_check_note": check.note if check else None,
        "params": json.dumps(identity.params, sort_keys=True) if identity.params else "{}",
        "commit": record.provenance.commit,
        "dirty": record.provenance.dirty,
        "concurrent_jobs": record.provenance.concurrent_jobs,
        "load_average": record.provenance.load_average,
        "started_utc": record.provenance.started_utc,
        "job_id": record.job_id,
    }


def _run(result: PairResult) -> dict[str, Any]:
    first = result.repeats[0]
    return {
        "status": str(result.status),
        "track": first.identity.track,
        "scores": _defined({metric: result.value(metric) for metric in METRICS}),
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
    return {
        metric: value
        for metric in METRICS
        if (value := values.get(metric)) is not None and math.isfinite(value)
    }


def _labels(labels: Mapping[str, Scores]) -> dict[str, Scores]:
    return {name: {metric: _finite(v) for metric, v in scores.items()} for name, scores in labels.items()}


def _defined(scores: Mapping[str, float | None]) -> dict[str, float]:
    return {metric: value for metric, value in scores.items() if value is not None}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
