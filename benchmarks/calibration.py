"""An A/A check: one backend twice under two names, through the machinery that runs every benchmark."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime

from msgspec import structs

from benchmarks.config import Config, FiguresConfig, ReportConfig
from benchmarks.config_file import ConfigError
from benchmarks.local_workers import LocalWorkers
from benchmarks.names import nearest_hint
from benchmarks.noise import Calibration, PairTimes
from benchmarks.parameter_sets import ParameterSet, parameter_sets
from benchmarks.plan import Job, Plan
from benchmarks.record_store import RecordStore
from benchmarks.records import RunRecord, Status
from benchmarks.runner import run_jobs
from benchmarks.workers import RunSettings, Workers

NAMES = ("first", "second")


class PerName(Workers):
    """Workers of its own for each of the two names, as two backends would have.

    Parameters
    ----------
    settings : RunSettings
        What the workers are told.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._workers = {name: LocalWorkers(settings) for name in NAMES}

    @property
    def capacity(self) -> int:
        """One job at a time, whichever name it has."""
        return 1

    def schedule(self, job: Job) -> Future[RunRecord]:
        """Queue a job at the workers of its name."""
        return self._workers[job.identity.run].schedule(job)

    def stop(self) -> None:
        """End the workers of both names."""
        for workers in self._workers.values():
            workers.stop()


def calibration_config(config: Config, label: str | None, repeats: int, source: str) -> Config:
    """Return a config of a single run of one that has many.

    Parameters
    ----------
    config : Config
        Whose run, datasets, resources and limits to take.
    label : str or None
        Which run, with its values where it is swept; of a sweep's own label the first ones are taken. None takes the
        oracle of the figures, or the first that is no reference row.
    repeats : int
        Timed repetitions under each name.
    source : str
        The config's file name, for messages.

    Raises
    ------
    ConfigError
        When there is no such run, or a backend or its parameters are invalid.
    """
    chosen = _chosen(config, label or config.figures.oracle, source)
    once = {"label": chosen.label, "params": dict(chosen.given), "sweep": {}, "repeats": repeats}
    run = chosen.run.model_copy(update=once)
    resources = config.resources.model_copy(update={"jobs": 1})
    # Gates, the protocol, figures and the report name runs, of which this one alone is left.
    unnamed = {
        "gates": (),
        "stacks": (),
        "protocol": None,
        "figures": FiguresConfig(),
        "report": ReportConfig(),
    }
    return config.model_copy(update={"runs": (run,), "resources": resources, **unnamed})


def calibration_jobs(plan: Plan, pairs: int) -> list[Job]:
    """Return every job of a plan under two names, in shuffled order, on the first pairs of each dataset."""
    kept = _first_pairs(plan, pairs)
    jobs = [
        _named(job, name)
        for job in plan.jobs
        if (job.identity.dataset, job.identity.pair_id) in kept
        for name in NAMES
    ]
    random.Random(plan.config.seed).shuffle(jobs)
    jobs.sort(key=lambda job: job.identity.repeat)
    return jobs


def calibrate(
    plan: Plan,
    jobs: Sequence[Job],
    settings: RunSettings,
    on_current: Callable[[Job], None],
    on_record: Callable[[RunRecord], None],
) -> list[Calibration]:
    """Run the jobs and return one calibration per thread count.

    Parameters
    ----------
    plan : Plan
        Of one run; see :func:`calibration_config`.
    jobs : sequence of Job
        See :func:`calibration_jobs`.
    settings : RunSettings
        Its results folder keeps the records.
    on_current, on_record : callable
        As for :func:`benchmarks.runner.run_jobs`.

    Raises
    ------
    ConfigError
        When a job did not end ``ok``; the message says why.
    """
    records: list[RunRecord] = []

    def keep(record: RunRecord) -> None:
        records.append(record)
        on_record(record)

    store = RecordStore(settings.results / "records.jsonl")
    with PerName(settings) as workers:
        run_jobs(jobs, workers, store, on_current, keep)
    label = plan.config.runs[0].label
    counts = sorted({record.identity.threads for record in records})
    return [_calibration(label, [r for r in records if r.identity.threads == n]) for n in counts]


def _chosen(config: Config, label: str | None, source: str) -> ParameterSet:
    candidates: dict[str, ParameterSet] = {}
    for index, run in enumerate(config.runs):
        if run.track != "reference":
            members = list(parameter_sets(index, run, source))
            candidates |= {run.label: members[0]} | {one.label: one for one in members}
    if label is None and candidates:
        return next(iter(candidates.values()))
    if label not in candidates:
        raise ConfigError(
            f"no run labelled {label!r} to calibrate with{nearest_hint(label or '', candidates)}"
        )
    return candidates[label]


def _first_pairs(plan: Plan, count: int) -> set[tuple[str, str]]:
    planned = {(job.identity.dataset, job.identity.pair_id) for job in plan.jobs}
    kept = set()
    for name, dataset in plan.datasets.items():
        keys = [(name, info.pair_id) for info in dataset.pairs()]
        kept |= set([key for key in keys if key in planned][:count])
    return kept


def _named(job: Job, name: str) -> Job:
    """Return the job under another name; its id is its own whatever an id is made of."""
    identity = structs.replace(job.identity, run=name)
    digest = hashlib.sha256(f"{job.job_id}/{name}".encode()).hexdigest()[: len(job.job_id)]
    return replace(job, job_id=digest, identity=identity, keep_panels=False, keep_transform=False)


def _calibration(label: str, records: Sequence[RunRecord]) -> Calibration:
    for record in records:
        if record.status is not Status.OK:
            said = record.failure.message if record.failure else ""
            raise ConfigError(f"{label} on {record.identity.pair_id} ended {record.status}: {said}")
    pairs = sorted({(record.identity.dataset, record.identity.pair_id) for record in records})
    one = records[0]
    return Calibration(
        host=one.provenance.host,
        cpu=one.provenance.cpu,
        device=one.identity.device,
        threads=one.identity.threads,
        run=label,
        backend=one.identity.backend,
        commit=one.provenance.commit,
        measured_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        pairs=tuple(_pair_times(dataset, pair, records) for dataset, pair in pairs),
    )


def _pair_times(dataset: str, pair: str, records: Sequence[RunRecord]) -> PairTimes:
    here = [r for r in records if (r.identity.dataset, r.identity.pair_id) == (dataset, pair)]
    times = {name: tuple(r.seconds["forward"] for r in here if r.identity.run == name) for name in NAMES}
    return PairTimes(dataset=dataset, pair_id=pair, first=times["first"], second=times["second"])
