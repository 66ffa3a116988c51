"""The records of a run, arranged for tables and figures: datasets, runs, pairs and one value per pair."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ParamSpec, TypeVar, cast

import pandas as pd

from benchmarks.aggregation import (
    PairKey,
    PairResult,
    at_threads,
    by_pair,
    config_label,
    thread_counts,
    told_apart,
    with_threads,
)
from benchmarks.catalogue import METRICS
from benchmarks.config import Config
from benchmarks.garbage import collector_paused
from benchmarks.records import RunRecord, Track
from reports.statistics.bootstrap import SubjectBootstrap

TRACK_ORDER: tuple[Track, ...] = ("matched", "recommended", "reference")
# The backend that applies the known transform.
TRUTH = "truth"
# The backend that leaves the pair as it is, and what its row, or one made from the start, is called.
IDENTITY = "identity"
BEFORE = "before"


@dataclass(frozen=True)
class Run:
    """A row of the tables.

    Attributes
    ----------
    label, backend : str
        Label in the config, name of the adapter.
    track : {"matched", "recommended", "reference"}
        Which comparison it belongs to.
    """

    label: str
    backend: str
    track: Track

    @property
    def reference(self) -> bool:
        """True for rows that do not compete."""
        return self.track == "reference"

    @property
    def title(self) -> str:
        """The label, which for the untouched start says what it is."""
        said = self.backend != IDENTITY or self.label == BEFORE
        return self.label if said else f"{self.label} ({BEFORE})"


@dataclass(frozen=True)
class Study:
    """A config and its current records.

    Attributes
    ----------
    config : Config
        What was asked for.
    records : tuple of RunRecord
        The last record of each run, pair and repeat; of several thread counts, labelled with the count.
    """

    config: Config
    records: tuple[RunRecord, ...]

    @classmethod
    def of(cls, config: Config, records: Records) -> Study:
        """Keep the current records of those given; a study is returned as it is, with what it has worked out."""
        return records if isinstance(records, Study) else cls(config, tuple(told_apart(records)))

    @cached_property
    def thread_counts(self) -> tuple[int, ...]:
        """Thread counts that competitors ran with."""
        return thread_counts(self.records)

    @cached_property
    def by_threads(self) -> tuple[Study, ...]:
        """The parts made with one thread count each, under the config's own labels."""
        if len(self.thread_counts) < 2:
            return (self,)
        return tuple(Study(self.config, tuple(at_threads(self.records, n))) for n in self.thread_counts)

    @cached_property
    def under_first_threads(self) -> Study:
        """The part made with the first thread count of the config: the one whose slices are kept."""
        first = self.config.resources.thread_counts[0]
        parts = dict(zip(self.thread_counts, self.by_threads, strict=False))
        return parts.get(first, self.by_threads[0])

    @cached_property
    def by_device(self) -> Mapping[str, Study]:
        """The parts made on one device each."""
        devices = sorted({record.identity.device for record in self.records})
        if len(devices) == 1:
            return {devices[0]: self}
        return {
            device: Study(self.config, tuple(r for r in self.records if r.identity.device == device))
            for device in devices
        }

    @cached_property
    def oracle(self) -> str | None:
        """Label of the config's oracle; in a sweep over thread counts, at the first of them."""
        oracle = self.config.figures.oracle
        several = oracle is not None and len(self.thread_counts) > 1
        return with_threads(oracle, self.config.resources.thread_counts[0]) if several and oracle else oracle

    @cached_property
    def results(self) -> Mapping[PairKey, Mapping[str, PairResult]]:
        """Results by pair and run label."""
        with collector_paused():
            return by_pair(self.records)

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets with records, in the config's order."""
        order = {dataset.name: index for index, dataset in enumerate(self.config.all_datasets)}
        found = {key.dataset for key in self.results}
        return tuple(sorted(found, key=lambda name: (order.get(name, len(order)), name)))

    def pairs(self, dataset: str) -> tuple[str, ...]:
        """Ids of the pairs of a dataset that any run was asked for."""
        return self._pairs.get(dataset, ())

    def runs(self, dataset: str) -> tuple[Run, ...]:
        """Runs on a dataset: the untouched start, then the competitors by track, then other references."""
        return self._runs.get(dataset, ())

    def competitors(self, dataset: str) -> tuple[Run, ...]:
        """Runs on a dataset without the reference rows."""
        return tuple(run for run in self.runs(dataset) if not run.reference)

    def result(self, dataset: str, pair_id: str, run: str) -> PairResult | None:
        """Return what a run did with a pair; None where it was not asked or not reached."""
        return self.results[PairKey(dataset, pair_id)].get(run)

    def values(self, dataset: str, run: str, metric: str) -> pd.Series[float]:
        """Return one value per pair, indexed by pair id, NaN where undefined or not ok."""
        key = (dataset, run)
        if key not in self._averages:
            found = [self.result(dataset, pair, run) for pair in self.pairs(dataset)]
            self._averages[key] = self._numbers(dataset, [one.averages if one else {} for one in found])
        return self._averages[key][metric].copy()

    def before(self, dataset: str, metric: str) -> pd.Series[float]:
        """Return the score of the prealigned start per pair, NaN where no run recorded it."""
        if dataset not in self._starts:
            starts = [self.starts(dataset, pair) for pair in self.pairs(dataset)]
            self._starts[dataset] = self._numbers(dataset, starts)
        return self._starts[dataset][metric].copy()

    def start(self, dataset: str, pair_id: str, metric: str) -> float | None:
        """Return the score of the prealigned start of a pair; None where no run recorded it."""
        return self.starts(dataset, pair_id).get(metric)

    def starts(self, dataset: str, pair_id: str) -> Mapping[str, float]:
        """Return the scores of the prealigned start of a pair that are defined, each from the first run that has it."""
        key = PairKey(dataset, pair_id)
        if key not in self._starts_of_pairs:
            found: dict[str, float] = {}
            for result in self.results[key].values():
                found = {**result.starts, **found}
            self._starts_of_pairs[key] = found
        return self._starts_of_pairs[key]

    def _numbers(self, dataset: str, rows: Sequence[Mapping[str, float]]) -> dict[str, pd.Series[float]]:
        """Return a column for each metric of the catalogue, given a row for each pair."""
        pairs = pd.Index(self.pairs(dataset))
        return {
            metric: pd.Series([row.get(metric, math.nan) for row in rows], index=pairs, dtype=float)
            for metric in METRICS
        }

    def ok_count(self, dataset: str, run: str) -> int:
        """Return on how many pairs every repeat of the run ended ``ok``."""
        return self._ok_counts.get(dataset, {}).get(run, 0)

    def kind(self, dataset: str, pair_id: str) -> str:
        """Return what distinguishes a pair."""
        return next(iter(self.results[PairKey(dataset, pair_id)].values())).repeats[0].identity.kind

    def conditions(self, dataset: str, pair_id: str) -> Mapping[str, float]:
        """Return what was set to make a pair, by name with its unit."""
        return next(iter(self.results[PairKey(dataset, pair_id)].values())).repeats[0].identity.conditions

    def subjects(self, dataset: str, pair_id: str) -> tuple[str, ...]:
        """Return whose images a pair is of."""
        return next(iter(self.results[PairKey(dataset, pair_id)].values())).repeats[0].identity.subjects

    def bootstrap(self, dataset: str) -> SubjectBootstrap:
        """Return draws of the subjects of a dataset, for intervals over its pairs."""
        if dataset not in self._bootstraps:
            subjects = [self.subjects(dataset, pair) for pair in self.pairs(dataset)]
            self._bootstraps[dataset] = SubjectBootstrap(subjects)
        return self._bootstraps[dataset]

    def overlapping(self, dataset: str) -> bool:
        """Return whether jobs were allowed to overlap, which makes timings incomparable."""
        return dataset in self._overlapping

    @cached_property
    def _overlapping(self) -> frozenset[str]:
        return frozenset(r.identity.dataset for r in self.records if r.provenance.concurrent_jobs > 1)

    @cached_property
    def _pairs(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for key in self.results:
            found.setdefault(key.dataset, []).append(key.pair_id)
        return {dataset: tuple(sorted(pairs, key=natural_order)) for dataset, pairs in found.items()}

    @cached_property
    def _runs(self) -> Mapping[str, tuple[Run, ...]]:
        found: dict[str, set[Run]] = {}
        for key, by_run in self.results.items():
            for label, result in by_run.items():
                identity = result.repeats[0].identity
                found.setdefault(key.dataset, set()).add(Run(label, identity.backend, identity.track))
        return {dataset: tuple(sorted(runs, key=self._run_order)) for dataset, runs in found.items()}

    @cached_property
    def _averages(self) -> dict[tuple[str, str], dict[str, pd.Series[float]]]:
        """What :meth:`values` has worked out: tables and figures ask for the same again and again."""
        return {}

    @cached_property
    def _starts(self) -> dict[str, dict[str, pd.Series[float]]]:
        """What :meth:`before` has worked out."""
        return {}

    @cached_property
    def _starts_of_pairs(self) -> dict[PairKey, Mapping[str, float]]:
        """What :meth:`starts` has put together."""
        return {}

    @cached_property
    def _ok_counts(self) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, dict[str, int]] = {dataset: {} for dataset in self.datasets}
        for key, by_run in self.results.items():
            counts = found[key.dataset]
            for run, result in by_run.items():
                counts[run] = counts.get(run, 0) + result.ok
        return found

    @cached_property
    def _bootstraps(self) -> dict[str, SubjectBootstrap]:
        return {}

    @cached_property
    def said(self) -> dict[Hashable, Any]:
        """What functions marked with :func:`once_per_study` have said of this study."""
        return {}

    def _run_order(self, run: Run) -> tuple[bool, int, int, list[tuple[int, str]]]:
        labels = [entry.label for entry in self.config.runs]
        base = config_label(run.label)
        place = labels.index(base) if base in labels else len(labels)
        return run.backend != IDENTITY, TRACK_ORDER.index(run.track), place, natural_order(run.label)


P = ParamSpec("P")
R = TypeVar("R")


def once_per_study(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function of a study, and of what can be hashed beside it, do its work once for the same study.

    The report, the page and the files of tables show the same. Of a list each caller gets a copy. Given records instead
    of a study, or another config than the study's, the function works anew each time.
    """

    @functools.wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        given = (*args, *kwargs.values())
        study = next((one for one in given if isinstance(one, Study)), None)
        if study is None or any(isinstance(one, Config) and one is not study.config for one in given):
            return function(*args, **kwargs)
        key = (function, *kwargs, *(one for one in given if not isinstance(one, Study | Config)))
        if key not in study.said:
            study.said[key] = function(*args, **kwargs)
        found = study.said[key]
        return cast(R, found.copy() if isinstance(found, list) else found)

    return told


# What tables are made of: records as they were stored, or a study that was made of them before.
Records = Iterable[RunRecord] | Study


def tracks_note(study: Study, dataset: str) -> str:
    """Return a sentence that names the track of each competitor, for tables whose columns are runs."""
    found = {
        track: [run.label for run in study.competitors(dataset) if run.track == track]
        for track in TRACK_ORDER
    }
    told = [f"{track}: {', '.join(labels)}" for track, labels in found.items() if labels]
    return f" Tracks: {'; '.join(told)}." if told else ""


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return a sorting key that puts ``p2`` before ``p10``."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if index % 2 else (-1, part) for index, part in enumerate(parts)]
