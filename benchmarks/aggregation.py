"""From records to one value per pair: what tables and gates agree on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import NamedTuple

from msgspec import structs

from benchmarks.catalogue import METRICS
from benchmarks.plain_data import finite_alone
from benchmarks.records import Identity, RunRecord, Status

TIMES = frozenset({"forward_s", "backward_s", "prepare_s"})


class PairKey(NamedTuple):
    """A pair of a dataset."""

    dataset: str
    pair_id: str

    def __str__(self) -> str:
        return f"{self.dataset}/{self.pair_id}"


@dataclass(frozen=True)
class PairResult:
    """What one run did with one pair, all repeats together.

    Attributes
    ----------
    repeats : tuple of RunRecord
        At least one record, in the order of the repeats.
    """

    repeats: tuple[RunRecord, ...]

    @cached_property
    def ok(self) -> bool:
        """True when every repeat ended ``ok``: a backend that fails now and then has not done the pair."""
        return all(record.status is Status.OK for record in self.repeats)

    @cached_property
    def status(self) -> Status:
        """``ok``, or the status of the first repeat that did not end so."""
        return next((r.status for r in self.repeats if r.status is not Status.OK), Status.OK)

    def value(self, metric: str) -> float | None:
        """Return the mean over repeats, of times the median; None where undefined or the pair is not ok.

        Raises
        ------
        KeyError
            When the catalogue has no such metric.
        """
        if metric not in METRICS:
            raise KeyError(metric)
        return self.averages.get(metric)

    @cached_property
    def numbers(self) -> tuple[Mapping[str, float], ...]:
        """Every number of each repeat that is defined."""
        found = []
        scores: Mapping[str, float] = {}
        shared = None
        for record in self.repeats:
            if record.after is not shared:
                shared = record.after
                scores = finite_alone(shared)
            found.append({**scores, **finite_alone(record.costs())})
        return tuple(found)

    @cached_property
    def averages(self) -> Mapping[str, float]:
        """Every number that is defined, see :meth:`value`; empty where the pair is not ok."""
        if not self.ok:
            return {}
        values: dict[str, list[float]] = {}
        for numbers in self.numbers:
            for metric, value in numbers.items():
                values.setdefault(metric, []).append(value)
        return {name: median(found) if name in TIMES else fmean(found) for name, found in values.items()}

    def before(self, metric: str) -> float | None:
        """Return the score of the prealigned start; None where it is undefined or was not recorded."""
        return self.starts.get(metric)

    @cached_property
    def starts(self) -> Mapping[str, float]:
        """Defined scores of the prealigned start, from the first repeat that recorded them."""
        recorded = next((record.before for record in self.repeats if record.before), {})
        return finite_alone(recorded)


def config_label(run: str) -> str:
    """Return the label that the config gives to a run, without what a sweep appends in brackets."""
    return run.partition(" [")[0]


def current(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the last record of each run, pair, thread count and repeat.

    A store may hold several such jobs: a failure that a resume made good, or older sources of a backend.
    """
    last = {_asked(record.identity): record for record in records}
    return [last[key] for key in sorted(last)]


def _asked(identity: Identity) -> tuple[str, str, str, int, int]:
    return identity.dataset, identity.pair_id, identity.run, identity.threads, identity.repeat


def thread_counts(records: Iterable[RunRecord]) -> tuple[int, ...]:
    """Return the thread counts that competitors ran with, in ascending order."""
    return tuple(sorted({r.identity.threads for r in records if r.identity.track != "reference"}))


def told_apart(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the current records; of several thread counts, with the count in the run's label.

    ``lmreg`` becomes ``lmreg [threads=2]``: rows of a thread sweep are runs of their own. Records whose labels
    say it already, and reference rows, which are not swept, are left as they are.
    """
    kept = current(records)
    if len(thread_counts(kept)) < 2:
        return kept
    return [_told(record) for record in kept]


def _told(record: RunRecord) -> RunRecord:
    identity = record.identity
    label = identity.run if identity.track == "reference" else with_threads(identity.run, identity.threads)
    return _relabelled(record, label)


def at_threads(records: Iterable[RunRecord], threads: int) -> list[RunRecord]:
    """Return the current records of one thread count, left out of the run's label, and the reference rows."""
    return [
        _relabelled(record, without_threads(record.identity.run, threads))
        for record in current(records)
        if record.identity.threads == threads or record.identity.track == "reference"
    ]


def with_threads(label: str, threads: int) -> str:
    """Return a label that names the thread count beside what a sweep appended."""
    if label.endswith((f"[threads={threads}]", f", threads={threads}]")):
        return label
    return f"{label[:-1]}, threads={threads}]" if label.endswith("]") else f"{label} [threads={threads}]"


def without_threads(label: str, threads: int) -> str:
    """Return the label that :func:`with_threads` was given."""
    if label.endswith(tail := f", threads={threads}]"):
        return f"{label.removesuffix(tail)}]"
    return label.removesuffix(f" [threads={threads}]")


def _relabelled(record: RunRecord, label: str) -> RunRecord:
    if label == record.identity.run:
        return record
    return structs.replace(record, identity=structs.replace(record.identity, run=label))


def pair_results(records: Iterable[RunRecord]) -> Mapping[PairKey, Mapping[str, PairResult]]:
    """Return the results by pair and run label, of the current records alone; see :func:`told_apart`."""
    return by_pair(told_apart(records))


def by_pair(current_records: Iterable[RunRecord]) -> Mapping[PairKey, Mapping[str, PairResult]]:
    """Return the results by pair and run label, of records that :func:`told_apart` returned."""
    grouped: dict[PairKey, dict[str, list[RunRecord]]] = {}
    for record in current_records:
        key = PairKey(record.identity.dataset, record.identity.pair_id)
        grouped.setdefault(key, {}).setdefault(record.identity.run, []).append(record)
    return {
        key: {run: PairResult(tuple(repeats)) for run, repeats in runs.items()}
        for key, runs in grouped.items()
    }
