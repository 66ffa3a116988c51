"""Folders of derived files: made once, whole or not at all, checked when read, shared by processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from datasets.base import DatasetError
from datasets.clock import now_utc
from datasets.disk import disk_errors, scratch_folder

_MANIFEST = "manifest.json"


class CacheError(DatasetError):
    """A derived folder is damaged and could not be made anew."""


@dataclass(frozen=True)
class DerivedFolder:
    """A folder whose content follows from a recipe.

    The folder appears complete with its manifest, by a rename; a lock file beside it keeps apart processes
    that want to make it. Reading takes no lock, so a complete cache may lie on a read-only disk.

    Attributes
    ----------
    path : Path
        The folder; its name should tell recipes apart.
    recipe : mapping
        Written to the manifest, for people.
    build : callable
        Fills the empty folder that it is given. Called at most once at a time.
    """

    path: Path
    recipe: Mapping[str, str]
    build: Callable[[Path], None]

    def ensure(self) -> Path:
        """Make the folder unless it is there with all files in their full size; return it.

        Raises
        ------
        FetchError
            When the disk is full or refuses; nothing of the folder is left then.
        """
        if not self._complete():
            self._make(self._complete)
        return self.path

    def checked(self, subfolder: str) -> Path:
        """Return a subfolder after comparing the hashes of its files; a damaged folder is made anew first.

        Raises
        ------
        CacheError
            When the folder is still damaged after that.
        FetchError
            When the disk is full or refuses.
        """
        self.ensure()
        if not self._intact(subfolder):
            self._make(lambda: self._intact(subfolder))
            if not self._intact(subfolder):
                raise CacheError(
                    f"{self.path / subfolder}: damaged, also after making it anew: is the disk full?"
                )
        return self.path / subfolder

    def _make(self, satisfied: Callable[[], bool]) -> None:
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock")):
                if not satisfied():
                    self._make_anew()

    def _make_anew(self) -> None:
        with scratch_folder(self.path.parent, f".making-{self.path.name}-") as scratch:
            fresh = scratch / "fresh"
            fresh.mkdir()
            self.build(fresh)
            self._write_manifest(fresh)
            if self.path.exists():
                self.path.rename(scratch / "stale")
            fresh.rename(self.path)

    def _write_manifest(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        manifest = {
            "recipe": dict(self.recipe),
            "created_utc": now_utc(),
            "files": {
                path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
                for path in files
            },
        }
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))

    def _files(self) -> dict[str, dict[str, Any]]:
        try:
            files = json.loads((self.path / _MANIFEST).read_text())["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return files if isinstance(files, dict) else {}

    def _complete(self) -> bool:
        files = self._files()
        return bool(files) and all(
            _size(self.path / name) == entry.get("bytes") for name, entry in files.items()
        )

    def _intact(self, subfolder: str) -> bool:
        wanted = {name: entry for name, entry in self._files().items() if name.startswith(f"{subfolder}/")}
        return bool(wanted) and all(
            _size(self.path / name) is not None and sha256(self.path / name) == entry.get("sha256")
            for name, entry in wanted.items()
        )


def sha256(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
