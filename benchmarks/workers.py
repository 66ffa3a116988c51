"""What the runner hands jobs to: worker processes of this machine, or of many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from benchmarks.plan import Job
    from benchmarks.records import RunRecord


@dataclass(frozen=True)
class RunSettings:
    """What every worker of a run is told, whichever machine it is on.

    Attributes
    ----------
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    warmup : int
        Untimed registrations before the first timed one; see :class:`benchmarks.config.TimingConfig`.
    concurrent_jobs : int
        Jobs that may run at once on the worker's machine.
    fresh_workers : bool
        Whether every job gets a process of its own.
    cache_root, results : Path
        Where datasets and results lie.
    commit : str
        Git commit of the sources.
    dirty : bool
        True when tracked files differ from it.
    diff_sha256 : str
        Hash of the difference, empty where there is none.
    """

    device: str
    warmup: int
    concurrent_jobs: int
    fresh_workers: bool
    cache_root: Path
    results: Path
    commit: str
    dirty: bool
    diff_sha256: str = ""


class WorkersLostError(Exception):
    """Nobody is left to do the jobs; what is done is stored."""


class Workers(ABC):
    """Runs jobs somewhere; leaving its context ends everything that it started."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many jobs can be handed over before one is done: those that run, and those that wait to be next."""

    @abstractmethod
    def schedule(self, job: Job) -> Future[RunRecord]:
        """Queue a job.

        The future yields the job's record whatever the job did: a crash, an exceeded limit or a lost machine are
        records too. The limits of the job count from when it starts, not from here.
        """

    @abstractmethod
    def stop(self) -> None:
        """End all workers at once, with whatever they are doing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
