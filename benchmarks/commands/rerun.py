"""``rerun``: one stored job again, and what is the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.commands.shared import (
    DataOption,
    LicenceOption,
    OfflineOption,
    ResultsOption,
    cache_root,
    console,
    errors,
    usage_errors,
)
from benchmarks.plain_text import one_line
from benchmarks.rerun import Comparison, find_record
from benchmarks.rerun import rerun as rerun_job
from benchmarks.terminal import literal, say
from benchmarks.transfers import TransferProgress
from datasets.fetching import FetchRequest

EXIT_SCORES_DIFFER = 1
EXIT_TIME_DIFFERS = 3


def rerun(
    record_id: Annotated[
        str,
        typer.Argument(
            metavar="RECORD_ID",
            min=1,
            help="Job id of a record, or enough of its beginning; FOLDER/ID where several folders have it.",
        ),
    ],
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="How often to run the job.")] = 3,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Largest relative difference of scores that are called the same.")
    ] = 1e-3,
    results_dir: ResultsOption = Path("results"),
    data_dir: DataOption = None,
    accept_licence: LicenceOption = False,
    offline: OfflineOption = False,
) -> None:
    """Run the job of a record again and compare; nothing stored changes.

    Exit codes: 0 the same, 1 status or scores differ, 3 only the time differs, by more than the noise floor.
    """
    with usage_errors(), tempfile.TemporaryDirectory(prefix="rerun-") as scratch:
        found = find_record(results_dir, record_id, _warn)
        with TransferProgress(errors) as transfers:
            request = FetchRequest(accept_licence, offline=offline, progress=transfers)
            compared = rerun_job(found, cache_root(data_dir), Path(scratch), request, repeats, tolerance)
    _show(compared)
    if not compared.same_outcome:
        raise typer.Exit(EXIT_SCORES_DIFFER)
    if not compared.same_time:
        raise typer.Exit(EXIT_TIME_DIFFERS)


def _warn(said: str) -> None:
    say(errors, f"warning: {said}", style="yellow")


def _show(compared: Comparison) -> None:
    identity = compared.stored.identity
    title = literal(f"{identity.run} on {identity.dataset}/{identity.pair_id}", "table.title")
    table = Table("Score", "Stored", "Repeated", "", title=title, title_justify="left")
    table.add_row("status", str(compared.stored.status), str(compared.repeated.status), "")
    for score in compared.scores:
        verdict = "same" if score.same else "DIFFERS"
        table.add_row(literal(score.metric), _shown(score.stored), _shown(score.repeated), verdict)
    console.print(table)
    say(console, _time(compared))
    if failure := compared.repeated.failure:
        say(console, one_line(f"{failure.stage}: {failure.message}"))
    for line in compared.differences:
        say(console, f"Not as it was: {line}")


def _time(compared: Comparison) -> str:
    if compared.time_ratio is None:
        return "Forward time: not measured on both sides."
    said = f"Forward time: {compared.time_ratio:.3g}× the stored one"
    if compared.noise_floor is None:
        return f"{said}; without a calibration of this machine nobody can say whether that is a difference."
    verdict = "no difference" if compared.same_time else "a DIFFERENCE"
    return f"{said}, with a noise floor of {compared.noise_floor:.3g}×: {verdict}."


def _shown(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.6g}"
