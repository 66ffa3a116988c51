"""``compare`` and ``history``: one state of a benchmark beside another, and all of them in a row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.catalogue import METRICS
from benchmarks.commands.shared import ResultsOption, console, usage_errors
from benchmarks.config_file import ConfigError
from benchmarks.names import nearest_hint
from benchmarks.noise import load_noise_floors
from benchmarks.record_store import RecordStore
from benchmarks.records import RunRecord
from benchmarks.terminal import say

if TYPE_CHECKING:
    from reports.table import Table

EXIT_WORSE = 1
EXIT_SLOWER = 3
FIGURE_SUFFIXES = (".png", ".pdf", ".svg")

A_RUN = "A results folder, as results/embedded, or a file of records."


def compare(
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help=A_RUN)],
    after: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN_B", help="Another one.  [default: the same, with --commits]", show_default=False
        ),
    ] = None,
    commits: Annotated[
        str | None, typer.Option(metavar="A..B", help="Two commits whose records the stores hold.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table to this file, too.")] = None,
    results_dir: ResultsOption = Path("results"),
) -> None:
    """Tell what got better, worse, faster or slower beyond noise.

    Exit codes: 0 nothing got worse, 1 a score got worse or more pairs failed, 3 only times got worse.
    """
    from reports.run_comparison import Verdict, changes_table, compare_runs, reservations, state_at

    with usage_errors():
        if after is None and commits is None:
            raise ConfigError("compare: give a second run, or --commits A..B for two states of one")
        old, new = (records_of(path, results_dir) for path in (before, after or before))
        names = [str(before), str(after or before)]
        if commits is not None:
            names = list(commits.split(".."))
            if len(names) != 2 or not all(names):
                raise ConfigError(f"--commits {commits}: must look like A..B")
            old, new = state_at(old, names[0]), state_at(new, names[1])
        changes = compare_runs(old, new, load_noise_floors(results_dir))
        if not changes:
            raise ConfigError(f"{names[0]} and {names[1]} have no run on a pair in common")
        _show(changes_table(changes, names[0], names[1], reservations(old, new)), markdown)
    verdicts = {change.verdict for change in changes}
    if Verdict.WORSE in verdicts:
        raise typer.Exit(EXIT_WORSE)
    if Verdict.SLOWER in verdicts:
        raise typer.Exit(EXIT_SLOWER)


def history(
    run: Annotated[Path, typer.Argument(metavar="RUN", help=A_RUN)],
    metric: Annotated[str, typer.Option(help="A name from the catalogue.")] = "dice",
    markdown: Annotated[Path | None, typer.Option(help="Write the table to this file, too.")] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw it into this file (PNG, PDF or SVG), with a CSV of its numbers beside it."),
    ] = None,
) -> None:
    """Show a metric over the commits whose records a run holds."""
    from reports.figures.history import save_history
    from reports.history import Trend, history_table

    with usage_errors():
        if figure and figure.suffix not in FIGURE_SUFFIXES:
            raise ConfigError(f"--figure {figure}: must end with one of {', '.join(FIGURE_SUFFIXES)}")
        if metric not in METRICS:
            raise ConfigError(f"no metric named {metric!r}{nearest_hint(metric, METRICS)}")
        records = records_of(run, Path("results"))
        trend = Trend.of(records, METRICS[metric])
        _show(history_table(trend), markdown)
        if figure:
            say(console, save_history(trend, figure))
            say(console, f"Figure: {figure}, and the numbers in it: {figure.with_suffix('.csv')}")


def records_of(path: Path, results_dir: Path) -> list[RunRecord]:
    """Read all records of a results folder, or of a file.

    Parameters
    ----------
    path : Path
        The folder or file.
    results_dir : Path
        Where the folder may be instead, for the message when there is none.

    Raises
    ------
    ConfigError
        When there are none, or this version cannot read them.
    """
    if not path.exists():
        meant = results_dir / path.name
        hint = f"did you mean {str(meant)!r}?" if meant.exists() else f"runs are kept in {results_dir}"
        raise ConfigError(f"{path}: no such results folder or file of records ({hint})")
    file = path / "records.jsonl" if path.is_dir() else path
    packed = file if file.suffix == ".xz" else file.with_name(f"{file.name}.xz")
    if packed.exists() and (file == packed or not file.exists()):
        raise ConfigError(
            f"{packed}: holds the records of a published run, packed: xz --decompress --keep {packed} unpacks them"
        )
    try:
        records = RecordStore(file).read()
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not records:
        raise ConfigError(f"{file}: holds no records")
    return records


def _show(table: Table, markdown: Path | None) -> None:
    from reports.markdown import escape, render_table
    from reports.terminal import terminal_table

    console.print(terminal_table(table))
    if markdown:
        markdown.write_text(f"## {escape(table.title)}\n\n{render_table(table)}\n", encoding="utf-8")
