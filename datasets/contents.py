"""What a raw folder is filled with as a whole, and copies of files that the user has."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from datasets.base import DatasetError, FetchError, UnsoundError
from datasets.fetching import Progress
from datasets.paths import inside

_CHUNK_BYTES = 1 << 22
_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Contents:
    """A folder that is filled as a whole, from an archive or from a folder that the user has.

    Attributes
    ----------
    folder : str
        Its name below the raw folder.
    wanted : callable
        Tells from a path relative to a user's folder, parts separated by ``/``, whether to copy the file.
    check : callable
        Given the filled folder before it is taken over; raises a ``DatasetError`` when it is not what it should be.
    """

    folder: str
    wanted: Callable[[str], bool]
    check: Callable[[Path], None]

    def verify(self, folder: Path, origin: str) -> None:
        """Check a filled folder.

        Raises
        ------
        UnsoundError
            When it is not what it should be; the message starts with where it came from.
        """
        try:
            self.check(folder)
        except DatasetError as error:
            raise UnsoundError(
                f"{origin}: is not what it should be: {error}: fetch it again, or give a sound copy with --from"
            ) from None


def copy_file(source: Path, target: Path, progress: Progress) -> str:
    """Copy a file and return its sha256.

    Raises
    ------
    OSError
        When the source cannot be read or the copy not be written.
    """
    digest = hashlib.sha256()
    with (
        source.open("rb") as file,
        target.open("wb") as copy,
        progress.transfer(source.name, 0, source.stat().st_size) as advance,
    ):
        while chunk := file.read(_CHUNK_BYTES):
            copy.write(chunk)
            digest.update(chunk)
            advance(len(chunk))
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def copy_folder(source: Path, target: Path, wanted: Callable[[str], bool], progress: Progress) -> None:
    """Copy chosen files of a folder, links followed.

    Parameters
    ----------
    source, target : Path
        The folders; ``target`` exists.
    wanted : callable
        Tells from a path relative to ``source``, parts separated by ``/``, whether to copy the file.
    progress : Progress
        Where to show how far it is.

    Raises
    ------
    FetchError
        When no file is wanted.
    OSError
        When a file cannot be read or its copy not be written.
    """
    found = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    chosen = [name for name in found if wanted(name)]
    if not chosen:
        shown = ", ".join(found[:_SHOWN_NAMES]) or "no file at all"
        raise FetchError(
            f"{source}: holds none of the files wanted, but {shown}: give the top folder of the dataset, or its archive"
        )
    for name in chosen:
        copy = inside(target, name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy_file(source / name, copy, progress)
