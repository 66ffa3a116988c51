"""What the page holds, in the order of its importance, as far as its size allows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.aggregation import PairKey
from benchmarks.catalogue import METRICS
from benchmarks.gates import GateResult
from benchmarks.noise import NoiseFloors
from benchmarks.plain_text import one_line
from benchmarks.wording import counted
from reports.conditions import conditions_table, effective_schedules, runs_table
from reports.costs import timing_tables
from reports.divergence import divergence_table
from reports.document import Background
from reports.gains import gain_tables
from reports.galleries import Gallery, Pictures
from reports.gradients import gradient_tables
from reports.kept_slices import KeptSlices, kept_slices
from reports.kind_scores import kind_table
from reports.page.images import gallery, pair_images
from reports.page.scores import ORDER, Wordlist, label_means, metrics_within, pair_labels, scores_of
from reports.page.tables import linked_table, plain_table
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
from reports.verdicts import failures_table, gates_table

# What mail and code review still take; browsers open it at once.
PAGE_LIMIT_BYTES = 15_000_000
NUMBERS_LIMIT_BYTES = 6_000_000
NAMED = 5


@dataclass
class Blocks:
    """Parts of the page by name, as JSON that no parser of HTML takes for markup.

    Attributes
    ----------
    limit_bytes : int
        How large all together may become.
    parts : dict of str to str
        What was taken so far.
    left_out : list of str
        What did not fit.
    """

    limit_bytes: int
    parts: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    used_bytes: int = 0

    def add(self, name: str, content: Any) -> None:
        """Take a part, whatever its size."""
        self.parts[name] = embedded_json(content)
        self.used_bytes += len(self.parts[name])

    def fit(self, name: str, title: str, content: Any) -> bool:
        """Take a part if there is room for it; else note that it is left out."""
        text = embedded_json(content)
        if self.used_bytes + len(text) > self.limit_bytes:
            self.left_out.append(title)
            return False
        self.parts[name] = text
        self.used_bytes += len(text)
        return True

    @property
    def full(self) -> bool:
        """Whether something was left out."""
        return bool(self.left_out)


def embedded_json(content: Any) -> str:
    """Return JSON in ASCII without the letters that open or close markup.

    Raises
    ------
    ValueError
        When a number is not finite.
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def page_blocks(
    study: Study,
    background: Background,
    gates: Sequence[GateResult],
    pictures: Mapping[str, Pictures],
    folder: Path,
    target: Path,
    limit_bytes: int = PAGE_LIMIT_BYTES,
) -> dict[str, str]:
    """Return the parts of the page by name; ``data`` leads to the others.

    Parameters
    ----------
    study, background, gates, pictures
        As for the report in Markdown.
    folder : Path
        Results folder, with kept slices.
    target : Path
        Below it lie the figures just drawn.
    limit_bytes : int
        Images that would make the page larger are left out, and the page says which.
    """
    statuses, messages = Wordlist(), Wordlist()
    datasets = [
        _dataset(study, background, number, statuses, messages) for number in range(len(study.datasets))
    ]
    data: dict[str, Any] = {
        "order": list(ORDER),
        "metrics": {name: _metric(name) for name in ORDER},
        "statuses": statuses.words,
        "messages": messages.words,
        "datasets": datasets,
        "before": _opening(study, background, gates),
        "after": _sections(study, background, datasets),
        "figures": [],
        "leftOut": [],
        "withoutImages": "No images of this pair were kept: the config names the pairs whose images are "
        "(figures.pairs).",
    }
    blocks = Blocks(limit_bytes)
    blocks.used_bytes = len(embedded_json(data))
    for dataset, name in zip(datasets, study.datasets, strict=True):
        for one in (*pictures[name].scores, *pictures[name].costs):
            dataset["figures"] += _figure(blocks, target, one)
    said = _add_pairs(study, folder, blocks)
    for name in study.datasets:
        for one in pictures[name].slices:
            data["figures"] += [] if blocks.full else _figure(blocks, target, one)
    data["leftOut"] = said + [
        one_line(reason) for name in study.datasets for reason in pictures[name].omitted
    ]
    if blocks.full:
        data["leftOut"].append(
            f"Images beyond {limit_bytes / 1e6:g} MB, from {blocks.left_out[0]} on: they lie in the folder "
            "figures beside this page."
        )
    return {"data": embedded_json(data), **blocks.parts}


def _opening(study: Study, background: Background, gates: Sequence[GateResult]) -> list[dict[str, Any]]:
    """Return the advice, which stands first, and the gates."""
    advice = [
        [
            one_line(dataset),
            list(map(one_line, recommendation(study.config, study, dataset, background.noise))),
        ]
        for dataset in study.datasets
    ]
    parts = [_section("Which backend to choose", [], []) | {"lists": advice}] if advice else []
    if gates:
        parts.append(_section("Gates", [], [plain_table(gates_table(gates, study, background.noise))]))
    return parts


def _evidence(study: Study, noise: NoiseFloors) -> list[dict[str, Any]]:
    """Return what the differences between runs carry; empty where there is nothing to compare."""
    config = study.config
    tests = [*paired_tables(config, study, noise), *rank_tables(config, study), *common_tables(config, study)]
    further = [*interval_tables(config, study), *gain_tables(config, study)]
    tables = list(map(plain_table, (*tests, *further)))
    said = [one_line(sentence) for sentence in without_intervals(config, study)]
    return [_section("What the differences carry", said, tables)] if tables else []


def _metric(name: str) -> dict[str, Any]:
    metric = METRICS[name]
    return {"name": name, "title": metric.title, "better": metric.better, "digits": metric.digits}


def _dataset(
    study: Study, background: Background, number: int, statuses: Wordlist, messages: Wordlist
) -> dict[str, Any]:
    dataset = study.datasets[number]
    metrics = metrics_within(study, dataset, NUMBERS_LIMIT_BYTES // len(study.datasets))
    summary = summary_tables(study.config, study, background.noise)[number]
    by_kind = kind_table(study, dataset)
    further = further_tables(study.config, study)[number]
    return {
        **scores_of(study, dataset, metrics, statuses, messages),
        "description": one_line(background.descriptions.get(dataset, "")),
        "tables": [
            linked_table(study, dataset, summary, metrics),
            *map(plain_table, start_tables(study, dataset)),
            *([plain_table(by_kind)] if by_kind else []),
        ],
        "further": [linked_table(study, dataset, further, metrics)] if further.rows else [],
        "labels": label_means(study, dataset),
        "figures": [],
    }


def _sections(
    study: Study, background: Background, datasets: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    config = study.config
    costs = []
    # A sweep over threads or devices has several tables of times, whose rows are runs of their own there.
    timings = timing_tables(config, study, background.noise)
    linked = len(study.thread_counts) < 2 and len(study.by_device) < 2
    timed = [number for number, name in enumerate(study.datasets) if study.competitors(name)]
    if linked:
        for number, table in zip(timed, timings, strict=True):
            found = linked_table(study, study.datasets[number], table, datasets[number]["metrics"])
            costs.append({**found, "dataset": number})
    else:
        costs += map(plain_table, timings)
    costs += map(plain_table, scaling_tables(config, study, background.noise))
    costs += map(plain_table, gradient_tables(config, study))
    failures, diverged = failures_table(config, study), divergence_table(config, study)
    settings = yaml.safe_dump(config.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
    folds = [["Config", settings]]
    if schedules := effective_schedules(study):
        folds.insert(0, ["What each run did, in its backend's own terms", schedules])
    along = list(map(plain_table, stack_tables(study, background.stacks)))
    none = f"None: all {counted(len(study.records), 'job')} ended ok."
    return [
        *_evidence(study, background.noise),
        *([_section("Along the stack", [], along)] if along else []),
        _section("Time and memory", [], costs),
        _section(
            "Failures",
            [] if failures.rows else [none],
            [plain_table(table) for table in (failures, diverged) if table.rows],
        ),
        _section(
            "What was run, and on what",
            [],
            [
                plain_table(conditions_table(study, background.command)),
                plain_table(runs_table(study)),
                *map(plain_table, schedule_tables(study)),
            ]
            if study.records
            else [],
            folds,
        ),
    ]


def _section(
    title: str, paragraphs: list[str], tables: list[dict[str, Any]], folds: Sequence[list[str]] = ()
) -> dict[str, Any]:
    return {"title": title, "paragraphs": paragraphs, "lists": [], "tables": tables, "folds": list(folds)}


def _figure(blocks: Blocks, folder: Path, shown: Gallery) -> list[dict[str, str]]:
    name = f"figure-{len(blocks.parts)}"
    if not blocks.fit(name, shown.title, gallery(folder, shown)):
        return []
    return [{"title": one_line(shown.title), "block": name}]


def _add_pairs(study: Study, folder: Path, blocks: Blocks) -> list[str]:
    """Take the images of pairs, the first of each dataset first; return what was left out, a sentence each."""
    left: dict[str, list[str]] = {}
    for number, dataset, kept in _in_turn(study, folder):
        pair = study.pairs(dataset).index(kept.key.pair_id)
        images = None if blocks.full else pair_images(study, folder, kept)
        if images is None and not blocks.full:
            continue
        content = {"images": images, "labels": pair_labels(study, dataset, kept.key.pair_id)}
        if blocks.full or not blocks.fit(f"pair-{number}-{pair}", str(kept.key), content):
            left.setdefault(dataset, []).append(one_line(kept.key.pair_id))
    return [f"{one_line(dataset)}: the images of {_some(pairs)}." for dataset, pairs in left.items()]


def _in_turn(study: Study, folder: Path) -> Iterator[tuple[int, str, KeptSlices]]:
    pairs = [study.pairs(dataset) for dataset in study.datasets]
    for turn in itertools.zip_longest(*pairs):
        for number, (dataset, pair) in enumerate(zip(study.datasets, turn, strict=True)):
            if pair is None:
                continue
            kept = kept_slices(study, folder, PairKey(dataset, pair))
            if kept.shown:
                yield number, dataset, kept


def _some(names: Sequence[str]) -> str:
    more = f" and {counted(len(names) - NAMED, 'more pair')}" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
