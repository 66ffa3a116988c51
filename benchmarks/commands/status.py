"""``status``: how far a run is, wherever it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from benchmarks.commands.shared import ResultsOption, SetOption, console, usage_errors
from benchmarks.config_file import load_config
from benchmarks.results_folder import ResultsFolder
from benchmarks.standing import Standing, standing


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
        # A label may have brackets, which are no markup.
        table.add_row(*map(Text, cells))
    console.print(table)
    said = [f"{path}: {found.holder or 'nobody works here now'}."]
    said += [f"Running: {job.run} · {job.dataset} · {job.pair_id}." for job in found.running]
    pending = sum(one.pending for one in found.runs)
    said += [f"{pending} jobs have not run yet; they take {found.left.text(found.jobs_at_once)}."]
    for line in said:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
