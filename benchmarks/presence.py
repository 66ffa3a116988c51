"""Which of a config's datasets a run uses: optional ones where they were fetched, else what stands in for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.config import Config, DatasetConfig, RunConfig
from benchmarks.config_file import ConfigError
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
        The config without them: no gate asks about them alone any more, and no run is restricted to them.
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
        When no dataset is left.
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
    return Presence(used, left_out, _reduced(config, used))


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
    return config.model_copy(
        update={
            **({"dataset": kept[0]} if config.dataset else {"datasets": kept}),
            "runs": tuple(one for run in config.runs if (one := _restricted(run, names))),
            "gates": tuple(gate for gate in config.gates if gate.dataset is None or gate.dataset in names),
        }
    )


def _restricted(run: RunConfig, names: set[str]) -> RunConfig | None:
    """Return the run on the datasets that are left; None where it was asked for on others alone."""
    if run.datasets is None:
        return run
    left = tuple(name for name in run.datasets if name in names)
    return run.model_copy(update={"datasets": left}) if left else None
