"""What a worker process and the process that started it say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.workers import RunSettings

if TYPE_CHECKING:
    from benchmarks.records import RunRecord


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know once.

    Attributes
    ----------
    backend : str
        Whose jobs it runs; names its log file.
    threads : int
        Threads per library.
    scratch : Path
        A folder of its own for the temporary files of its jobs.
    run : RunSettings
        What all workers of the run are told.
    """

    backend: str
    threads: int
    scratch: Path
    run: RunSettings

    @property
    def log(self) -> Path:
        """Where everything goes that the backend prints."""
        return self.run.results / "logs" / f"{self.backend.replace(':', '.')}.log"


@dataclass(frozen=True)
class Answer:
    """What a worker says of a job.

    Attributes
    ----------
    record : RunRecord
        How it went.
    reusable : bool
        False when the job left threads running, which would take processor time from the next one.
    """

    record: RunRecord
    reusable: bool
