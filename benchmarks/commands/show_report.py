"""A report written and printed. Its figures and statistics take seconds to import: commands do so when they need it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text

from benchmarks.commands.shared import console
from benchmarks.gates import evaluate_gates
from benchmarks.noise import load_noise_floors
from benchmarks.plain_text import one_line
from benchmarks.results_folder import ResultsFolder, StoredRun
from benchmarks.stack_alignment import align_stacks
from benchmarks.stack_record import StackAlignment
from benchmarks.terminal import say
from benchmarks.wording import counted
from reports.beside import beside
from reports.build import PAGE, Meanwhile, build_report, draw_figures, write_pairs
from reports.costs import timing_tables
from reports.divergence import divergence_table
from reports.kind_scores import kind_table
from reports.recommendation import recommendation
from reports.scaling import scaling_tables
from reports.stack_tables import stack_tables
from reports.study import Study
from reports.summary import summary_tables
from reports.terminal import terminal_table
from reports.verdicts import failures_table, gates_table


def show_report(folder: ResultsFolder, read: Callable[[], StoredRun]) -> bool:
    """Write and print the report; return whether every gate passed.

    Figures and the files of pairs are made by a copy of this process, where there is a processor for it.

    Parameters
    ----------
    folder : ResultsFolder
        Of the run.
    read : callable
        Reads it.
    """

    @functools.cache
    def loaded() -> _Loaded:
        stored = read()
        stacks = align_stacks(stored.config, stored.records, folder.path)
        return _Loaded(stored, Study.of(stored.config, stored.records), stacks)

    # This process and its copy both read the records, at the same time.
    with beside(
        lambda: draw_figures(loaded().study, folder.path, loaded().stacks, loaded().stored.selection),
        lambda: write_pairs(loaded().study, folder.path, loaded().stored.selection),
    ) as results:
        return _show(folder, loaded(), Meanwhile(*results) if results else None)


@dataclass(frozen=True)
class _Loaded:
    """A run and what is made of it."""

    stored: StoredRun
    study: Study
    stacks: tuple[StackAlignment, ...]


def _show(folder: ResultsFolder, loaded: _Loaded, meanwhile: Meanwhile | None) -> bool:
    stored, study, stacks = loaded.stored, loaded.study, loaded.stacks
    config = stored.config
    noise = load_noise_floors(folder.path.parent)
    path = build_report(
        folder.path,
        config,
        study,
        descriptions=stored.manifest.descriptions,
        command=stored.manifest.command,
        pending=stored.pending,
        noise=noise,
        stacks=stacks,
        selection=stored.selection,
        left_out=stored.manifest.left_out,
        meanwhile=meanwhile,
    )
    gates = evaluate_gates(config, stored.records)
    tables = summary_tables(config, study, noise)
    tables += [table for dataset in study.datasets if (table := kind_table(study, dataset))]
    tables += timing_tables(config, study, noise)
    tables += [*scaling_tables(config, study, noise), *stack_tables(study, stacks)]
    verdicts = (
        failures_table(config, study),
        divergence_table(config, study),
        gates_table(gates, study, noise),
    )
    tables += [table for table in verdicts if table.rows]
    for table in tables:
        console.print(terminal_table(table))
    for dataset in study.datasets:
        advice = " ".join(recommendation(config, study, dataset, noise))
        console.print(Text.assemble((f"{one_line(dataset)}: ", "bold"), one_line(advice)))
    if stored.pending:
        say(
            console,
            f"Not run yet: {stored.pending} of {counted(len(stored.manifest.jobs), 'job')}.",
            "yellow",
        )
    for sentence in stored.manifest.left_out:
        say(console, sentence, "yellow")
    say(console, f"Report: {path}")
    say(console, f"As a page: {path.with_name(PAGE)}")
    return all(gate.passed for gate in gates)
