"""Pairs of subjects: which there are, which are taken, and what they are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from datasets.base import DatasetError

# Ids become names of files and folders: no separator, no leading dot or dash, nothing that a shell expands.
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def nested_subset(pair_ids: Sequence[str], size: int | None, seed: int) -> tuple[str, ...]:
    """Return a random subset that contains every smaller subset of the same seed, in the order given.

    Parameters
    ----------
    pair_ids : sequence of str
        All pairs.
    size : int or None
        How many to take: those whose sha256 of ``seed|pair id`` comes first. None takes all.
    seed : int
        Another seed, another subset.

    Raises
    ------
    DatasetError
        When there are fewer pairs than ``size``.
    """
    if size is None:
        return tuple(pair_ids)
    if size > len(pair_ids):
        raise DatasetError(f"subset: {size} pairs are asked for, there are {len(pair_ids)}")
    ranked = sorted(pair_ids, key=lambda pair_id: hashlib.sha256(f"{seed}|{pair_id}".encode()).hexdigest())
    taken = set(ranked[:size])
    return tuple(pair_id for pair_id in pair_ids if pair_id in taken)


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts numbers in names by their value: m2 before m10."""
    # The parts alternate, words first, so that a word is never compared with a number.
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)], name


def safe_name(name: str, path: Path) -> str:
    """Return a name that comes from outside, if it may become part of a file name.

    Raises
    ------
    DatasetError
        Naming ``path``, where the name comes from.
    """
    if not _SAFE_NAME.fullmatch(name):
        raise DatasetError(
            f"{path}: {name!r} cannot become part of a file name: rename it to letters, digits, '.', '_' and "
            "'-', at most 100 of them and a letter or digit first"
        )
    return name
