"""``publish``: a finished run to RESULTS.md, its figures and the README."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.shared import ConfigArgument, ResultsOption, console, usage_errors
from benchmarks.config_file import ConfigError, load_config
from benchmarks.noise import load_noise_floors
from benchmarks.results_folder import ResultsFolder


def publish(
    config: ConfigArgument,
    results_dir: ResultsOption = Path("results"),
    stored: Annotated[
        bool, typer.Option("--stored", help="Only write the text again, from the records in docs/results.")
    ] = False,
) -> None:
    """Copy the report of a finished run to RESULTS.md, docs/figures, docs/results and the README."""
    with usage_errors():
        if stored:
            from reports.publish import render

            render(Path.cwd())
        else:
            _publish_run(ResultsFolder(results_dir / load_config(config).name))
    console.print("RESULTS.md, docs and README.md now show this run.")


def _publish_run(folder: ResultsFolder) -> None:
    from benchmarks.stack_alignment import align_stacks
    from reports.document import Background
    from reports.publish import publish as publish_run

    run = folder.load()
    if run.pending:
        raise ConfigError(f"{folder.path}: {run.pending} jobs have not run yet; finish the run first")
    noise = load_noise_floors(folder.path.parent)
    stacks = align_stacks(run.config, run.records, folder.path)
    background = Background(run.manifest.command, run.manifest.descriptions, 0, noise, stacks=stacks)
    publish_run(folder.path, Path.cwd(), run.config, run.records, background)
