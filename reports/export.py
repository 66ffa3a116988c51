"""The numbers for other programs: one CSV row per record, one JSON file per pair."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import CSVWriter, WriteOptions

from benchmarks.aggregation import PairKey, PairResult
from benchmarks.catalogue import METRICS
from benchmarks.label_scores import LabelScores
from benchmarks.records import RunRecord
from reports.study import Study

# Few enough to stay in the processor's cache between reading them and writing them.
_ROWS_AT_ONCE = 2000
_JSON = msgspec.json.Encoder(order="sorted")
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


def results_csv(study: Study) -> bytes:
    """Return one flat row per current record; undefined numbers are empty."""
    rows = (
        row
        for results in study.results.values()
        for result in results.values()
        for row in zip(result.repeats, result.numbers, strict=True)
    )
    text = io.BytesIO()
    if study.records:
        options = WriteOptions(quoting_style="needed", quoting_header="needed")
        with CSVWriter(text, _SCHEMA, write_options=options) as writer:
            while block := list(itertools.islice(rows, _ROWS_AT_ONCE)):
                writer.write_batch(_batch(*zip(*block, strict=True)))
    return text.getvalue()


def pair_json(study: Study, key: PairKey) -> bytes:
    """Return everything known of a pair: the start, and per run the averages, repeats and label scores."""
    results = study.results[key]
    identity = next(iter(results.values())).repeats[0].identity
    order = [run.label for run in study.runs(key.dataset)]
    repeats = (record for result in results.values() for record in result.repeats)
    first = next((one.labels_before for one in repeats if one.labels_before.rows), LabelScores())
    content = {
        "dataset": key.dataset,
        "dataset_version": identity.dataset_version,
        "pair_id": key.pair_id,
        "kind": identity.kind,
        "subjects": list(identity.subjects),
        "dimension": identity.dimension,
        "before": study.starts(key.dataset, key.pair_id),
        "labels_before": first.by_label(),
        "runs": {label: _run(results[label]) for label in order if label in results},
    }
    # What is not finite becomes null.
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _batch(records: Sequence[RunRecord], numbers: Sequence[Mapping[str, float]]) -> pa.RecordBatch:
    # Arrow takes the numbers out of the dictionaries itself, faster than rows of them could be made for it.
    after = pa.array(numbers, type=_struct(METRICS)).flatten()
    before = pa.array([record.before for record in records], type=_struct(_SCORES)).flatten()
    asked, circumstances = (
        [pa.array([read(record) for record in records], type=kind) for kind, read in columns.values()]
        for columns in (_ASKED, _CIRCUMSTANCES)
    )
    columns = [*asked, *after, *map(_finite, before), *map(_finite, circumstances)]
    return pa.record_batch(columns, schema=_SCHEMA)


def _struct(names: Iterable[str]) -> pa.StructType:
    return pa.struct([(name, _NUMBER) for name in names])


def _finite(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_finite(column), column, None) if column.type == _NUMBER else column


def _conditions(record: RunRecord) -> str | None:
    conditions = record.identity.conditions
    return _JSON.encode(conditions).decode() if conditions else None


def _params(record: RunRecord) -> str:
    return _JSON.encode(record.identity.params).decode()


_TEXT, _WHOLE, _NUMBER, _TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_SCORES = tuple(metric for metric in METRICS if metric not in COSTS)
_ASKED: Mapping[str, tuple[pa.DataType, Callable[[RunRecord], Any]]] = {
    "run": (_TEXT, attrgetter("identity.run")),
    "backend": (_TEXT, attrgetter("identity.backend")),
    "track": (_TEXT, attrgetter("identity.track")),
    "dataset": (_TEXT, attrgetter("identity.dataset")),
    "dataset_version": (_TEXT, attrgetter("identity.dataset_version")),
    "pair_id": (_TEXT, attrgetter("identity.pair_id")),
    "kind": (_TEXT, attrgetter("identity.kind")),
    "conditions": (_TEXT, _conditions),
    "subjects": (_TEXT, lambda r: ";".join(r.identity.subjects)),
    "dimension": (_WHOLE, attrgetter("identity.dimension")),
    "repeat": (_WHOLE, attrgetter("identity.repeat")),
    "seed": (_WHOLE, attrgetter("identity.seed")),
    "threads": (_WHOLE, attrgetter("identity.threads")),
    "device": (_TEXT, attrgetter("identity.device")),
    "status": (_TEXT, lambda r: str(r.status)),
    "failure_stage": (_TEXT, lambda r: r.failure.stage if r.failure else None),
    "failure_message": (_TEXT, lambda r: r.failure.message if r.failure else None),
}
_CIRCUMSTANCES: Mapping[str, tuple[pa.DataType, Callable[[RunRecord], Any]]] = {
    "gradient_finite": (_TRUTH, lambda r: r.gradient.finite if r.gradient else None),
    "gradient_moving_norm": (_NUMBER, lambda r: r.gradient.moving_norm if r.gradient else None),
    "gradient_fixed_norm": (_NUMBER, lambda r: r.gradient.fixed_norm if r.gradient else None),
    "gradient_parameters_norm": (_NUMBER, lambda r: r.gradient.parameters_norm if r.gradient else None),
    "gradient_check_uncertainty": (
        _NUMBER,
        lambda r: r.gradient_check.uncertainty if r.gradient_check else None,
    ),
    "gradient_check_note": (_TEXT, lambda r: r.gradient_check.note if r.gradient_check else None),
    "params": (_TEXT, _params),
    "commit": (_TEXT, attrgetter("provenance.commit")),
    "dirty": (_TRUTH, attrgetter("provenance.dirty")),
    "concurrent_jobs": (_WHOLE, attrgetter("provenance.concurrent_jobs")),
    "load_average": (_NUMBER, attrgetter("provenance.load_average")),
    "started_utc": (_TEXT, attrgetter("provenance.started_utc")),
    "job_id": (_TEXT, attrgetter("job_id")),
}
_SCHEMA = pa.schema(
    [
        *((name, kind) for name, (kind, _) in _ASKED.items()),
        *((metric, _NUMBER) for metric in METRICS),
        *((f"before_{metric}", _NUMBER) for metric in _SCORES),
        *((name, kind) for name, (kind, _) in _CIRCUMSTANCES.items()),
    ]
)


def _run(result: PairResult) -> dict[str, Any]:
    first = result.repeats[0]
    return {
        "status": str(result.status),
        "track": first.identity.track,
        "scores": result.averages,
        "labels": first.labels.by_label(),
        "repeats": [
            {
                "repeat": record.identity.repeat,
                "status": str(record.status),
                "failure": record.failure.message if record.failure else None,
                **numbers,
            }
            for record, numbers in zip(result.repeats, result.numbers, strict=True)
        ],
    }
