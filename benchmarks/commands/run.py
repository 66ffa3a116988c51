"""``run``: what is not done yet, then the tables and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.commands.shared import (
    EXIT_GATE_FAILED,
    EXIT_INTERRUPTED,
    ConfigArgument,
    DataOption,
    LicenceOption,
    OfflineOption,
    OnlyOption,
    ResultsOption,
    SetOption,
    cache_root,
    console,
    errors,
    plan_of,
    usage_errors,
)
from benchmarks.estimate import Times, duration
from benchmarks.plan import Job, Plan
from benchmarks.progress import RunProgress
from benchmarks.records import Status
from benchmarks.results_folder import ResultsFolder
from benchmarks.runner import run_jobs, run_settings
from benchmarks.selection import Resume, parse_filters, select
from benchmarks.start_workers import start_workers
from benchmarks.terminal import literal, say
from benchmarks.transfers import TransferProgress
from benchmarks.wording import counted
from benchmarks.workers import Workers, WorkersLostError
from datasets.fetching import FetchRequest

RetryOption = Annotated[
    bool | None,
    typer.Option(
        "--retry-failed/--keep-failed",
        help="Run again what failed, and nothing else / leave what failed as it is, and run what has no record.  "
        "[default: run whatever is not ok]",
        show_default=False,
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Hand the jobs to a Dask scheduler, for example tcp://host:8786.  [default: the config's 'cluster', "
        "else this machine]",
        show_default=False,
    ),
]


def run(
    config: ConfigArgument,
    overrides: SetOption = None,
    retry_failed: RetryOption = None,
    only: OnlyOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run and how long it may take; change nothing.")
    ] = False,
    scheduler: SchedulerOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a gate fails.")] = False,
    results_dir: ResultsOption = Path("results"),
    data_dir: DataOption = None,
    accept_licence: LicenceOption = False,
    offline: OfflineOption = False,
) -> None:
    """Run what is not done yet, print the tables and write the report.

    Jobs that already have an ok record are skipped: the same command resumes a run that was interrupted.
    """
    resume = {None: Resume.UNLESS_OK, True: Resume.FAILED, False: Resume.UNRECORDED}[retry_failed]
    with usage_errors():
        with TransferProgress(errors) as transfers:
            request = FetchRequest(accept_licence, offline=offline, progress=transfers)
            plan = plan_of(config, overrides or [], data_dir, None if dry_run else request)
        for sentence in plan.left_out:
            say(console, sentence, "yellow")
        folder = ResultsFolder(results_dir / plan.config.name)
        filters = parse_filters(only or [], [job.identity for job in plan.jobs])
        if dry_run:
            heads = folder.heads()
            known = {head.job_id: head.status for head in heads}
            show_plan(plan, select(plan.jobs, known, resume, filters), Times(heads))
            return
        with folder.working():
            known = {head.job_id: head.status for head in folder.heads()}
            todo = select(plan.jobs, known, resume, filters)
            folder.begin(plan, str(config), overrides or [])
            done = sum(known.get(job.job_id) is Status.OK for job in plan.jobs)
            if done:
                say(
                    console,
                    f"{done} of {counted(len(plan.jobs), 'job')} {'is' if done == 1 else 'are'} already done.",
                )
            settings = run_settings(plan.config, cache_root(data_dir), folder.path)
            work_off(todo, done, folder, start_workers(plan.config, settings, scheduler, request))
            passed = _report(folder)
    if strict and not passed:
        raise typer.Exit(EXIT_GATE_FAILED)


def _report(folder: ResultsFolder) -> bool:
    from benchmarks.commands.show_report import show_report

    return show_report(folder, folder.load)


def work_off(
    todo: Sequence[Job], done: int, folder: ResultsFolder, starting: AbstractContextManager[Workers]
) -> None:
    """Run jobs and show how they go; an interrupt, or the loss of all workers, ends the command."""
    with RunProgress(console, total=done + len(todo), done=done) as progress:
        try:
            with starting as workers:
                run_jobs(todo, workers, folder.store, progress.show, progress.finished)
        except (KeyboardInterrupt, WorkersLostError) as error:
            why = str(error) or "Interrupted"
            say(errors, f"{why}. What is done is stored; the same command continues.", "yellow")
            raise typer.Exit(EXIT_INTERRUPTED) from None


def show_plan(plan: Plan, todo: Sequence[Job], times: Times) -> None:
    """Print which jobs would run and how long they may take."""
    at_once = plan.config.jobs_at_once
    table = Table("Run", "Backend", "Dataset", "Threads", "Jobs", "A job takes", "Together")
    groups = Counter((job.identity.workload, job.identity.backend) for job in todo)
    for (workload, backend), count in sorted(groups.items()):
        seconds = times.of_job(workload)
        one = "unknown" if seconds is None else duration(seconds)
        together = times.of_jobs([workload] * count).text(at_once)
        numbers = (str(workload.threads), str(count), one, together)
        table.add_row(*map(literal, (workload.run, backend, workload.dataset, *numbers)))
    planned = counted(len(plan.jobs), "job")
    if not todo:
        say(console, f"None of {planned} would run.")
        return
    console.print(table)
    total = times.of_jobs([job.identity.workload for job in todo])
    say(console, f"{len(todo)} of {planned} would run; {total.sentence(at_once)}.")
