"""Worker processes on this machine, one for each backend and thread count."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from threading import Lock

from msgspec import structs

from benchmarks.guardian import Guardian
from benchmarks.plan import Job
from benchmarks.provenance import Witness
from benchmarks.records import Failure, RunRecord, Status
from benchmarks.worker_process import WorkerEndedError, WorkerProcess
from benchmarks.worker_settings import WorkerSettings
from benchmarks.workers import RunSettings, Workers

_Key = tuple[str, int]


class LocalWorkers(Workers):
    """Worker processes that serve one backend with one number of threads each.

    A process is started when a job finds none of its kind idle, and reused until a job ends it.

    Parameters
    ----------
    settings : RunSettings
        What the workers are told.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._witness = Witness(settings)
        self._mark = uuid.uuid4().hex
        self._scratch = settings.results / "tmp" / self._mark
        self._idle: defaultdict[_Key, list[WorkerProcess]] = defaultdict(list)
        self._started: set[WorkerProcess] = set()
        self._numbers = count()
        self._stopped = False
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(settings.concurrent_jobs, thread_name_prefix="worker")
        self._guardian = Guardian(self._mark, self._scratch)

    @property
    def capacity(self) -> int:
        """One more than can run at once: it begins before the record of the one that makes way for it is stored."""
        return self._settings.concurrent_jobs + 1

    def schedule(self, job: Job) -> Future[RunRecord]:
        """Queue a job; see :meth:`Workers.schedule`."""
        return self._threads.submit(self._run, job)

    def stop(self) -> None:
        """End all workers at once, with whatever they are doing."""
        with self._lock:
            self._stopped = True
        for worker in self._started:
            worker.end()
        self._threads.shutdown(cancel_futures=True)
        self._guardian.finish()

    def _run(self, job: Job) -> RunRecord:
        key = (job.identity.backend, job.identity.threads)
        start = time.monotonic()
        try:
            worker = self._take(key)
            worker.wait_until_ready()
            start = time.monotonic()
            answer = worker.run(job)
        except (WorkerEndedError, OSError) as error:
            record = self._failure(job, error)
        else:
            record = answer.record
            self._give_back(key, worker, reusable=answer.reusable and not self._settings.fresh_workers)
        return structs.replace(record, wall_s=time.monotonic() - start)

    def _take(self, key: _Key) -> WorkerProcess:
        with self._lock:
            if self._stopped:
                raise WorkerEndedError(Status.KILLED, "the workers were stopped")
            while self._idle[key]:
                if (worker := self._idle[key].pop()).alive:
                    return worker
                worker.end()
            self._started = {worker for worker in self._started if worker.alive}
            number = next(self._numbers)
            settings = WorkerSettings(*key, scratch=self._scratch / str(number), run=self._settings)
            worker = WorkerProcess(settings, f"{self._mark}-{number}")
            self._started.add(worker)
            return worker

    def _give_back(self, key: _Key, worker: WorkerProcess, *, reusable: bool) -> None:
        if reusable:
            with self._lock:
                self._idle[key].append(worker)
        else:
            worker.end()

    def _failure(self, job: Job, error: WorkerEndedError | OSError) -> RunRecord:
        return RunRecord(
            job_id=job.job_id,
            status=error.status if isinstance(error, WorkerEndedError) else Status.FAILED,
            identity=job.identity,
            failure=Failure(stage="worker", message=str(error)[:500]),
            provenance=self._witness.tell(None, {}, gpu=""),
        )
