"""How arrays of an image's planes lie on disk: one ``.npz`` file, a dataclass of arrays for each plane."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from benchmarks.whole_files import write_whole

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Plane = TypeVar("Plane", bound="DataclassInstance")


def write_planes(path: Path, planes: Mapping[str, DataclassInstance]) -> None:
    """Write dataclasses of arrays by plane name so that the file is there whole or not at all."""
    arrays: dict[str, Any] = {
        f"{name}/{field.name}": getattr(plane, field.name)
        for name, plane in planes.items()
        for field in fields(plane)
    }
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_whole(path, content.getvalue())


def read_planes(path: Path, kind: type[Plane], what: str) -> dict[str, Plane]:
    """Read what :func:`write_planes` wrote.

    Parameters
    ----------
    path : Path
        The file.
    kind : type
        Dataclass of each plane.
    what : str
        What the file should hold, for the message.

    Raises
    ------
    ValueError
        When the file is not such a file; the message names it.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            names = dict.fromkeys(key.partition("/")[0] for key in stored.files)
            return {
                name: kind(**{field.name: stored[f"{name}/{field.name}"] for field in fields(kind)})
                for name in names
            }
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise ValueError(f"{path}: not a file of {what}: {error}") from error
