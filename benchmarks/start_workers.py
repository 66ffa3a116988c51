"""Where the jobs of a run are done: here, on a given Dask cluster, or on workers from a queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.local_workers import LocalWorkers
from benchmarks.workers import RunSettings, Workers


@contextmanager
def start_workers(config: Config, settings: RunSettings, scheduler: str | None) -> Iterator[Workers]:
    """Start workers, and end them with the context.

    Parameters
    ----------
    config : Config
        Its ``cluster`` is asked for unless a scheduler is given.
    settings : RunSettings
        What the workers are told.
    scheduler : str or None
        Address of a Dask scheduler.

    Raises
    ------
    ConfigError
        When the packages for clusters are not installed, or no scheduler answers.
    """
    if scheduler is None and config.cluster is None:
        with LocalWorkers(settings) as workers:
            yield workers
        return
    # Most runs need none of this, and importing it takes a second.
    try:
        from benchmarks.cluster import ClusterWorkers
        from benchmarks.job_queue import queued_cluster
    except ImportError as error:
        raise ConfigError(f"a cluster needs more packages: pip install '.[cluster]' ({error})") from None
    if scheduler is not None:
        with ClusterWorkers(scheduler, settings) as workers:
            yield workers
        return
    assert config.cluster is not None
    with queued_cluster(config.cluster, config.name) as cluster:
        cluster.scale(jobs=config.cluster.workers)
        with ClusterWorkers(cluster.scheduler_address, settings, config.cluster.workers) as workers:
            yield workers
