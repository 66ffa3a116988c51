"""The manifest of a raw folder: what every file is, where it came from and what the user accepted."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from datasets.cache import sha256
from datasets.clock import now_utc

NAME = "manifest.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Frozen):
    """A complete file.

    Attributes
    ----------
    origin : str
        Address, path or archive that it came from.
    bytes : int
        Its size.
    sha256 : str
        Hash of its content, hexadecimal.
    time_utc : str
        When it was complete, ISO 8601.
    """

    origin: str
    bytes: int
    sha256: str
    time_utc: str


class AcceptedLicence(_Frozen):
    """Terms that the user accepted.

    Attributes
    ----------
    name, url : str
        As the dataset states them.
    time_utc : str
        When they were accepted, ISO 8601.
    """

    name: str
    url: str
    time_utc: str


class Manifest(_Frozen):
    """Content of a raw folder.

    Attributes
    ----------
    licence : AcceptedLicence or None
        None when the dataset needs no consent or has none yet.
    files : dict of str to FileEntry
        By path relative to the folder.
    folders : dict of str to str
        Folders that were filled as a whole, and from where; their files are listed in ``files``, too.
    notes : dict
        Whatever else a dataset wants to remember, such as which files it chose and why.
    """

    licence: AcceptedLicence | None = None
    files: dict[str, FileEntry] = {}
    folders: dict[str, str] = {}
    notes: dict[str, JsonValue] = {}

    def below(self, folder: str) -> dict[str, FileEntry]:
        """Return the files of a folder, by path relative to the manifest's folder."""
        return {name: entry for name, entry in self.files.items() if name.startswith(f"{folder}/")}


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest; one that is missing or damaged is empty."""
    try:
        return Manifest.model_validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return Manifest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest, whole or not at all."""
    fresh = folder / f"{NAME}.part"
    with fresh.open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / NAME)


def entry_of(path: Path, origin: str, digest: str) -> FileEntry:
    """Return the entry of a file whose sha256 is known."""
    return FileEntry(origin=origin, bytes=path.stat().st_size, sha256=digest, time_utc=now_utc())


def entries_of(folder: Path, name: str, origin: str) -> dict[str, FileEntry]:
    """Return the entries of all files in a folder that the manifest will know as ``name``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": entry_of(path, origin, sha256(path))
        for path in files
    }
