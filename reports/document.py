"""The text of report.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from benchmarks.gates import GateResult
from benchmarks.noise import NoiseFloors
from benchmarks.records import Status
from benchmarks.stack_record import StackAlignment
from benchmarks.wording import counted
from reports.conditions import conditions_table, effective_schedules, runs_table, warnings_of
from reports.costs import timing_tables
from reports.divergence import divergence_table
from reports.gains import gain_tables, label_tables
from reports.galleries import Gallery, Picture, Pictures
from reports.gradients import gradient_tables
from reports.kind_scores import kind_table
from reports.markdown import code_block, details, escape, render_table
from reports.pair_scores import pair_table
from reports.recommendation import recommendation
from reports.scaling import scaling_tables
from reports.schedules import schedule_tables
from reports.significance import (
    common_tables,
    interval_tables,
    paired_tables,
    rank_tables,
    without_intervals,
)
from reports.stack_tables import stack_tables
from reports.starts import start_tables
from reports.study import Study
from reports.summary import further_tables, summary_tables
from reports.table import Table
from reports.verdicts import failures_table, gates_table

# Figures of one kind that are shown unasked.
MOST_OPEN = 2

HOW_TO_READ = """\
- Start with **Dice** (overlap of labels, 1 is perfect) and **TRE** (how far points end from where they
  belong, 0 is perfect). **RMSE** says only how alike the intensities are: a transform that tears tissue apart
  can make it small, which is why **folding fraction** (share of voxels where the map folds over, should be 0)
  and **sd log J** (how unevenly it stretches) stand beside it.
- The **before** row is the prealigned start with nothing done. A run that is not better than it has failed,
  whatever its status. The true transform, where the data have one, shows what interpolation and noise allow.
- **Matched** rows run under one schedule as far as the tools allow; **recommended** rows each run as the
  tool's authors advise. Between tracks, a difference may be the schedule's rather than the method's.
- **n/a** means that a number does not exist, as the backward time of a run that has no gradient; it is no
  zero. **Pairs ok** counts the pairs on which every repeat succeeded; averages are over those alone.
- **Bold** is the best average of a track, and a tilde (~) marks what a test cannot tell from it. Among the tests,
  **p (Holm)** says how easily equal runs would differ so much by chance, after allowing for how many are compared;
  **effect size** and **win rate** say how consistently one is ahead: 1 and 100% are on every pair. A difference that is
  not significant is no proof that there is none.
- Among the further scores, **HD95** and **ASSD** are distances between the surfaces of labels, 0 is perfect; **NCC**,
  **NMI** and **SSIM** tell how alike intensities are, as RMSE does, and no more than that.
- Timings depend on the machine, given below. Look at ratios, and at the spread before believing a difference.
"""


@dataclass(frozen=True)
class Background:
    """What a report says beyond the records.

    Attributes
    ----------
    command : str
        What repeats the run; empty where it is not known.
    descriptions : mapping of str to str
        What each dataset says of itself.
    pending : int
        Jobs planned that have no record yet.
    noise : NoiseFloors
        How far times of equals lie apart.
    selection : tuple of str
        What the records were chosen by; empty where they are all.
    stacks : tuple of StackAlignment
        How straight each run left the stacks of sections among the datasets.
    left_out : tuple of str
        A sentence for each dataset of the config that was not used.
    """

    command: str
    descriptions: Mapping[str, str]
    pending: int
    noise: NoiseFloors
    selection: tuple[str, ...] = ()
    stacks: tuple[StackAlignment, ...] = ()
    left_out: tuple[str, ...] = ()


def report_text(
    study: Study, background: Background, gates: Sequence[GateResult], pictures: Mapping[str, Pictures]
) -> str:
    """Return the report in Markdown."""
    config = study.config
    parts = [f"# {escape(config.title or config.name)}"]
    parts += [escape(paragraph) for paragraph in config.description.split("\n\n") if paragraph.strip()]
    parts.append(_at_a_glance(study, background, gates))
    if not study.records:
        return "\n\n".join(parts) + "\n"
    parts += _advice(study, background)
    parts += ["## How to read this", HOW_TO_READ.rstrip()]
    if gates:
        parts += _section(gates_table(gates, study, background.noise))
    parts += _results(study, background, pictures)
    parts += _evidence(study, background.noise)
    parts.append("## Time and memory")
    noise = background.noise
    costs = [*timing_tables(config, study, noise), *scaling_tables(config, study, noise)]
    costs += gradient_tables(config, study)
    parts += [part for table in costs for part in _subsection(table)]
    parts += [part for drawn in pictures.values() for gallery in drawn.costs for part in _gallery(gallery)]
    parts += _failures(study)
    parts += _slices(pictures)
    parts += _what_was_run(study, background)
    return "\n\n".join(parts) + "\n"


def report_tables(study: Study, noise: NoiseFloors, stacks: Sequence[StackAlignment] = ()) -> list[Table]:
    """Return the tables of scores, tests, costs, gradients and failures of a report."""
    config = study.config
    scores = [
        *summary_tables(config, study, noise),
        *further_tables(config, study),
        *(table for dataset in study.datasets for table in start_tables(study, dataset)),
        *(table for dataset in study.datasets for table in detail_tables(study, dataset)),
        *stack_tables(study, stacks),
    ]
    tests = [*paired_tables(config, study, noise), *rank_tables(config, study), *common_tables(config, study)]
    tests += [*interval_tables(config, study), *gain_tables(config, study), *label_tables(config, study)]
    costs = [*timing_tables(config, study, noise), *scaling_tables(config, study, noise)]
    checks = [*gradient_tables(config, study), failures_table(config, study), divergence_table(config, study)]
    return [table for table in (*scores, *tests, *costs, *checks) if table.rows]


def detail_tables(study: Study, dataset: str) -> list[Table]:
    """Return what lies behind the averages of a dataset: scores by kind of pair, and pair by pair."""
    return [table for table in (kind_table(study, dataset), pair_table(study, dataset)) if table]


def _at_a_glance(study: Study, background: Background, gates: Sequence[GateResult]) -> str:
    bold = [f"**{escape(sentence)}**" for sentence in (warnings_of(study) if study.records else [])]
    return " ".join([*map(escape, glance(study, background, gates)), *bold])


def glance(study: Study, background: Background, gates: Sequence[GateResult]) -> list[str]:
    """Return what became of the run, a sentence each, unescaped."""
    records = study.records
    ok = sum(record.status is Status.OK for record in records)
    runs = {run for by_run in study.results.values() for run in by_run}
    sentences = [
        f"{counted(len(runs), 'run')} on {counted(len(study.results), 'pair')} of "
        f"{counted(len(study.datasets), 'dataset')}: {ok} of {counted(len(records), 'job')} ended ok."
    ]
    if background.selection:
        sentences.append(
            f"This is a part of the run, chosen by {', '.join(background.selection)}: what is called best is the best "
            "of the part."
        )
    sentences += background.left_out
    if background.pending:
        sentences.append(
            f"{counted(background.pending, 'planned job')} not run yet: the tables are preliminary."
        )
    if gates:
        sentences.append(f"Gates passed: {sum(gate.passed for gate in gates)} of {len(gates)}.")
    return sentences


def _advice(study: Study, background: Background) -> list[str]:
    parts = ["## Which backend to choose"]
    for dataset in study.datasets:
        said = recommendation(study.config, study, dataset, background.noise)
        parts.append(f"**{escape(dataset)}**")
        parts.append("\n".join(f"- {escape(sentence)}" for sentence in said))
    return parts


def _evidence(study: Study, noise: NoiseFloors) -> list[str]:
    """Show what the differences carry, and fold what only some readers want."""
    config = study.config
    parts = []
    paired = paired_tables(config, study, noise)
    for table in (*paired, *rank_tables(config, study), *common_tables(config, study)):
        parts += _subsection(table)
    if parts:
        parts += [escape(said) for said in without_intervals(config, study)]
    for table in (*interval_tables(config, study), *gain_tables(config, study), *label_tables(config, study)):
        parts.append(details(table.title, render_table(table)))
    return ["## What the differences carry", *parts] if parts else []


def _results(study: Study, background: Background, pictures: Mapping[str, Pictures]) -> list[str]:
    config = study.config
    parts = ["## Results"]
    for dataset, summary, further in zip(
        study.datasets,
        summary_tables(config, study, background.noise),
        further_tables(config, study),
        strict=True,
    ):
        parts.append(f"### {escape(dataset)}")
        if said := background.descriptions.get(dataset):
            parts.append(escape(said))
        parts.append(render_table(summary))
        parts += _stacks(study, background, dataset)
        for table in start_tables(study, dataset):
            parts += [f"#### {escape(table.title)}", render_table(table)]
        parts += [part for gallery in pictures[dataset].scores for part in _gallery(gallery)]
        for table in detail_tables(study, dataset):
            parts += [f"#### {escape(table.title)}", render_table(table)]
        if further.rows:
            parts.append(details(further.title, render_table(further)))
    return parts


def _stacks(study: Study, background: Background, dataset: str) -> list[str]:
    stacks = [stack for stack in background.stacks if stack.dataset == dataset]
    return [
        part
        for table in stack_tables(study, stacks)
        for part in (f"#### {escape(table.title)}", render_table(table))
    ]


def _failures(study: Study) -> list[str]:
    failed, diverged = failures_table(study.config, study), divergence_table(study.config, study)
    none = [f"## {failed.title}", f"None: all {counted(len(study.records), 'job')} ended ok."]
    return (_section(failed) if failed.rows else none) + (_subsection(diverged) if diverged.rows else [])


def _slices(pictures: Mapping[str, Pictures]) -> list[str]:
    parts = []
    for dataset, drawn in pictures.items():
        if not (drawn.slices or drawn.omitted):
            continue
        parts.append(f"### {escape(dataset)}")
        for gallery in drawn.slices:
            parts += _gallery(gallery)
        if drawn.omitted:
            parts.append("Left out:\n" + "".join(f"\n- {escape(reason)}" for reason in drawn.omitted))
    return ["## Pictures", *parts] if parts else []


def _what_was_run(study: Study, background: Background) -> list[str]:
    parts = _section(conditions_table(study, background.command))
    parts += _subsection(runs_table(study))
    parts += [part for table in schedule_tables(study) for part in _subsection(table)]
    if schedules := effective_schedules(study):
        parts.append(details("What each run did, in its backend's own terms", code_block(schedules, "json")))
    config = yaml.safe_dump(study.config.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
    parts.append(details("Config", code_block(config, "yaml")))
    parts.append(
        "The same numbers: `results.csv` (one row per job), `tables/` (Markdown, CSV, LaTeX and Parquet), `pairs/` "
        "(one JSON file per pair, with label scores) and a CSV beside each figure; the source of all is "
        "`records.jsonl`."
    )
    return parts


def _section(table: Table) -> list[str]:
    return [f"## {escape(table.title)}", render_table(table)]


def _subsection(table: Table) -> list[str]:
    return [f"### {escape(table.title)}", render_table(table)]


def _gallery(gallery: Gallery) -> list[str]:
    """Show a few figures; many of them, or what only some readers want, when a reader asks."""
    title, caption = escape(gallery.title), escape(gallery.caption)
    images = [part for picture in gallery.pictures for part in _picture(picture)]
    if gallery.folded:
        return [details(gallery.title, "\n\n".join([*images, caption]))]
    if len(gallery.pictures) <= MOST_OPEN:
        return [f"#### {title}", *images, caption]
    first, rest = _picture(gallery.pictures[0]), gallery.pictures[1:]
    folded = details(
        f"The same of {len(rest)} more", "\n\n".join(part for picture in rest for part in _picture(picture))
    )
    return [f"#### {title}", *first, caption, folded]


def _picture(picture: Picture) -> list[str]:
    links = f"<sub>[PDF]({picture.vector}) · [numbers]({picture.data})</sub>"
    return [f"![{escape(picture.title)}]({picture.path})", links]
