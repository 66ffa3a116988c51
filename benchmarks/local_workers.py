"""Worker processes on this machine, one for each backend and thread count."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from concurrent.futures import Future

from pebble import ProcessExpired, ProcessPool

from benchmarks.plan import Job
from benchmarks.provenance import Checkout, provenance
from benchmarks.records import Failure, RunRecord, Status
from benchmarks.worker import WorkerSettings, initialise, run_job
from benchmarks.workers import RunSettings, Workers


class LocalWorkers(Workers):
    """One worker process per backend and thread count, started when its first job comes.

    Parameters
    ----------
    settings : RunSettings
        What the workers are told.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._pools: dict[tuple[str, int], ProcessPool] = {}

    @property
    def capacity(self) -> int:
        """How many jobs can run at once."""
        return self._settings.concurrent_jobs

    def schedule(self, job: Job) -> Future[RunRecord]:
        """Queue a job at its backend's worker; its time limit starts when it starts."""
        key = (job.identity.backend, job.identity.threads)
        if key not in self._pools:
            self._pools[key] = ProcessPool(
                max_workers=1,
                context=multiprocessing.get_context("spawn"),
                initializer=initialise,
                initargs=(WorkerSettings(*key, run=self._settings),),
            )
        answer: Future[RunRecord] = Future()
        answer.set_running_or_notify_cancel()
        future: Future[RunRecord] = self._pools[key].schedule(
            run_job, args=[job], timeout=job.limits.timeout_s
        )
        future.add_done_callback(lambda done: answer.set_result(self._outcome(done, job)))
        return answer

    def stop(self) -> None:
        """End all workers at once."""
        for pool in self._pools.values():
            pool.stop()
        for pool in self._pools.values():
            pool.join()

    def _outcome(self, future: Future[RunRecord], job: Job) -> RunRecord:
        """Return the worker's record, or write one for a worker that could not."""
        try:
            return future.result()
        except TimeoutError:
            status = Status.TIMEOUT
            message = f"ended after the time limit of {job.limits.timeout_s:g} s"
        except ProcessExpired as error:
            status, message = Status.KILLED, _death(error.exitcode)
        except Exception as error:
            status, message = Status.FAILED, f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
        finally:
            shutil.rmtree(self._settings.results / "tmp" / job.job_id, ignore_errors=True)
        source = Checkout(self._settings.commit, self._settings.dirty)
        return RunRecord(
            job_id=job.job_id,
            identity=job.identity,
            status=status,
            failure=Failure(stage="worker", message=message),
            provenance=provenance(source, {}, self._settings.concurrent_jobs, gpu=""),
        )


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = "; the system may have run out of memory" if name == "SIGKILL" else ""
        return f"the worker process was ended by {name}{hint}"
    return f"the worker process exited with code {exitcode}"
