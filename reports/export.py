"""The numbers for other programs: one CSV row per record, one JSON file per pair."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import CSVWriter, WriteOptions

from benchmarks.aggregation import PairKey, PairResult
from benchmarks.catalogue import METRICS
from benchmarks.label_scores import LabelScores
from benchmarks.records import COSTS, Identity, Provenance, RunRecord, Scores
from reports.csv_cells import FORMULA, csv_cell
from reports.study import Study

# Few enough to stay in the processor's cache between reading them and writing them.
_ROWS_AT_ONCE = 2000
_JSON = msgspec.json.Encoder(order="sorted")
Part = TypeVar("Part", Identity, Provenance, RunRecord)
# What a column holds, and how it is read off a part of a record.
_Columns = Mapping[str, tuple[pa.DataType, Callable[[Part], Any]]]


def results_csv(study: Study) -> bytes:
    """Return one flat row per current record; undefined numbers are empty."""
    records = (
        record
        for results in study.results.values()
        for result in results.values()
        for record in result.repeats
    )
    text = io.BytesIO()
    if study.records:
        options = WriteOptions(quoting_style="needed", quoting_header="needed")
        with CSVWriter(text, _SCHEMA, write_options=options) as writer:
            while block := list(itertools.islice(records, _ROWS_AT_ONCE)):
                writer.write_batch(_batch(block))
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


def _batch(records: Sequence[RunRecord]) -> pa.RecordBatch:
    identities = [record.identity for record in records]
    found = {
        **_read(_ASKED, identities),
        **_read(_ENDED, records),
        **_shared([record.after for record in records]),
        **_numbers(COSTS, [record.costs() for record in records]),
        **{f"before_{name}": column for name, column in _shared([r.before for r in records]).items()},
        **_read(_GRADIENT, records),
        **_read(_PARAMS, identities),
        **_read(_MADE, [record.provenance for record in records]),
        **_read(_WHICH, records),
    }
    return pa.record_batch([_shown(found[name]) for name in _SCHEMA.names], schema=_SCHEMA)


def _read(columns: _Columns[Part], parts: Sequence[Part]) -> dict[str, pa.Array]:
    return {name: pa.array(list(map(read, parts)), type=kind) for name, (kind, read) in columns.items()}


def _numbers(names: Sequence[str], rows: Sequence[Scores]) -> dict[str, pa.Array]:
    """Return a column of each number."""
    # Arrow takes them out of the dictionaries itself, faster than columns could be made for it.
    found = pa.array(rows, type=pa.struct([(name, _NUMBER) for name in names]))
    return dict(zip(names, found.flatten(), strict=True))


def _shared(rows: Sequence[Scores]) -> dict[str, pa.Array]:
    """Return a column of each score; what records share is looked at once."""
    distinct = {id(one): one for one in rows}
    places = {key: place for place, key in enumerate(distinct)}
    order = pa.array([places[id(one)] for one in rows])
    return {name: column.take(order) for name, column in _numbers(_SCORES, list(distinct.values())).items()}


def _shown(column: pa.Array) -> pa.Array:
    """Return a column without numbers that are not finite, and without text that acts as a formula."""
    if column.type == _NUMBER:
        return pc.if_else(pc.is_finite(column), column, None)
    # Arrow tells at once that there is none, as nearly always.
    if column.type == _TEXT and any(pc.any(pc.starts_with(column, first)).as_py() for first in FORMULA):
        return pa.array([None if text is None else csv_cell(text) for text in column.to_pylist()], type=_TEXT)
    return column


def _conditions(identity: Identity) -> str | None:
    return _JSON.encode(identity.conditions).decode() if identity.conditions else None


def _params(identity: Identity) -> str:
    return _JSON.encode(identity.params).decode()


_TEXT, _WHOLE, _NUMBER, _TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_SCORES = tuple(metric for metric in METRICS if metric not in COSTS)
_ASKED: _Columns[Identity] = {
    "run": (_TEXT, attrgetter("run")),
    "backend": (_TEXT, attrgetter("backend")),
    "track": (_TEXT, attrgetter("track")),
    "dataset": (_TEXT, attrgetter("dataset")),
    "dataset_version": (_TEXT, attrgetter("dataset_version")),
    "pair_id": (_TEXT, attrgetter("pair_id")),
    "kind": (_TEXT, attrgetter("kind")),
    "conditions": (_TEXT, _conditions),
    "subjects": (_TEXT, lambda identity: ";".join(identity.subjects)),
    "dimension": (_WHOLE, attrgetter("dimension")),
    "repeat": (_WHOLE, attrgetter("repeat")),
    "seed": (_WHOLE, attrgetter("seed")),
    "threads": (_WHOLE, attrgetter("threads")),
    "device": (_TEXT, attrgetter("device")),
}
_ENDED: _Columns[RunRecord] = {
    "status": (_TEXT, lambda record: str(record.status)),
    "failure_stage": (_TEXT, lambda record: record.failure.stage if record.failure else None),
    "failure_message": (_TEXT, lambda record: record.failure.message if record.failure else None),
}
_GRADIENT: _Columns[RunRecord] = {
    "gradient_finite": (_TRUTH, lambda r: r.gradient.finite if r.gradient else None),
    "gradient_moving_norm": (_NUMBER, lambda r: r.gradient.moving_norm if r.gradient else None),
    "gradient_fixed_norm": (_NUMBER, lambda r: r.gradient.fixed_norm if r.gradient else None),
    "gradient_parameters_norm": (_NUMBER, lambda r: r.gradient.parameters_norm if r.gradient else None),
    "gradient_check_uncertainty": (
        _NUMBER,
        lambda r: r.gradient_check.uncertainty if r.gradient_check else None,
    ),
    "gradient_check_note": (_TEXT, lambda r: r.gradient_check.note if r.gradient_check else None),
}
_PARAMS: _Columns[Identity] = {"params": (_TEXT, _params)}
_MADE: _Columns[Provenance] = {
    "commit": (_TEXT, attrgetter("commit")),
    "dirty": (_TRUTH, attrgetter("dirty")),
    "concurrent_jobs": (_WHOLE, attrgetter("concurrent_jobs")),
    "warmup": (_WHOLE, attrgetter("warmup")),
    "fresh_workers": (_TRUTH, attrgetter("fresh_workers")),
    "load_average": (_NUMBER, attrgetter("load_average")),
    "started_utc": (_TEXT, attrgetter("started_utc")),
}
_WHICH: _Columns[RunRecord] = {"job_id": (_TEXT, attrgetter("job_id"))}


def _kinds(*groups: _Columns[Any]) -> list[tuple[str, pa.DataType]]:
    return [(name, kind) for columns in groups for name, (kind, _) in columns.items()]


_SCHEMA = pa.schema(
    [
        *_kinds(_ASKED, _ENDED),
        *((metric, _NUMBER) for metric in METRICS),
        *((f"before_{metric}", _NUMBER) for metric in _SCORES),
        *_kinds(_GRADIENT, _PARAMS, _MADE, _WHICH),
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
