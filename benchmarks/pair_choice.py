"""Which pairs of a dataset a config asks for, and for what."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from benchmarks.config import Config, DatasetConfig
from benchmarks.config_file import ConfigError
from benchmarks.names import nearest_hint
from datasets.base import Dataset
from datasets.pair import PairInfo


def chosen_pairs(chosen: DatasetConfig, dataset: Dataset[Any], place: str) -> Sequence[PairInfo]:
    """Return the pairs of a dataset that a config asks for, as records tell of them.

    Raises
    ------
    ConfigError
        When a pattern matches no pair, or what was set to make a pair is no number; the message starts with ``place``.
    """
    pairs = tuple(_storable(pair, place) for pair in dataset.pairs())
    if chosen.pairs is None:
        return pairs
    for pattern in chosen.pairs:
        if not any(fnmatchcase(pair.pair_id, pattern) for pair in pairs):
            hint = nearest_hint(pattern, [pair.pair_id for pair in pairs])
            raise ConfigError(f"{place}.pairs: no pair matches {pattern!r}{hint}")
    return tuple(p for p in pairs if any(fnmatchcase(p.pair_id, pattern) for pattern in chosen.pairs))


def pairs_to_check(config: Config, pairs: Sequence[PairInfo]) -> set[str]:
    """Return the ids of the pairs on which gradients are checked: some by chance, the same each time."""
    ids = [pair.pair_id for pair in pairs]
    ids.sort(key=lambda pair_id: hashlib.sha256(f"{config.seed}|{pair_id}".encode()).digest())
    return set(ids[: config.gradient_check.pairs])


def pairs_for_figures(config: Config, pairs: Sequence[PairInfo]) -> set[str]:
    """Return the ids of the pairs whose slices are kept."""
    if len(pairs) <= config.figures.keep_all_up_to:
        return {pair.pair_id for pair in pairs}
    if not config.figures.pairs:
        return {pair.pair_id for pair in pairs[:1]}
    return {
        pair.pair_id
        for pair in pairs
        if any(fnmatchcase(pair.pair_id, pattern) for pattern in config.figures.pairs)
    }


def _storable(pair: PairInfo, place: str) -> PairInfo:
    """Return what a dataset says of a pair in the types of a record, whatever it took its text and numbers from."""
    return replace(
        pair,
        pair_id=str(pair.pair_id),
        subjects=tuple(map(str, pair.subjects)),
        kind=str(pair.kind),
        conditions={
            str(name): _finite(value, f"{place}: pair {pair.pair_id}: condition {str(name)!r}")
            for name, value in pair.conditions.items()
        },
        undisturbed=str(pair.undisturbed),
    )


def _finite(value: Any, place: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{place}: not a finite number: {value}")
    return number
