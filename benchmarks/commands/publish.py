"""``publish``: a finished run to RESULTS.md, docs and the README."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.shared import ResultsOption, console, pending_jobs, usage_errors
from benchmarks.config_file import ConfigError, load_config
from benchmarks.noise import load_noise_floors
from benchmarks.results_folder import ResultsFolder
from benchmarks.terminal import say


def publish(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Config file of a finished run.")
    ] = None,
    results_dir: ResultsOption = Path("results"),
    stored: Annotated[
        bool,
        typer.Option("--stored", help="Only write all texts again, from the records in docs/results."),
    ] = False,
) -> None:
    """Add a finished run to the published ones, or replace it there: RESULTS.md, docs and the README."""
    with usage_errors():
        if stored == (config is not None):
            raise ConfigError("publish: give the CONFIG of a finished run, or --stored alone")
        if config is None:
            from reports.publish import render

            render(Path.cwd())
        else:
            _publish_run(ResultsFolder(results_dir / load_config(config).name))
    say(console, "RESULTS.md, docs and README.md now show all published runs.")


def _publish_run(folder: ResultsFolder) -> None:
    from benchmarks.stack_alignment import align_stacks
    from reports.document import Background
    from reports.publish import publish as publish_run

    run = folder.load()
    if run.pending:
        raise ConfigError(f"{folder.path}: {pending_jobs(run.pending)}; finish the run first")
    noise = load_noise_floors(folder.path.parent)
    background = Background(
        run.manifest.command,
        run.manifest.descriptions,
        0,
        noise,
        stacks=align_stacks(run.config, run.records, folder.path),
        left_out=run.manifest.left_out,
    )
    publish_run(folder.path, Path.cwd(), run.config, run.records, background)
