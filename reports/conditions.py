"""What was run, and on what."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from benchmarks.records import Identity, Provenance, RunRecord
from reports.study import Study, once_per_study
from reports.table import Table, plain_row, text_columns

NAMED_PAIRS = 3


@once_per_study
def conditions_table(study: Study, command: str) -> Table:
    """Return the circumstances of a run: command, sources, machine, versions, threads, time.

    Parameters
    ----------
    study : Study
        With at least one record.
    command : str
        What repeats the run; empty where it is not known.
    """
    records, made = study.records, _circumstances(study)
    config = study.config
    in_force = _merged(one.effective_threads for one in made)
    threads = "; ".join(sorted(map(str, {record.identity.threads for record in records})))
    rows = {
        "Command": command,
        "Commit": _distinct(made, _commit),
        "CPU": _distinct(made, lambda p: f"{p.cpu}, {p.cores} logical cores"),
        "GPU": _distinct(made, lambda p: p.gpu),
        "Memory": _distinct(made, lambda p: f"{p.memory_mib / 1024:.1f} GiB"),
        "System": _distinct(made, lambda p: f"{p.platform}, Python {p.python}"),
        "Packages": _pairs(_merged(one.packages for one in made)),
        "Threads": f"{threads} asked of every library"
        + (f"; in force: {_pairs(in_force)}" if in_force else ""),
        "Timing": _timing(study),
        "Load": _load(records),
        "Clock": _clock(records),
        "Started": _span(records),
        "Limits": f"{config.limits.timeout_s:g} s per job; seed {config.seed}",
    }
    return Table(
        "What was run, and on what",
        text_columns("", "Value"),
        tuple(plain_row((what, value)) for what, value in rows.items() if value),
    )


@once_per_study
def warnings_of(study: Study) -> list[str]:
    """Return what a reader has to know before trusting the numbers, a sentence each."""
    records, made = study.records, _circumstances(study)
    said = []
    if len({one.commit for one in made}) > 1:
        said.append("The records come from more than one commit.")
    if any(one.dirty for one in made):
        said.append("Tracked files differed from the commit when records were made.")
    if len({(one.host, one.cpu) for one in made}) > 1:
        said.append("The records come from more than one machine: timings are not comparable across them.")
    said += [
        f"Records of {dataset} were made with different data or metrics: its rows are not comparable."
        for dataset in study.datasets
        if _several_yardsticks(r.identity for r in records if r.identity.dataset == dataset)
    ]
    if any(one.concurrent_jobs > 1 for one in made):
        said.append("Jobs were allowed to overlap: timings are not comparable.")
    return said


@once_per_study
def runs_table(study: Study) -> Table:
    """Return the parameters and backend versions of every run."""
    records: dict[str, list[RunRecord]] = {}
    for record in study.records:
        records.setdefault(record.identity.run, []).append(record)
    labels = dict.fromkeys(run.label for dataset in study.datasets for run in study.runs(dataset))
    return Table(
        "Runs",
        text_columns("Run", "Backend", "Track", "Version", "Parameters"),
        tuple(plain_row(_run_row(records[label])) for label in labels),
        "Matched: the same metric family, pyramid and iteration budget as far as the interfaces allow. "
        "Recommended: each tool's own practice. Reference: no competitor.",
    )


@once_per_study
def effective_schedules(study: Study) -> str:
    """Return, as JSON, what each run did in its backend's own terms, from the first pair of each dataset."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for record in study.records:
        if record.effective:
            first.setdefault((record.identity.dataset, record.identity.run), record.effective)
    found: dict[str, dict[str, Any]] = {}
    for dataset in study.datasets:
        told = [run.label for run in study.runs(dataset) if (dataset, run.label) in first]
        if told:
            found[dataset] = {label: first[dataset, label] for label in told}
    return json.dumps(found, indent=1, ensure_ascii=False) if found else ""


@once_per_study
def _circumstances(study: Study) -> list[Provenance]:
    """Return one provenance of each kind: most records were made alike, and differ in load, clock and time alone."""
    found: dict[Hashable, Provenance] = {}
    last = None
    for record in study.records:
        made = record.provenance
        # Neighbours are alike as a rule, which is told in a third of the time of finding one among all.
        if (alike := _MADE_ALIKE(made)) != last:
            last = alike
            *machine, packages, threads = alike
            found.setdefault((*machine, *packages.items(), *threads.items()), made)
    return list(found.values())


_MADE_ALIKE = attrgetter(
    *("commit", "dirty", "python", "platform", "cpu", "cores", "memory_mib", "gpu", "concurrent_jobs"),
    *("warmup", "fresh_workers", "host", "packages", "effective_threads"),
)


def _run_row(records: Sequence[RunRecord]) -> tuple[str, ...]:
    identity = records[0].identity
    return identity.run, identity.backend, identity.track, _pairs(identity.backend_version), _params(records)


def _params(records: Sequence[RunRecord]) -> str:
    """Return the parameters of a run on most of its pairs, and how they differ on the others.

    One that is None, which leaves a choice to the backend, is named only where another pair sets it.
    """
    encode = msgspec.json.Encoder(order="sorted").encode
    variants: dict[bytes, dict[str, Any]] = {}
    where: dict[bytes, dict[str, None]] = {}
    key, last = b"", None
    for record in records:
        # Neighbours have the same, as a rule.
        if (params := record.identity.params) != last:
            key, last = encode(params), params
            variants[key] = params
        where.setdefault(key, {})[record.identity.pair_id] = None
    first, *others = sorted(variants, key=lambda key: -len(where[key]))
    said = [_pairs({name: value for name, value in variants[first].items() if value is not None})]
    for key in others:
        pairs = list(where[key])
        named = ", ".join(pairs[:NAMED_PAIRS]) + (", …" if len(pairs) > NAMED_PAIRS else "")
        changed = {k: v for k, v in variants[key].items() if v != variants[first].get(k)}
        said.append(f"on {named}: {_pairs(changed)}")
    return "; ".join(said)


def _several_yardsticks(identities: Iterable[Identity]) -> bool:
    """Tell whether jobs on one pair were judged on different data or by different metrics."""
    found: dict[str, tuple[str, dict[str, Any], str]] = {}
    for one in identities:
        yardstick = (one.dataset_version, one.dataset_params, one.evaluation_version)
        if found.setdefault(one.pair_id, yardstick) != yardstick:
            return True
    return False


def _commit(made: Provenance) -> str:
    commit = made.commit[:12] or "none (not a git checkout)"
    return f"{commit}, with uncommitted changes" if made.dirty else commit


def _distinct(made: Iterable[Provenance], read: Callable[[Provenance], str]) -> str:
    return "; ".join(sorted({read(one) for one in made} - {""}))


def _merged(many: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return all values that a key had."""
    values: dict[str, set[str]] = {}
    for one in many:
        for key, value in one.items():
            values.setdefault(key, set()).add(str(value))
    return {key: " or ".join(sorted(values[key])) for key in sorted(values)}


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_short(value)}" for key, value in values.items())


def _short(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "×".join(map(_short, value)) if value else "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _timing(study: Study) -> str:
    made = _circumstances(study)
    at_once = max(one.concurrent_jobs for one in made)
    jobs = "one job at a time" if at_once == 1 else f"up to {at_once} jobs at once"
    processes = _distinct(made, lambda p: ", each in a process of its own" if p.fresh_workers else "")
    warmup = _distinct(made, lambda p: str(p.warmup))
    return f"repeats {study.config.timing.repeats}, warm-up {warmup}, {jobs}{processes}, order shuffled"


def _load(records: Sequence[RunRecord]) -> str:
    loads = [record.provenance.load_average for record in records]
    middle = statistics.median(loads)
    return f"one-minute average when jobs started: median {middle:.2f}, largest {max(loads):.2f}"


def _clock(records: Sequence[RunRecord]) -> str:
    clocks = [mhz for record in records if (mhz := record.provenance.cpu_mhz_after) is not None]
    if not clocks:
        return ""
    middle = statistics.median(clocks)
    return f"when jobs ended: median {middle:.0f} MHz, from {min(clocks):.0f} to {max(clocks):.0f}"


def _span(records: Sequence[RunRecord]) -> str:
    started = sorted(record.provenance.started_utc for record in records)
    first, last = (moment[:19].replace("T", " ") for moment in (started[0], started[-1]))
    return f"{first} UTC" if first == last else f"first job {first}, last job {last} UTC"
