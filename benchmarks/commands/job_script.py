"""``job-script``: what a cluster's queue would be given."""

from __future__ import annotations

import typer

from benchmarks.commands.shared import ConfigArgument, SetOption, usage_errors
from benchmarks.config_file import ConfigError, load_config
from benchmarks.start_workers import cluster_modules


def job_script(config: ConfigArgument, overrides: SetOption = None) -> None:
    """Print the script by which run would ask the queueing system for each worker."""
    with usage_errors():
        loaded = load_config(config, overrides or [])
        if loaded.cluster is None:
            raise ConfigError(f"{config}: has no 'cluster' section")
        typer.echo(cluster_modules().job_script(loaded.cluster, loaded.name))
