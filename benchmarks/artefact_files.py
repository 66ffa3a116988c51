"""Reads the files that records name, which may be missing, damaged or somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Kept = TypeVar("Kept")


def read_artefact(folder: Path, name: str, read: Callable[[Path], Kept]) -> Kept:
    """Read a file of a results folder.

    Parameters
    ----------
    folder : Path
        The results folder.
    name : str
        As the record names the file, relative to it.
    read : callable
        What reads it.

    Raises
    ------
    ValueError
        When it lies elsewhere, is missing or cannot be read; the message names it.
    """
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise ValueError(f"{name} lies outside the results folder")
    if not file.is_file():
        raise ValueError(f"{name} is missing")
    try:
        return read(file)
    except Exception as error:
        # A damaged archive raises whatever its decoder stumbles over; none of it may cost the report.
        raise ValueError(f"{name} cannot be read") from error
