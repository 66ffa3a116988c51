"""Which of a config's datasets a run uses: optional ones where they were fetched, else what stands in for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.aggregation import config_label
from benchmarks.config import Config, DatasetConfig, ProtocolConfig, RunConfig
from benchmarks.config_file import ConfigError
from benchmarks.gate_config import Gate, runs_named
from datasets.base import Dataset


@dataclass(frozen=True)
class Presence:
    """What is there of the datasets of a config.

    Attributes
    ----------
    used : tuple of int
        Places of those that are used, in the config's order.
    left_out : tuple of str
        A sentence for each of the others.
    config : Config
        The config without them and without the runs that were asked for on them alone: nothing names either any more.
    """

    used: tuple[int, ...]
    left_out: tuple[str, ...]
    config: Config


def find_present(config: Config, opened: Sequence[Dataset[Any]], source: str) -> Presence:
    """Look which optional datasets are complete; nothing is fetched.

    Parameters
    ----------
    config : Config
        A validated config.
    opened : sequence of Dataset
        Its datasets, in its order.
    source : str
        The config's file name, for messages.

    Raises
    ------
    ConfigError
        When no dataset, or no run, is left.
    """
    entries = config.all_datasets
    absent = {
        entry.name
        for entry, data in zip(entries, opened, strict=True)
        if entry.optional and not data.complete()
    }
    unneeded = {
        entry.name for entry in entries if entry.in_place_of is not None and entry.in_place_of not in absent
    }
    used = tuple(
        index
        for index, entry in enumerate(entries)
        if entry.name not in absent and entry.name not in unneeded
    )
    left_out = tuple(
        _absence(entry, entries) if entry.name in absent else _substitute(entry)
        for entry in entries
        if entry.name in absent or entry.name in unneeded
    )
    if not used:
        raise ConfigError(f"{source}: no dataset is left to run on: {' '.join(left_out)}")
    reduced = _reduced(config, used)
    if not reduced.runs:
        raise ConfigError(f"{source}: no run is for the datasets that are left: {' '.join(left_out)}")
    return Presence(used, left_out, reduced)


def _absence(entry: DatasetConfig, entries: Sequence[DatasetConfig]) -> str:
    stand_ins = [other.name for other in entries if other.in_place_of == entry.name]
    instead = f" In its place: {', '.join(stand_ins)}." if stand_ins else ""
    how = f"python -m benchmarks fetch {entry.name}"
    return f"{entry.name} is left out: its data have not been fetched ({how}).{instead}"


def _substitute(entry: DatasetConfig) -> str:
    return f"{entry.name} is left out: {entry.in_place_of}, which it stands in for, is there."


def _reduced(config: Config, used: Sequence[int]) -> Config:
    plain = {"optional": False, "in_place_of": None}
    kept = tuple(config.all_datasets[index].model_copy(update=plain) for index in used)
    names = {entry.name for entry in kept}
    runs = tuple(one for run in config.runs if (one := _restricted(run, names)))
    lost = {run.label for run in config.runs} - {run.label for run in runs}
    return config.model_copy(
        update={
            **({"dataset": kept[0]} if config.dataset else {"datasets": kept}),
            "runs": runs,
            "gates": tuple(gate for gate in config.gates if _can_be_told(gate, names, lost)),
            "stacks": tuple(name for name in config.stacks if name in names),
            "protocol": _without(config.protocol, lost),
            "figures": config.figures.model_copy(
                update={"oracle": _unless_lost(config.figures.oracle, lost)}
            ),
            "report": config.report.model_copy(
                update={"reference": _unless_lost(config.report.reference, lost)}
            ),
        }
    )


def _can_be_told(gate: Gate, names: set[str], lost: set[str]) -> bool:
    """Tell whether the dataset and all runs that a gate names are left."""
    return (gate.dataset is None or gate.dataset in names) and not any(
        config_label(label) in lost for label in runs_named(gate)
    )


def _without(protocol: ProtocolConfig | None, lost: set[str]) -> ProtocolConfig | None:
    """Return what is asked for; None where one of the two runs is not left, which leaves nothing to compare."""
    if protocol is None or {config_label(protocol.ours), config_label(protocol.oracle)} & lost:
        return None
    return protocol


def _unless_lost(label: str | None, lost: set[str]) -> str | None:
    return None if label is None or config_label(label) in lost else label


def _restricted(run: RunConfig, names: set[str]) -> RunConfig | None:
    """Return the run on the datasets that are left; None where it was asked for on others alone."""
    if run.datasets is None:
        return run
    left = tuple(name for name in run.datasets if name in names)
    return run.model_copy(update={"datasets": left}) if left else None
