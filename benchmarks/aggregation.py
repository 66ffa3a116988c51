"""From records to one value per pair: what tables and gates agree on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import NamedTuple

from benchmarks.records import RunRecord, Status

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

    @property
    def ok(self) -> bool:
        """True when every repeat ended ``ok``: a backend that fails now and then has not done the pair."""
        return all(record.status is Status.OK for record in self.repeats)

    @property
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
        found = _finite(record.value(metric) for record in self.repeats)
        if not (self.ok and found):
            return None
        return median(found) if metric in TIMES else fmean(found)

    def before(self, metric: str) -> float | None:
        """Return the score of the prealigned start; None where it is undefined or was not recorded."""
        return next(iter(_finite(record.before.get(metric) for record in self.repeats)), None)


def config_label(run: str) -> str:
    """Return the label that the config gives to a run, without what a sweep appends in brackets."""
    return run.partition(" [")[0]


def current(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the last record of each run, pair and repeat.

    A store may hold several such jobs: a failure that a resume made good, or older sources of a backend.
    """
    last = {(r.identity.dataset, r.identity.pair_id, r.identity.run, r.identity.repeat): r for r in records}
    return [last[key] for key in sorted(last)]


def pair_results(records: Iterable[RunRecord]) -> Mapping[PairKey, Mapping[str, PairResult]]:
    """Return the results by pair and run label, of the current records alone."""
    grouped: dict[PairKey, dict[str, list[RunRecord]]] = {}
    for record in current(records):
        key = PairKey(record.identity.dataset, record.identity.pair_id)
        grouped.setdefault(key, {}).setdefault(record.identity.run, []).append(record)
    return {
        key: {run: PairResult(tuple(repeats)) for run, repeats in runs.items()}
        for key, runs in grouped.items()
    }


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
