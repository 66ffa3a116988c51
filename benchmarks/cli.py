"""The command line: ``python -m benchmarks run|report|list|validate``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_cache_path
from rich.console import Console

from benchmarks import listing
from benchmarks.config import Config
from benchmarks.config_file import ConfigError, load_config
from benchmarks.gates import evaluate_gates
from benchmarks.plan import Plan, make_plan
from benchmarks.progress import RunProgress
from benchmarks.records import Status, latest
from benchmarks.results_folder import ResultsFolder
from benchmarks.runner import run_jobs
from datasets.base import DatasetError
from reports.build import build_report
from reports.costs import timing_tables
from reports.publish import PublishError, publish
from reports.summary import summary_tables
from reports.terminal import terminal_table
from reports.verdicts import failures_table, gates_table

EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="Compare medical image registration backends on the same pairs, under the same conditions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()
errors = Console(stderr=True, soft_wrap=True, highlight=False)

ConfigArgument = Annotated[Path, typer.Argument(help="Config file, for example configs/embedded.yaml.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY.KEY=VALUE",
        help="Override a key of the config; checked like the file. May be given several times.",
    ),
]
ResultsOption = Annotated[
    Path, typer.Option("--results-dir", help="Folder that holds one folder per benchmark.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="REGBENCH_DATA_DIR",
        help="Where datasets keep their files.  [default: the user's cache folder]",
    ),
]


@app.command()
def run(
    config: ConfigArgument,
    overrides: SetOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a gate fails.")] = False,
    results_dir: ResultsOption = Path("results"),
    data_dir: DataOption = None,
) -> None:
    """Run what is not done yet, print the tables and write the report.

    Jobs that already have an ``ok`` record are skipped: the same command resumes a run that was interrupted.
    """
    with _usage_errors():
        plan = _plan(config, overrides or [], data_dir)
        folder = ResultsFolder(results_dir / plan.config.name)
        known = latest(folder.store.read())
        for dataset in plan.datasets.values():
            dataset.fetch()
    done = {job_id for job_id, record in known.items() if record.status is Status.OK}
    todo = [job for job in plan.jobs if job.job_id not in done]
    folder.begin(plan, str(config), overrides or [])
    interrupted = False
    with RunProgress(console, total=len(plan.jobs), done=len(plan.jobs) - len(todo)) as progress:
        try:
            run_jobs(
                plan.config,
                todo,
                folder.store,
                _cache_root(data_dir),
                folder.path,
                progress.started,
                progress.finished,
            )
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        errors.print("Interrupted. What is done is stored; the same command continues.", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED)
    passed = _report(folder)
    if strict and not passed:
        raise typer.Exit(EXIT_GATE_FAILED)


@app.command()
def report(
    config: ConfigArgument,
    overrides: SetOption = None,
    results_dir: ResultsOption = Path("results"),
) -> None:
    """Write the report again from the stored records, without running anything."""
    with _usage_errors():
        folder = ResultsFolder(results_dir / load_config(config, overrides or []).name)
        _report(folder)


@app.command("publish")
def publish_results(config: ConfigArgument, results_dir: ResultsOption = Path("results")) -> None:
    """Copy the report of a finished run to RESULTS.md, docs/figures and the README."""
    with _usage_errors():
        folder = ResultsFolder(results_dir / load_config(config).name)
        stored = folder.load()
        if stored.pending:
            raise ConfigError(f"{folder.path}: {stored.pending} jobs have not run yet; finish the run first")
        publish(folder.path, Path.cwd(), stored.config, stored.records, stored.manifest.command)
    console.print("RESULTS.md, docs/figures and README.md now show this run.")


@app.command()
def validate(config: ConfigArgument, overrides: SetOption = None, data_dir: DataOption = None) -> None:
    """Check a config without running it, and say what it would run."""
    with _usage_errors():
        plan = _plan(config, overrides or [], data_dir)
    pairs = {(job.identity.dataset, job.identity.pair_id) for job in plan.jobs}
    labels = {job.identity.run for job in plan.jobs}
    console.print(
        f"{config}: valid: {len(labels)} runs on {len(pairs)} pairs, {len(plan.jobs)} jobs", soft_wrap=True
    )


@app.command("list")
def list_names(
    name: Annotated[
        str | None,
        typer.Argument(help="A backend or dataset whose parameters to show; all names without it."),
    ] = None,
) -> None:
    """List backends, datasets and metrics, or the parameters of one."""
    with _usage_errors():
        for table in listing.overview() if name is None else listing.parameters(name):
            console.print(table)


def _plan(config: Path, overrides: list[str], data_dir: Path | None) -> Plan:
    loaded: Config = load_config(config, overrides)
    return make_plan(loaded, _cache_root(data_dir), str(config))


def _cache_root(data_dir: Path | None) -> Path:
    return (data_dir or user_cache_path("regbench", appauthor=False)).resolve()


def _report(folder: ResultsFolder) -> bool:
    """Write and print the report; return whether every gate passed."""
    stored = folder.load()
    config, records = stored.config, stored.records
    path = build_report(
        folder.path,
        config,
        records,
        descriptions=stored.manifest.descriptions,
        command=stored.manifest.command,
        pending=stored.pending,
    )
    gates = evaluate_gates(config, records)
    tables = [*summary_tables(config, records), *timing_tables(config, records)]
    tables += [table for table in (failures_table(config, records), gates_table(gates)) if table.rows]
    for table in tables:
        console.print(terminal_table(table))
    if stored.pending:
        console.print(
            f"{stored.pending} of {len(stored.manifest.job_ids)} jobs have not run yet.", style="yellow"
        )
    console.print(f"Report: {path}", soft_wrap=True)
    return all(gate.passed for gate in gates)


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn an error in what the user asked for into one line and exit code 2."""
    try:
        yield
    except (ConfigError, DatasetError, PublishError, LookupError, OSError) as error:
        errors.print(f"error: {' '.join(str(error).split())}", markup=False)
        raise typer.Exit(EXIT_USAGE) from None
