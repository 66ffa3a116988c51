"""From a config to its jobs: names looked up, parameters validated, sweeps expanded, order shuffled."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.interface import Adapter, DifferentiableAdapter
from benchmarks.config import Config, DatasetConfig, LimitsConfig, RunConfig, RunLimitsConfig
from benchmarks.config_file import ConfigError, first_problem
from benchmarks.fingerprint import backend_version, evaluation_version, gradient_check_version
from benchmarks.gate_config import OracleGate
from benchmarks.gradient_record import GradientCheckRequest
from benchmarks.names import nearest_hint
from benchmarks.plugins import adapter_class, dataset_class
from benchmarks.presence import find_present
from benchmarks.records import Identity
from datasets.base import Dataset
from datasets.fetching import FetchRequest
from datasets.pair import PairInfo


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
    """

    job_id: str
    identity: Identity
    limits: Limits
    keep_panels: bool


@dataclass(frozen=True)
class ParameterSet:
    """A run with its sweep resolved to one set of validated parameters.

    Attributes
    ----------
    label : str
        The run's label, and the values swept.
    run : RunConfig
        Where it comes from.
    params : dict
        The adapter's parameters, defaults resolved.
    twin : int
        How many sets before it ask for the same under other labels.
    """

    label: str
    run: RunConfig
    params: dict[str, Any]
    twin: int = 0


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
    sets = _numbered(
        [item for index, run in enumerate(config.runs) for item in _parameter_sets(index, run, source)]
    )
    _check_labels(config, sets, source)
    present = find_present(config, opened, source)
    # Last, so that a mistake in the config is told before anything large is fetched.
    if fetch is not None:
        for index in present.used:
            opened[index].fetch(fetch)
    jobs = []
    for index in present.used:
        chosen, dataset = config.all_datasets[index], opened[index]
        pairs = _chosen_pairs(chosen, dataset, _place(config, index, source))
        kept = _pairs_for_figures(config, pairs)
        versions, dataset_params = dataset.versions(), _dump(dataset.params)
        checked = _pairs_to_check(config, pairs)
        for item in sets:
            if item.run.datasets is not None and chosen.name not in item.run.datasets:
                continue
            adapter = adapter_class(item.run.backend)
            check = _gradient_check(config, adapter, item)
            counts = config.resources.thread_counts[: 1 if item.run.track == "reference" else None]
            limits = _limits(config.limits, item.run.limits)
            for pair in pairs:
                repeats = range(item.run.repeats or config.timing.repeats)
                for repeat, threads in itertools.product(repeats, counts):
                    identity = Identity(
                        run=item.label,
                        backend=item.run.backend,
                        backend_version=backend_version(adapter),
                        params=item.params,
                        track=item.run.track,
                        dataset=chosen.name,
                        dataset_version=versions[pair.pair_id],
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
                        gradient_check=check if pair.pair_id in checked and repeat == 0 else None,
                    )
                    shown = pair.pair_id in kept and repeat == 0 and threads == counts[0]
                    jobs.append(Job(job_id(identity, item.twin), identity, limits, keep_panels=shown))
    random.Random(config.seed).shuffle(jobs)
    jobs.sort(key=lambda job: job.identity.repeat)
    used = {config.all_datasets[index].name: opened[index] for index in present.used}
    return Plan(present.config, tuple(jobs), used, present.left_out)


def job_id(identity: Identity, twin: int = 0) -> str:
    """Return a hash of the canonical form of what is asked for.

    What a run is called and in which table it stands is no part of it: renaming a run measures nothing anew.

    Parameters
    ----------
    identity : Identity
        What is asked for.
    twin : int
        How often the same config asks for the same before, under other labels: each is measured by itself.
    """
    content = identity.model_dump(mode="json", exclude={"run", "track"}) | ({"twin": twin} if twin else {})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


def build_params(params_class: type[Any], given: Mapping[str, Any], place: str) -> Any:
    """Validate parameters of a backend or a dataset.

    Raises
    ------
    ConfigError
        For an unknown name or a bad value; the message starts with ``place``.
    """
    _check_names(params_class, given, place)
    try:
        return TypeAdapter(params_class).validate_python(dict(given))
    except ValidationError as error:
        raise ConfigError(first_problem(error, place)) from None


def _limits(of_all: LimitsConfig, of_run: RunLimitsConfig) -> Limits:
    return Limits(
        timeout_s=of_run.timeout_s or of_all.timeout_s, memory_mib=of_run.memory_mib or of_all.memory_mib
    )


def _check_names(params_class: type[Any], given: Mapping[str, Any], place: str) -> None:
    valid = {field.name: field for field in fields(params_class)} if is_dataclass(params_class) else {}
    for key, value in given.items():
        if key not in valid:
            raise ConfigError(f"{place}: unknown parameter {key!r}{nearest_hint(str(key), valid)}")
        block = type(valid[key].default)
        if is_dataclass(block) and isinstance(value, Mapping):
            _check_names(block, value, f"{place}.{key}")


def _dump(params: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = TypeAdapter(type(params)).dump_python(params, mode="json")
    return dumped


def _place(config: Config, index: int, source: str) -> str:
    return f"{source}: dataset" if config.dataset else f"{source}: datasets[{index}]"


def _open_dataset(config: Config, index: int, cache_root: Path, source: str) -> Dataset[Any]:
    chosen, place = config.all_datasets[index], _place(config, index, source)
    try:
        found = dataset_class(chosen.name)
    except LookupError as error:
        raise ConfigError(f"{place}.name: {error}") from None
    return found(build_params(found.Params, chosen.params, f"{place}.params"), cache_root)


def _chosen_pairs(chosen: DatasetConfig, dataset: Dataset[Any], place: str) -> Sequence[PairInfo]:
    pairs = dataset.pairs()
    if chosen.pairs is None:
        return pairs
    for pattern in chosen.pairs:
        if not any(fnmatchcase(pair.pair_id, pattern) for pair in pairs):
            hint = nearest_hint(pattern, [pair.pair_id for pair in pairs])
            raise ConfigError(f"{place}.pairs: no pair matches {pattern!r}{hint}")
    return tuple(p for p in pairs if any(fnmatchcase(p.pair_id, pattern) for pattern in chosen.pairs))


def _parameter_sets(index: int, run: RunConfig, source: str) -> Iterator[ParameterSet]:
    place = f"{source}: runs[{index}]"
    try:
        adapter = adapter_class(run.backend)
    except LookupError as error:
        raise ConfigError(f"{place}.backend: {error}") from None
    for values in itertools.product(*run.sweep.values()):
        swept = dict(zip(run.sweep, values, strict=True))
        params = build_params(adapter.Params, {**run.params, **swept}, f"{place}.params")
        suffix = ", ".join(f"{key}={_short(value)}" for key, value in swept.items())
        yield ParameterSet(f"{run.label} [{suffix}]" if suffix else run.label, run, _dump(params))


def _numbered(sets: Sequence[ParameterSet]) -> list[ParameterSet]:
    """Tell sets apart that ask for the same."""
    asked = [(item.run.backend, item.params) for item in sets]
    return [replace(item, twin=asked[:index].count(asked[index])) for index, item in enumerate(sets)]


def _short(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


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
        asked = [getattr(gate, key) for key in ("backend", "oracle", "differentiable") if hasattr(gate, key)]
        for label in asked:
            if label not in labels and (label != "*" or isinstance(gate, OracleGate)):
                raise ConfigError(f"{place}: no run labelled {label!r}{nearest_hint(label, labels)}")
        if gate.dataset is not None and gate.dataset not in names:
            raise ConfigError(
                f"{place}.dataset: no dataset {gate.dataset!r} here{nearest_hint(gate.dataset, names)}"
            )
    if config.figures.oracle is not None and config.figures.oracle not in labels:
        hint = nearest_hint(config.figures.oracle, labels)
        raise ConfigError(f"{source}: figures.oracle: no run labelled {config.figures.oracle!r}{hint}")


def _gradient_check(
    config: Config, adapter: type[Adapter[Any]], item: ParameterSet
) -> GradientCheckRequest | None:
    """Return what is asked of a run's gradient; None of a run that has none."""
    if not (config.gradient_check.pairs and issubclass(adapter, DifferentiableAdapter)):
        return None
    if not adapter(build_params(adapter.Params, item.params, item.label)).differentiates:
        return None
    asked = config.gradient_check
    return GradientCheckRequest(
        directions=asked.directions, seed=config.seed, step=asked.step, version=gradient_check_version()
    )


def _pairs_to_check(config: Config, pairs: Sequence[PairInfo]) -> set[str]:
    ids = [pair.pair_id for pair in pairs]
    ids.sort(key=lambda pair_id: hashlib.sha256(f"{config.seed}|{pair_id}".encode()).digest())
    return set(ids[: config.gradient_check.pairs])


def _pairs_for_figures(config: Config, pairs: Sequence[PairInfo]) -> set[str]:
    if len(pairs) <= config.figures.keep_all_up_to:
        return {pair.pair_id for pair in pairs}
    if not config.figures.pairs:
        return {pair.pair_id for pair in pairs[:1]}
    return {
        pair.pair_id
        for pair in pairs
        if any(fnmatchcase(pair.pair_id, pattern) for pattern in config.figures.pairs)
    }
