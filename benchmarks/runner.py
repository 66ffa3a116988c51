"""Hands jobs to workers and stores one record for each, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

from benchmarks.config import Config
from benchmarks.plan import Job
from benchmarks.provenance import checkout
from benchmarks.record_store import RecordStore
from benchmarks.records import RunRecord
from benchmarks.workers import RunSettings, Workers


def run_settings(config: Config, cache_root: Path, results: Path) -> RunSettings:
    """Return what the workers of a run on this machine are told.

    Parameters
    ----------
    config : Config
        Device, warm-up, jobs at once, and whether each has a process of its own.
    cache_root, results : Path
        Where datasets and results lie; a job that changes its folder finds them all the same.
    """
    source = checkout()
    return RunSettings(
        device=config.resources.device,
        warmup=config.timing.warmup,
        concurrent_jobs=config.resources.jobs,
        fresh_workers=config.resources.fresh_workers,
        cache_root=cache_root,
        results=results.resolve(),
        commit=source.commit,
        dirty=source.dirty,
        diff_sha256=source.diff_sha256,
    )


def run_jobs(
    jobs: Sequence[Job],
    workers: Workers,
    store: RecordStore,
    on_current: Callable[[Job], None],
    on_record: Callable[[RunRecord], None],
) -> None:
    """Run jobs in their order, as many at once as the workers can take, and store a record for each.

    A record is stored while the next job begins: a run that is killed in between repeats both.

    Parameters
    ----------
    jobs : sequence of Job
        What is left to do.
    workers : Workers
        Who does it; the caller starts and stops them.
    store : RecordStore
        Where records go.
    on_current : callable
        Told which job has been under way the longest, again and again.
    on_record : callable
        Told of every record stored.
    """
    waiting = iter(jobs)
    under_way: dict[Future[RunRecord], Job] = {}
    while True:
        while len(under_way) < workers.capacity and (job := next(waiting, None)) is not None:
            under_way[workers.schedule(job)] = job
        if not under_way:
            return
        on_current(next(iter(under_way.values())))
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            del under_way[future]
            record = future.result()
            store.append(record)
            on_record(record)
