"""Where the jobs of a run are done: here, on a given Dask cluster, or on workers from a queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.local_workers import LocalWorkers
from benchmarks.workers import RunSettings, Workers
from datasets.fetching import FetchRequest

if TYPE_CHECKING:
    from dask_jobqueue.core import JobQueueCluster

    from benchmarks.cluster import ClusterWorkers
    from benchmarks.cluster_config import ClusterConfig


@dataclass(frozen=True)
class ClusterModules:
    """What the optional packages for clusters provide."""

    workers: type[ClusterWorkers]
    queued_cluster: Callable[[ClusterConfig, str], AbstractContextManager[JobQueueCluster]]
    job_script: Callable[[ClusterConfig, str], str]


def cluster_modules() -> ClusterModules:
    """Import what runs need that leave this machine: most do not, and it takes a second.

    Raises
    ------
    ConfigError
        When the packages are not installed.
    """
    try:
        from benchmarks.cluster import ClusterWorkers
        from benchmarks.job_queue import job_script, queued_cluster
    except ImportError as error:
        raise ConfigError(f"a cluster needs more packages: pip install '.[cluster]' ({error})") from None
    return ClusterModules(ClusterWorkers, queued_cluster, job_script)


@contextmanager
def start_workers(
    config: Config, settings: RunSettings, scheduler: str | None, fetch: FetchRequest
) -> Iterator[Workers]:
    """Start workers, and end them with the context.

    Parameters
    ----------
    config : Config
        Its ``cluster`` is asked for unless a scheduler is given.
    settings : RunSettings
        What the workers are told.
    scheduler : str or None
        Address of a Dask scheduler.
    fetch : FetchRequest
        How nodes may fetch the data that they lack.

    Raises
    ------
    ConfigError
        When the packages for clusters are not installed, or no scheduler answers.
    """
    if scheduler is not None:
        with cluster_modules().workers(scheduler, settings, fetch) as workers:
            yield workers
    elif config.cluster is not None:
        modules, asked = cluster_modules(), config.cluster
        with (
            modules.queued_cluster(asked, config.name) as cluster,
            modules.workers(cluster.scheduler_address, settings, fetch, asked.workers) as workers,
        ):
            yield workers
    else:
        with LocalWorkers(settings) as workers:
            yield workers
