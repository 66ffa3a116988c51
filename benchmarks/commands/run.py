"""``run``: what is not done yet, then the tables and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.report import show_report
from benchmarks.commands.shared import (
    EXIT_GATE_FAILED,
    EXIT_INTERRUPTED,
    ConfigArgument,
    DataOption,
    LicenceOption,
    OfflineOption,
    ResultsOption,
    SetOption,
    cache_root,
    console,
    errors,
    plan_of,
    usage_errors,
)
from benchmarks.local_workers import LocalWorkers
from benchmarks.progress import RunProgress
from benchmarks.records import Status, latest
from benchmarks.results_folder import ResultsFolder
from benchmarks.runner import run_jobs, run_settings
from benchmarks.transfers import TransferProgress
from datasets.fetching import FetchRequest


def run(
    config: ConfigArgument,
    overrides: SetOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a gate fails.")] = False,
    results_dir: ResultsOption = Path("results"),
    data_dir: DataOption = None,
    accept_licence: LicenceOption = False,
    offline: OfflineOption = False,
) -> None:
    """Run what is not done yet, print the tables and write the report.

    Jobs that already have an ``ok`` record are skipped: the same command resumes a run that was interrupted.
    """
    with usage_errors():
        with TransferProgress(errors) as transfers:
            request = FetchRequest(accept_licence, offline=offline, progress=transfers)
            plan = plan_of(config, overrides or [], data_dir, request)
        folder = ResultsFolder(results_dir / plan.config.name)
        known = latest(folder.store.read())
    done = {job_id for job_id, record in known.items() if record.status is Status.OK}
    todo = [job for job in plan.jobs if job.job_id not in done]
    folder.begin(plan, str(config), overrides or [])
    interrupted = False
    with RunProgress(console, total=len(plan.jobs), done=len(plan.jobs) - len(todo)) as progress:
        try:
            settings = run_settings(plan.config, cache_root(data_dir), folder.path)
            with LocalWorkers(settings) as workers:
                run_jobs(todo, workers, folder.store, progress.started, progress.finished)
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        errors.print("Interrupted. What is done is stored; the same command continues.", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED)
    passed = show_report(folder)
    if strict and not passed:
        raise typer.Exit(EXIT_GATE_FAILED)
