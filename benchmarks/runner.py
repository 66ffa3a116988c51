"""Hands jobs to worker processes and stores one record for each, whatever happens to it."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from benchmarks.config import Config
from benchmarks.plan import Job
from benchmarks.provenance import Checkout, checkout, provenance
from benchmarks.records import Failure, RecordStore, RunRecord, Status
from benchmarks.worker import WorkerSettings, initialise, run_job


class Pools:
    """One worker process per backend, started when its first job comes.

    Parameters
    ----------
    config : Config
        Threads, device, warm-up and limits.
    cache_root, results : Path
        Where datasets and results lie.
    source : Checkout
        State of the sources, for the records.
    """

    def __init__(self, config: Config, cache_root: Path, results: Path, source: Checkout) -> None:
        self._config = config
        self._cache_root = cache_root
        self._results = results
        self._source = source
        self._pools: dict[str, ProcessPool] = {}

    def schedule(self, job: Job) -> Future[RunRecord]:
        """Queue a job at its backend's worker; its time limit starts when it starts."""
        backend = job.identity.backend
        if backend not in self._pools:
            self._pools[backend] = ProcessPool(
                max_workers=1,
                context=multiprocessing.get_context("spawn"),
                initializer=initialise,
                initargs=(self._settings(backend),),
            )
        future: Future[RunRecord] = self._pools[backend].schedule(
            run_job, args=[job], timeout=self._config.limits.timeout_s
        )
        return future

    def stop(self) -> None:
        """End all workers at once."""
        for pool in self._pools.values():
            pool.stop()
        for pool in self._pools.values():
            pool.join()

    def _settings(self, backend: str) -> WorkerSettings:
        return WorkerSettings(
            backend=backend,
            threads=self._config.resources.threads,
            device=self._config.resources.device,
            warmup=self._config.timing.warmup,
            timeout_s=self._config.limits.timeout_s,
            concurrent_jobs=self._config.resources.jobs,
            cache_root=self._cache_root,
            results=self._results,
            commit=self._source.commit,
            dirty=self._source.dirty,
        )


def run_jobs(
    config: Config,
    jobs: Sequence[Job],
    store: RecordStore,
    cache_root: Path,
    results: Path,
    on_start: Callable[[Job], None],
    on_record: Callable[[RunRecord], None],
) -> None:
    """Run jobs in their order, at most ``config.resources.jobs`` at a time, and store a record for each.

    Parameters
    ----------
    config : Config
        Threads, device, warm-up, limits.
    jobs : sequence of Job
        What is left to do.
    store : RecordStore
        Where records go, each durably before the next job starts.
    cache_root, results : Path
        Where datasets and results lie.
    on_start, on_record : callable
        Told of every job handed out and of every record stored.
    """
    source = checkout()
    with _pools(Pools(config, cache_root, results, source)) as pools:
        waiting = iter(jobs)
        running: dict[Future[RunRecord], Job] = {}
        while True:
            while len(running) < config.resources.jobs and (job := next(waiting, None)) is not None:
                on_start(job)
                running[pools.schedule(job)] = job
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                job = running.pop(future)
                record = _outcome(future, job, config, source)
                shutil.rmtree(results / "tmp" / job.job_id, ignore_errors=True)
                store.append(record)
                on_record(record)


@contextmanager
def _pools(pools: Pools) -> Iterator[Pools]:
    try:
        yield pools
    finally:
        pools.stop()


def _outcome(future: Future[RunRecord], job: Job, config: Config, source: Checkout) -> RunRecord:
    """Return the worker's record, or write one for a worker that could not."""
    try:
        return future.result()
    except TimeoutError:
        status = Status.TIMEOUT
        message = f"ended after the time limit of {config.limits.timeout_s:g} s"
    except ProcessExpired as error:
        status, message = Status.KILLED, _death(error.exitcode)
    except Exception as error:
        status, message = Status.FAILED, f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
    return RunRecord(
        job_id=job.job_id,
        identity=job.identity,
        status=status,
        failure=Failure(stage="worker", message=message),
        provenance=provenance(source, {}, config.resources.jobs, gpu=""),
    )


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = "; the system may have run out of memory" if name == "SIGKILL" else ""
        return f"the worker process was ended by {name}{hint}"
    return f"the worker process exited with code {exitcode}"
