"""The entry points of a worker process. Imports nothing numerical before the threads are set."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processors import allowed_processors, one_per_core
from benchmarks.workers import RunSettings

if TYPE_CHECKING:
    from benchmarks.execution import Executor
    from benchmarks.plan import Job
    from benchmarks.records import RunRecord

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
# How long a waiting OpenMP thread spins before it sleeps, the same for all backends. GNU's default of milliseconds
# makes a job hundreds of times slower as soon as anything else wants one of its cores.
OPENMP_SPIN_COUNT = 10_000


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know once.

    Attributes
    ----------
    backend : str
        Whose jobs it runs; names its log file.
    threads : int
        Threads per library.
    run : RunSettings
        What all workers of the run are told.
    """

    backend: str
    threads: int
    run: RunSettings


# A process pool hands a worker functions, not objects: what outlives a job has to be a module's variable.
_executor: Executor | None = None


def initialise(settings: WorkerSettings) -> None:
    """Prepare this process, then import what does the work."""
    # Ctrl-C is for the parent, which ends the workers after what is done has been stored.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(settings.threads)
    os.environ["GOMP_SPINCOUNT"] = str(OPENMP_SPIN_COUNT)
    if hasattr(os, "sched_setaffinity") and settings.run.concurrent_jobs == 1:
        os.sched_setaffinity(0, one_per_core(allowed_processors(), settings.threads))
    _send_output_to(settings.run.results / "logs" / f"{settings.backend.replace(':', '.')}.log")

    from benchmarks.execution import Executor

    global _executor
    _executor = Executor(settings)


def run_job(job: Job) -> RunRecord:
    """Run one job in the worker that :func:`initialise` prepared."""
    assert _executor is not None
    return _executor.run(job)


def _send_output_to(path: Path) -> None:
    """Send what libraries print, from Python or from C, to a file instead of the user's terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
