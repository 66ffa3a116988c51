"""What a worker process is told once. Imports nothing numerical: a worker reads it before it takes its processors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.workers import RunSettings


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
