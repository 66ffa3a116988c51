"""``report``: tables and figures from the stored records, of all runs or of some."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from benchmarks.commands.shared import (
    ConfigArgument,
    OnlyOption,
    ResultsOption,
    SetOption,
    console,
    usage_errors,
)
from benchmarks.config_file import load_config
from benchmarks.gates import evaluate_gates
from benchmarks.noise import load_noise_floors
from benchmarks.results_folder import ResultsFolder, StoredRun
from benchmarks.selection import parse_filters
from reports.build import PAGE, build_report
from reports.costs import timing_tables
from reports.markdown import one_line
from reports.recommendation import recommendation
from reports.scaling import scaling_tables
from reports.study import Study
from reports.summary import summary_tables
from reports.terminal import terminal_table
from reports.verdicts import failures_table, gates_table


def report(
    config: ConfigArgument,
    overrides: SetOption = None,
    only: OnlyOption = None,
    results_dir: ResultsOption = Path("results"),
) -> None:
    """Write the report again from the stored records, without running anything.

    Title, description, report, figures and gates are those that the config has now; the rest is what was run. A
    report of some runs alone (--only) gets a folder of its own below the results.
    """
    with usage_errors():
        asked = load_config(config, overrides or [])
        folder = ResultsFolder(results_dir / asked.name)
        stored = folder.load().shown_as(asked)
        if only:
            stored = stored.only(parse_filters(only, stored.manifest.jobs), only)
        show_report(folder, stored)


def show_report(folder: ResultsFolder, stored: StoredRun) -> bool:
    """Write and print the report; return whether every gate passed."""
    config = stored.config
    study = Study.of(config, stored.records)
    noise = load_noise_floors(folder.path.parent)
    path = build_report(
        folder.path,
        config,
        study,
        descriptions=stored.manifest.descriptions,
        command=stored.manifest.command,
        pending=stored.pending,
        noise=noise,
        selection=stored.selection,
    )
    gates = evaluate_gates(config, stored.records)
    tables = [*summary_tables(config, study, noise), *timing_tables(config, study, noise)]
    tables += scaling_tables(config, study, noise)
    tables += [table for table in (failures_table(config, study), gates_table(gates)) if table.rows]
    for table in tables:
        console.print(terminal_table(table))
    for dataset in study.datasets:
        advice = " ".join(recommendation(config, study, dataset, noise))
        console.print(Text.assemble((f"{one_line(dataset)}: ", "bold"), one_line(advice)))
    if stored.pending:
        console.print(
            f"{stored.pending} of {len(stored.manifest.jobs)} jobs have not run yet.", style="yellow"
        )
    console.print(f"Report: {path}", soft_wrap=True)
    console.print(f"As a page: {path.with_name(PAGE)}", soft_wrap=True)
    return all(gate.passed for gate in gates)
