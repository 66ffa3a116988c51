"""One worker process seen from outside: starting it, giving it jobs, holding it to their limits, ending it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from typing import TypeVar

from benchmarks.answer import Answer
from benchmarks.child_process import start_module
from benchmarks.kernel_oom import out_of_memory_kills
from benchmarks.messages import MessageTooLongError, Wire
from benchmarks.plan import Job, Limits
from benchmarks.process_family import MARK, ProcessFamily
from benchmarks.records import Status
from benchmarks.worker_settings import WorkerSettings

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
# How often a running job is held against its limits: seldom enough to take nothing from what is being timed.
_WATCH_S = 0.1
# Backends print more than disks hold, in weeks or in a single job.
MAX_LOG_BYTES = 64 * 2**20
_START = Limits(timeout_s=600.0, memory_mib=None)
_NOTICE_WITHIN_S = 5.0

T = TypeVar("T")


class WorkerEndedError(Exception):
    """The worker is gone, and its job has no record yet.

    Attributes
    ----------
    status : Status
        What becomes of the job.
    """

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


class WorkerProcess:
    """A worker process, there from construction on until it ends or is ended.

    It leads a session of its own. Time and memory are watched from here, where no job can prevent it, and what a
    job started ends with it.

    Parameters
    ----------
    settings : WorkerSettings
        What it is told once.
    mark : str
        Tells its descendants from all other processes.
    """

    def __init__(self, settings: WorkerSettings, mark: str) -> None:
        self._ready = False
        self._kills_before = out_of_memory_kills()
        self._settings = settings
        ours, theirs = socket.socketpair()
        self._wire = Wire(ours)
        settings.log.parent.mkdir(parents=True, exist_ok=True)
        with theirs, settings.log.open("ab") as log:
            self._process = start_module(
                "benchmarks.worker",
                [str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                output=log,
                keep_open=[theirs.fileno()],
                variables={
                    **dict.fromkeys(THREAD_VARIABLES, str(settings.threads)),
                    "GOMP_SPINCOUNT": str(OPENMP_SPIN_COUNT),
                    MARK: mark,
                },
            )
        self._family = ProcessFamily(self._process.pid, mark)

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Return when the process has imported what it needs.

        Raises
        ------
        WorkerEndedError
            When it does not come to that.
        """
        if not self._ready:
            self._ask(self._settings, _START, type(None))
            self._ready = True

    def run(self, job: Job) -> Answer:
        """Run a job and end whatever it leaves running.

        Raises
        ------
        WorkerEndedError
            When the job ended the worker or had to be ended with it.
        """
        answer = self._ask(job, job.limits, Answer)
        if not answer.alone:
            self._family.end_descendants()
            # Before they ended, they may have made the job's folder again.
            shutil.rmtree(self._settings.scratch / job.job_id, ignore_errors=True)
        return answer

    def end(self) -> None:
        """End the process and all that it started, and remove their temporary files."""
        self._family.end()
        self._process.wait()
        self._wire.close()
        shutil.rmtree(self._settings.scratch, ignore_errors=True)

    def _ask(self, question: WorkerSettings | Job, limits: Limits, kind: type[T]) -> T:
        try:
            self._wire.tell(question, limits.timeout_s)
            # The worker is at it already: with many small jobs what is done here first is most of the harness's cost.
            self._kills_before = out_of_memory_kills()
            self._shorten_log()
            self._await(limits)
            return self._wire.hear(kind)
        except WorkerEndedError as error:
            ended = error
        except TimeoutError:
            ended = _too_slow(limits)
        except MessageTooLongError as error:
            ended = WorkerEndedError(Status.FAILED, str(error))
        except Exception:  # the connection's end, or whatever comes of reading what a broken process wrote
            ended = self._why_it_ended()
        self.end()
        raise ended

    def _await(self, limits: Limits) -> None:
        """Wait until the worker says something or is gone."""
        give_up = time.monotonic() + limits.timeout_s
        while not self._wire.arrives(max(0.0, min(_WATCH_S, give_up - time.monotonic()))):
            if time.monotonic() >= give_up:
                raise _too_slow(limits)
            if limits.memory_mib is not None and (held := self._family.rss_mib()) > limits.memory_mib:
                raise WorkerEndedError(
                    Status.OOM,
                    f"ended at {held:.0f} MiB, above the memory limit of {limits.memory_mib:g} MiB",
                )
            self._shorten_log()
            # The end of the connection alone would not do: a child of the worker may hold it open.
            if not self.alive and not self._wire.arrives(0.0):
                raise EOFError

    def _shorten_log(self) -> None:
        """Begin the log anew when it is full; the worker goes on at its beginning."""
        with suppress(OSError):
            if self._settings.log.stat().st_size > MAX_LOG_BYTES:
                os.truncate(self._settings.log, 0)

    def _why_it_ended(self) -> WorkerEndedError:
        status, message = Status.KILLED, "the worker process closed its connection"
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(_NOTICE_WITHIN_S)
            if code >= 0:
                message = f"the worker process exited with code {code}"
            elif code == -signal.SIGKILL and out_of_memory_kills() > self._kills_before:
                status, message = Status.OOM, "the system ran out of memory and ended the worker process"
            else:
                message = f"the worker process was ended by {signal.Signals(-code).name}"
        stage = "" if self._ready else " while it started"
        return WorkerEndedError(status, f"{message}{stage}; see {self._settings.log.name}")


def _too_slow(limits: Limits) -> WorkerEndedError:
    return WorkerEndedError(Status.TIMEOUT, f"ended after the time limit of {limits.timeout_s:g} s")
