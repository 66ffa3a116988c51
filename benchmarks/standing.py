"""How far a run is, read from its results folder alone, while it runs here or elsewhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.estimate import Estimate, Times
from benchmarks.records import Status
from benchmarks.results_folder import PlannedJob, ResultsFolder
from benchmarks.run_lock import Occupancy, occupancy


@dataclass(frozen=True)
class RunStanding:
    """The jobs of one run label.

    Attributes
    ----------
    run, backend : str
        Label and backend.
    statuses : Counter of Status
        How the last records of its jobs ended.
    pending : int
        Jobs without a record.
    left : Estimate
        Time that these will take.
    """

    run: str
    backend: str
    statuses: Counter[Status]
    pending: int
    left: Estimate

    @property
    def ok(self) -> int:
        """Number of jobs that are ``ok``."""
        return self.statuses[Status.OK]

    @property
    def failed(self) -> int:
        """Number of jobs whose last record says that they ended otherwise."""
        return self.statuses.total() - self.ok


@dataclass(frozen=True)
class Standing:
    """How far a whole benchmark is.

    Attributes
    ----------
    occupancy : Occupancy
        Who works at it now.
    running : tuple of PlannedJob
        Jobs under way.
    runs : tuple of RunStanding
        By label.
    left : Estimate
        Time that all pending jobs will take, one after the other.
    jobs_at_once : int
        As the config says.
    """

    occupancy: Occupancy
    running: tuple[PlannedJob, ...]
    runs: tuple[RunStanding, ...]
    left: Estimate
    jobs_at_once: int


def standing(folder: ResultsFolder) -> Standing:
    """Read how far a benchmark is.

    Raises
    ------
    ConfigError
        When the folder holds no run, or one that this version cannot read.
    """
    config, manifest = folder.begun()
    heads = folder.heads()
    times = Times(heads)
    known = {head.job_id: head.status for head in heads}
    jobs: defaultdict[tuple[str, str], list[PlannedJob]] = defaultdict(list)
    for job in sorted(manifest.jobs, key=lambda job: (job.run, job.backend)):
        jobs[job.run, job.backend].append(job)
    runs = tuple(_run_standing(*key, members, known, times) for key, members in jobs.items())
    pending = [job for job in manifest.jobs if job.job_id not in known]
    who = occupancy(folder.path)
    return Standing(
        occupancy=who,
        running=_running(folder.scratch, {job.job_id: job for job in manifest.jobs}) if who.holder else (),
        runs=runs,
        left=times.of_jobs([job.workload for job in pending]),
        jobs_at_once=config.jobs_at_once,
    )


def _run_standing(
    run: str, backend: str, jobs: list[PlannedJob], known: dict[str, Status], times: Times
) -> RunStanding:
    statuses = Counter(known[job.job_id] for job in jobs if job.job_id in known)
    pending = [job.workload for job in jobs if job.job_id not in known]
    return RunStanding(run, backend, statuses, len(pending), times.of_jobs(pending))


def _running(scratch: Path, jobs: dict[str, PlannedJob]) -> tuple[PlannedJob, ...]:
    """A job has a folder of temporary files, named by its id, for as long as it runs."""
    return tuple(jobs[folder.name] for folder in sorted(scratch.glob("*/*/*")) if folder.name in jobs)
