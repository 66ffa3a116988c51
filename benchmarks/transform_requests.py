"""Which transforms a config wants kept, and whether what it names for that is there."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.names import nearest_hint
from datasets.pair import PairInfo


def wants_transforms(config: Config, dataset: str, label: str) -> bool:
    """Return whether the transforms of a run on a dataset are kept: those of a stack, and those of the protocol."""
    compared = config.protocol is not None and label in (config.protocol.ours, config.protocol.oracle)
    return compared or dataset in config.stacks


def check_requests(config: Config, labels: Sequence[str], source: str) -> None:
    """Refuse a protocol of runs, and a stack of a dataset, that the config does not have.

    Raises
    ------
    ConfigError
        Names the place and the nearest valid name.
    """
    asked = {"ours": config.protocol.ours, "oracle": config.protocol.oracle} if config.protocol else {}
    for key, label in asked.items():
        if label not in labels:
            hint = nearest_hint(label, labels)
            raise ConfigError(f"{source}: protocol.{key}: no run labelled {label!r}{hint}")
    names = [dataset.name for dataset in config.all_datasets]
    for name in config.stacks:
        if name not in names:
            raise ConfigError(f"{source}: stacks: no dataset {name!r} here{nearest_hint(name, names)}")


def check_sections(config: Config, dataset: str, pairs: Sequence[PairInfo], source: str) -> None:
    """Refuse a stack whose pairs are no 2D sections, or do not lead along it.

    Raises
    ------
    ConfigError
        Names the dataset.
    """
    if dataset not in config.stacks:
        return
    for pair in pairs:
        if pair.sections is None or pair.dimension != 2:
            raise ConfigError(f"{source}: stacks: the pairs of {dataset!r} are not consecutive 2D sections")
        fixed, moving = pair.sections
        if moving <= fixed:
            raise ConfigError(
                f"{source}: stacks: pair {pair.pair_id!r} of {dataset!r} has section {fixed} as its fixed image and "
                f"{moving} as its moving one, which has to come after it: number the sections the other way round"
            )
