"""``status``: how far a run is, wherever it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.commands.shared import ResultsOption, SetOption, console, pending_jobs, usage_errors
from benchmarks.config_file import load_config
from benchmarks.results_folder import ResultsFolder
from benchmarks.standing import Standing, standing
from benchmarks.terminal import literal, say


def status(
    where: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Config file, or the results folder of a benchmark.")
    ],
    overrides: SetOption = None,
    results_dir: ResultsOption = Path("results"),
) -> None:
    """Say how far a benchmark is, from its results folder alone: here or on another machine, running or not."""
    with usage_errors():
        path = where if where.is_dir() else results_dir / load_config(where, overrides or []).name
        show(path, standing(ResultsFolder(path)))


def show(path: Path, found: Standing) -> None:
    """Print how far a benchmark is."""
    table = Table("Run", "Backend", "Jobs", "Ok", "Failed", "Pending", "Time left")
    for one in found.runs:
        counts = (one.statuses.total() + one.pending, one.ok, one.failed, one.pending)
        cells = (one.run, one.backend, *map(str, counts), one.left.text(found.jobs_at_once))
        table.add_row(*map(literal, cells))
    console.print(table)
    who, caveat = found.occupancy.holder, found.occupancy.caveat
    say(console, f"At work in {path}: {who}{caveat}." if who else f"Nobody is at work in {path}{caveat}.")
    for job in found.running:
        say(console, f"Running: {job.run} · {job.dataset} · {job.pair_id}.")
    if pending := found.left.jobs:
        say(console, f"{pending_jobs(pending)}; {found.left.sentence(found.jobs_at_once)}.")
    else:
        say(console, "All jobs have run.")
