"""``report``: tables and figures from the stored records."""

from __future__ import annotations

from pathlib import Path

from benchmarks.commands.shared import ConfigArgument, ResultsOption, SetOption, console, usage_errors
from benchmarks.config_file import load_config
from benchmarks.gates import evaluate_gates
from benchmarks.noise import load_noise_floors
from benchmarks.results_folder import ResultsFolder
from reports.build import PAGE, build_report
from reports.costs import timing_tables
from reports.scaling import scaling_tables
from reports.study import Study
from reports.summary import summary_tables
from reports.terminal import terminal_table
from reports.verdicts import failures_table, gates_table


def report(
    config: ConfigArgument,
    overrides: SetOption = None,
    results_dir: ResultsOption = Path("results"),
) -> None:
    """Write the report again from the stored records, without running anything."""
    with usage_errors():
        folder = ResultsFolder(results_dir / load_config(config, overrides or []).name)
        show_report(folder)


def show_report(folder: ResultsFolder) -> bool:
    """Write and print the report; return whether every gate passed."""
    stored = folder.load()
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
        left_out=stored.manifest.left_out,
    )
    gates = evaluate_gates(config, stored.records)
    tables = [*summary_tables(config, study, noise), *timing_tables(config, study, noise)]
    tables += scaling_tables(config, study, noise)
    tables += [table for table in (failures_table(config, study), gates_table(gates)) if table.rows]
    for table in tables:
        console.print(terminal_table(table))
    if stored.pending:
        console.print(
            f"{stored.pending} of {len(stored.manifest.jobs)} jobs have not run yet.", style="yellow"
        )
    for sentence in stored.manifest.left_out:
        console.print(sentence, style="yellow", markup=False, soft_wrap=True)
    console.print(f"Report: {path}", soft_wrap=True)
    console.print(f"As a page: {path.with_name(PAGE)}", soft_wrap=True)
    return all(gate.passed for gate in gates)
