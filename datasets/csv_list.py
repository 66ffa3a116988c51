"""The list of a user's pairs, and the names of their labels."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from datasets.base import DatasetError
from datasets.csv_table import read_table
from datasets.pair import IMAGE_ROLES
from datasets.pairing import safe_name

ROLES = (*IMAGE_ROLES, "fixed_landmarks", "moving_landmarks", "true_transform")
_REQUIRED = ("pair_id", "fixed", "moving")
_TOGETHER = (("fixed_labels", "moving_labels"), ("fixed_landmarks", "moving_landmarks"))
_EXCHANGED = {"fixed": "moving", "moving": "fixed"}
_LARGEST_LABEL = 65535
# Zeros may lead; int() refuses thousands of digits.
_MOST_DIGITS = 20
# What stands before may hold dots and tell subjects apart: scan.001.nii.gz.
_IMAGE_SUFFIX = re.compile(
    r"\.(nii|nia|hdr|img|mha|mhd|nrrd|nhdr|mgh|mgz|mnc|gipl|dcm|vtk|tiff?|lsm|png|jpe?g|bmp|mrc|h5|hdf5)(\.gz)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Listed:
    """A line of the list.

    Attributes
    ----------
    pair_id : str
        As listed.
    files : mapping of str to Path
        By role, see ``ROLES``; what is blank is absent.
    subjects : tuple of two str
        What tells the fixed and the moving image from others: their paths as listed, without the suffixes of images.
    """

    pair_id: str
    files: Mapping[str, Path]
    subjects: tuple[str, str]

    def exchanged(self) -> Listed:
        """Return the pair with the roles exchanged; a true transform cannot come along."""
        files = {}
        for role, path in self.files.items():
            side, separator, rest = role.partition("_")
            if side in _EXCHANGED:
                files[f"{_EXCHANGED[side]}{separator}{rest}"] = path
        return Listed(f"{self.pair_id}-reversed", files, self.subjects[::-1])


def read_list(path: Path, *, both_directions: bool) -> tuple[Listed, ...]:
    """Read the list; with ``both_directions`` every pair comes with its roles exchanged too.

    Raises
    ------
    DatasetError
        When the list cannot be used, naming the line.
    """
    if not path.exists():
        raise DatasetError(
            f"{path}: cannot be read: No such file or directory: name a CSV with the columns "
            f"{', '.join(_REQUIRED)} as the dataset's path (--set dataset.params.path=FILE); 'python -m benchmarks "
            "list csv' tells what else it may hold"
        )
    listed = []
    for row in read_table(path, _REQUIRED, [role for role in ROLES if role not in _REQUIRED]):
        for first, second in _TOGETHER:
            if (first in row.values) != (second in row.values):
                missing = second if first in row.values else first
                raise DatasetError(
                    f"{path}: line {row.line}: {missing} is blank, which makes its partner useless"
                )
        names = {role: row.values[role] for role in ROLES if role in row.values}
        listed.append(
            Listed(
                safe_name(row.values["pair_id"], path),
                {role: path.parent / name for role, name in names.items()},
                (_without_suffixes(names["fixed"]), _without_suffixes(names["moving"])),
            )
        )
    if both_directions:
        listed += [one.exchanged() for one in listed]
    ids = [one.pair_id for one in listed]
    if repeated := sorted({one for one in ids if ids.count(one) > 1}):
        raise DatasetError(f"{path}: pair_id {repeated[0]!r} is given twice")
    return tuple(listed)


def read_label_names(path: Path) -> dict[int, str]:
    """Read a table of labels with the columns ``id`` and ``name``.

    Raises
    ------
    DatasetError
        When it cannot be used, naming the line.
    """
    names: dict[int, str] = {}
    for row in read_table(path, ("id", "name")):
        text = row.values["id"]
        if not text.isdecimal() or len(text) > _MOST_DIGITS or not 0 < int(text) <= _LARGEST_LABEL:
            raise DatasetError(
                f"{path}: line {row.line}: id {reprlib.repr(text)} is no whole number from 1 to {_LARGEST_LABEL}"
            )
        if int(text) in names:
            raise DatasetError(f"{path}: line {row.line}: id {text} is given twice")
        name = row.values["name"]
        if not name.isprintable():
            raise DatasetError(
                f"{path}: line {row.line}: name {name!r} holds a character that cannot be printed: type it anew"
            )
        names[int(text)] = name
    return names


def _without_suffixes(name: str) -> str:
    path = PurePath(name)
    stem = _IMAGE_SUFFIX.sub("", path.name)
    return path.with_name(stem).as_posix() if stem else name
