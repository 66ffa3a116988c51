"""Folders of the cache, and what is wrong with their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from datasets.cache import sha256
from datasets.manifest import NAME
from datasets.paths import inside

KINDS = ("raw", "derived")


class _File(BaseModel):
    bytes: int
    sha256: str


class _Listing(BaseModel):
    """What every manifest has, of raw and of derived folders."""

    files: dict[str, _File]


@dataclass(frozen=True)
class CacheFolder:
    """A folder of a dataset in the cache that has a manifest.

    Attributes
    ----------
    path : Path
        The folder.
    files, bytes : int
        Number and size of the files that its manifest lists.
    """

    path: Path
    files: int
    bytes: int


def folders(cache_root: Path, dataset: str) -> tuple[CacheFolder, ...]:
    """Return the folders of a dataset, raw ones first."""
    return tuple(
        CacheFolder(path, len(listing.files), sum(file.bytes for file in listing.files.values()))
        for path in _paths(cache_root, dataset)
        if (listing := _listing(path)) is not None
    )


def problems(cache_root: Path, dataset: str) -> Iterator[str]:
    """Compare sizes and hashes of every file of a dataset with the manifests.

    Yields
    ------
    str
        A line for each file that is missing, too short, too long or altered, and for each manifest that is damaged.
    """
    for folder in _paths(cache_root, dataset):
        listing = _listing(folder)
        if listing is None:
            yield f"{folder / NAME}: is damaged: what is in {folder} cannot be trusted"
            continue
        for name, file in sorted(listing.files.items()):
            if problem := _problem(folder, name, file):
                yield problem


def _paths(cache_root: Path, dataset: str) -> list[Path]:
    parents = [inside(cache_root / kind, dataset) for kind in KINDS]
    return [manifest.parent for parent in parents for manifest in sorted(parent.glob(f"*/{NAME}"))]


def _listing(folder: Path) -> _Listing | None:
    try:
        return _Listing.model_validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def _problem(folder: Path, name: str, file: _File) -> str | None:
    try:
        path = inside(folder, name)
    except ValueError as error:
        return f"{folder / NAME}: {error}"
    if not path.is_file():
        return f"{path}: is missing"
    if (size := path.stat().st_size) != file.bytes:
        return f"{path}: has {size} bytes instead of {file.bytes}"
    return (
        None
        if sha256(path) == file.sha256
        else f"{path}: its content has changed: sha256 {file.sha256} is wanted"
    )
