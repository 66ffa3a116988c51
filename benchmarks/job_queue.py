"""Workers from a queueing system, through dask-jobqueue."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dask_jobqueue.core import JobQueueCluster
from dask_jobqueue.pbs import PBSCluster
from dask_jobqueue.slurm import SLURMCluster

from benchmarks.cluster_config import ClusterConfig
from benchmarks.config_file import ConfigError
from benchmarks.fingerprint import ROOT

# A worker leaves this long before its time is up, so that its last job can end or begin again elsewhere.
LEAVE_BEFORE_S = 300


@contextmanager
def queued_cluster(config: ClusterConfig, name: str) -> Iterator[JobQueueCluster]:
    """Start a scheduler in this process and ask for its workers; they go with the context.

    Parameters
    ----------
    config : ClusterConfig
        What to ask the queueing system for.
    name : str
        Names the queued jobs.

    Raises
    ------
    ConfigError
        When there is no such queueing system here, or the scheduler cannot start.
    """
    cluster = _scheduler(config, name)
    with cluster:
        submit = "sbatch" if config.queue_system == "slurm" else "qsub"
        if shutil.which(submit) is None:
            raise ConfigError(
                f"cluster.queue_system: there is no {submit} here; run this where jobs are submitted"
            )
        cluster.scale(jobs=config.workers)
        yield cluster


def job_script(config: ClusterConfig, name: str) -> str:
    """Return the script that would be handed to the queueing system for each worker.

    Raises
    ------
    ConfigError
        When the scheduler, whose address it holds, cannot start.
    """
    with _scheduler(config, name) as cluster:
        script: str = cluster.job_script()
    return script


def _scheduler(config: ClusterConfig, name: str) -> JobQueueCluster:
    try:
        return _cluster(config, name)
    except RuntimeError as error:
        raise ConfigError(f"cluster: {error}") from None


def _cluster(config: ClusterConfig, name: str) -> JobQueueCluster:
    match config.queue_system:
        case "slurm":
            exclusive = ["--exclusive"] if config.exclusive else []
            return SLURMCluster(
                job_cpu=config.cores,
                job_mem=f"{config.memory_gib * 1024:.0f}M",
                job_extra_directives=[*exclusive, *config.directives],
                **_common(config, name),
            )
        case "pbs":
            exclusive = ["-l place=scatter:excl"] if config.exclusive else []
            memory_mib = round(config.memory_gib * 1024)
            return PBSCluster(
                resource_spec=f"select=1:ncpus={config.cores}:mem={memory_mib}mb",
                job_extra_directives=[*exclusive, *config.directives],
                **_common(config, name),
            )


def _common(config: ClusterConfig, name: str) -> dict[str, Any]:
    """Return what all queueing systems are told; one thread of Dask each, because a worker runs one job at a time."""
    path = os.pathsep.join(filter(None, [str(ROOT), str(os.environ.get("PYTHONPATH", ""))]))
    lifetime_s = config.walltime_s - LEAVE_BEFORE_S
    leave = ["--lifetime", f"{lifetime_s}s", "--lifetime-stagger", "60s"] if lifetime_s > 0 else []
    return {
        "cores": 1,
        "processes": 1,
        "memory": f"{config.memory_gib} GiB",
        "walltime": config.walltime,
        "queue": config.queue,
        "account": config.account,
        "interface": config.interface,
        "job_name": f"regbench-{name}",
        "python": shlex.quote(sys.executable),
        "worker_extra_args": leave,
        "job_script_prologue": [f"export PYTHONPATH={shlex.quote(path)}", *config.prologue],
        "scheduler_options": {"dashboard_address": None},
    }
