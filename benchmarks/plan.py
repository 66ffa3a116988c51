"""From a config to its jobs: names looked up, parameters validated, sweeps expanded, order shuffled."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from adapters.interface import Adapter, DifferentiableAdapter
from benchmarks.config import Config, LimitsConfig, RunLimitsConfig
from benchmarks.config_file import ConfigError
from benchmarks.fingerprint import backend_version, evaluation_version, gradient_check_version
from benchmarks.garbage import collector_paused
from benchmarks.gate_config import runs_named
from benchmarks.gradient_record import GradientCheckRequest
from benchmarks.names import nearest_hint
from benchmarks.pair_choice import chosen_pairs, pairs_for_figures, pairs_to_check
from benchmarks.parameter_sets import ParameterSet, build_params, check_overrides, dumped, parameter_sets
from benchmarks.plugins import adapter_class, dataset_class
from benchmarks.presence import find_present
from benchmarks.records import Identity
from benchmarks.transform_requests import check_requests, check_sections, wants_transforms
from datasets.base import Dataset
from datasets.fetching import FetchRequest

# What a run is called and where it stands, and what follows from a pair and its dataset: no part of what a job is.
_TOLD_ELSEWHERE: dict[str, Any] = {
    "run": "",
    "track": "matched",
    "conditions": {},
    "undisturbed": "",
    "pair_choice": {},
}
_CANONICAL = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True)
class Limits:
    """What a single job may take before it is ended and recorded.

    Attributes
    ----------
    timeout_s : float
        Wall-clock seconds, all stages together.
    memory_mib : float or None
        Resident memory of the worker and all processes that it started; None sets no limit.
    """

    timeout_s: float
    memory_mib: float | None


@dataclass(frozen=True)
class Job:
    """One registration to run.

    Attributes
    ----------
    job_id : str
        Hash of ``identity``.
    identity : Identity
        What is asked for.
    limits : Limits
        What it may take; no part of the identity.
    keep_panels : bool
        Whether the slices for figures are kept.
    keep_transform : bool
        Whether the transform is kept.
    """

    job_id: str
    identity: Identity
    limits: Limits
    keep_panels: bool
    keep_transform: bool


@dataclass(frozen=True)
class Plan:
    """Everything that a config asks for.

    Attributes
    ----------
    config : Config
        As the user wrote it, without the datasets that are left out.
    jobs : tuple of Job
        In the order of running: repeats outermost; inside a repeat shuffled with the config's seed, so that
        backends interleave.
    datasets : dict of str to Dataset
        By name.
    left_out : tuple of str
        A sentence for each dataset of the config that is not used.
    """

    config: Config
    jobs: tuple[Job, ...]
    datasets: dict[str, Dataset[Any]]
    left_out: tuple[str, ...] = ()


def make_plan(config: Config, cache_root: Path, source: str, fetch: FetchRequest | None = None) -> Plan:
    """Expand a config into jobs.

    Parameters
    ----------
    config : Config
        A validated config.
    cache_root : Path
        Where datasets keep their files.
    source : str
        The config's file name, for messages.
    fetch : FetchRequest or None
        How to fetch the datasets before their pairs are listed; None lists what there is.

    Raises
    ------
    ConfigError
        When a backend, dataset, parameter, pair or gate label does not exist.
    DatasetError
        When a dataset cannot be fetched, or cannot list its pairs before it is.
    """
    opened = [_open_dataset(config, index, cache_root, source) for index in range(len(config.all_datasets))]
    sets = [item for index, run in enumerate(config.runs) for item in parameter_sets(index, run, source)]
    _check_labels(config, sets, source)
    present = find_present(config, opened, source)
    # Last, so that a mistake in the config is told before anything large is fetched.
    if fetch is not None:
        for index in present.used:
            opened[index].fetch(fetch)
    with collector_paused():
        jobs = _jobs(config, opened, present.used, sets, source)
    random.Random(config.seed).shuffle(jobs)
    jobs.sort(key=lambda job: job.identity.repeat)
    used = {config.all_datasets[index].name: opened[index] for index in present.used}
    return Plan(present.config, tuple(jobs), used, present.left_out)


def _jobs(
    config: Config,
    opened: Sequence[Dataset[Any]],
    present: Sequence[int],
    sets: Sequence[ParameterSet],
    source: str,
) -> list[Job]:
    """Return the jobs of all runs on the datasets that are present, in the config's order."""
    backends = {run.backend: backend_version(adapter_class(run.backend)) for run in config.runs}
    all_pairs = {config.all_datasets[index].name: opened[index].pairs() for index in present}
    check_overrides(config.runs, all_pairs, source)
    jobs = []
    for index in present:
        chosen, dataset = config.all_datasets[index], opened[index]
        pairs = chosen_pairs(chosen, dataset, _place(config, index, source))
        kept = pairs_for_figures(config, pairs)
        check_sections(config, chosen.name, pairs, source)
        versions, dataset_params = dataset.versions(), dumped(dataset.params)
        pair_choice = {name: dataset_params.pop(name) for name in dataset.choosing if name in dataset_params}
        checked = pairs_to_check(config, pairs)
        asked = [item.params_by_pair(pairs) for item in sets]
        for number, item in enumerate(sets):
            if item.run.datasets is not None and chosen.name not in item.run.datasets:
                continue
            adapter = adapter_class(item.run.backend)
            version = backends[item.run.backend]
            counts = config.resources.thread_counts[: 1 if item.run.track == "reference" else None]
            limits = job_limits(config.limits, item.run.limits)
            for pair in pairs:
                params = asked[number][pair.pair_id]
                check = _gradient_check(config, adapter, params) if pair.pair_id in checked else None
                twin = sum(
                    earlier.run.backend == item.run.backend and like[pair.pair_id] == params
                    for earlier, like in zip(sets[:number], asked[:number], strict=True)
                )
                repeats = range(item.run.repeats or config.timing.repeats)
                for repeat, threads in itertools.product(repeats, counts):
                    identity = Identity(
                        run=item.label,
                        backend=item.run.backend,
                        backend_version=version,
                        params=params,
                        track=item.run.track,
                        dataset=chosen.name,
                        dataset_version=str(versions[pair.pair_id]),
                        dataset_params=dataset_params,
                        evaluation_version=evaluation_version(),
                        pair_id=pair.pair_id,
                        kind=pair.kind,
                        subjects=pair.subjects,
                        dimension=2 if pair.dimension == 2 else 3,
                        seed=config.seed + repeat,
                        repeat=repeat,
                        threads=threads,
                        device=config.resources.device,
                        gradient_check=check if repeat == 0 else None,
                        conditions=dict(pair.conditions),
                        undisturbed=pair.undisturbed,
                        pair_choice=pair_choice,
                    )
                    first = repeat == 0 and threads == counts[0]
                    jobs.append(
                        Job(
                            job_id(identity, twin),
                            identity,
                            limits,
                            keep_panels=first and pair.pair_id in kept,
                            keep_transform=first and wants_transforms(config, chosen.name, item.label),
                        )
                    )
    return jobs


def job_id(identity: Identity, twin: int = 0) -> str:
    """Return a hash of the canonical form of what is asked for.

    What a run is called and in which table it stands is no part of it: renaming a run measures nothing anew. Nor are
    the conditions of a pair, which follow from its id and the version of its dataset, nor what else chose pairs.

    Parameters
    ----------
    identity : Identity
        What is asked for.
    twin : int
        How often the same config asks for the same before, under other labels: each is measured by itself.
    """
    content = _CANONICAL.encode(structs.replace(identity, **_TOLD_ELSEWHERE))
    return hashlib.sha256(content + b"|%d" % twin if twin else content).hexdigest()[:20]


def job_limits(of_all: LimitsConfig, of_run: RunLimitsConfig) -> Limits:
    """Return what a job of a run may take: what the run says, and where it says nothing, what the config says."""
    return Limits(
        timeout_s=of_run.timeout_s or of_all.timeout_s, memory_mib=of_run.memory_mib or of_all.memory_mib
    )


def _place(config: Config, index: int, source: str) -> str:
    return f"{source}: dataset" if config.dataset else f"{source}: datasets[{index}]"


def _open_dataset(config: Config, index: int, cache_root: Path, source: str) -> Dataset[Any]:
    chosen, place = config.all_datasets[index], _place(config, index, source)
    try:
        found = dataset_class(chosen.name)
    except LookupError as error:
        raise ConfigError(f"{place}.name: {error}") from None
    return found(build_params(found.Params, chosen.params, f"{place}.params"), cache_root)


def _check_labels(config: Config, sets: Sequence[ParameterSet], source: str) -> None:
    labels = [item.label for item in sets]
    names = [dataset.name for dataset in config.all_datasets]
    for index, run in enumerate(config.runs):
        for name in run.datasets or ():
            if name not in names:
                hint = nearest_hint(name, names)
                raise ConfigError(f"{source}: runs[{index}].datasets: no dataset {name!r} here{hint}")
    for index, gate in enumerate(config.gates):
        place = f"{source}: gates[{index}]"
        for label in runs_named(gate):
            if label not in labels:
                raise ConfigError(f"{place}: no run labelled {label!r}{nearest_hint(label, labels)}")
        if gate.dataset is not None and gate.dataset not in names:
            raise ConfigError(
                f"{place}.dataset: no dataset {gate.dataset!r} here{nearest_hint(gate.dataset, names)}"
            )
    if config.figures.oracle is not None and config.figures.oracle not in labels:
        hint = nearest_hint(config.figures.oracle, labels)
        raise ConfigError(f"{source}: figures.oracle: no run labelled {config.figures.oracle!r}{hint}")
    check_requests(config, labels, source)


def _gradient_check(
    config: Config, adapter: type[Adapter[Any]], params: Mapping[str, Any]
) -> GradientCheckRequest | None:
    """Return what is asked of a run's gradient; None of a run that has none."""
    if not (config.gradient_check.pairs and issubclass(adapter, DifferentiableAdapter)):
        return None
    if not adapter(build_params(adapter.Params, params, "params")).differentiates:
        return None
    asked = config.gradient_check
    return GradientCheckRequest(
        directions=asked.directions, seed=config.seed, step=asked.step, version=gradient_check_version()
    )
