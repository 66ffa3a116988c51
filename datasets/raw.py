"""The folder of a dataset's files as they came: fetched once, verified, and complete without a network."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import JsonValue

from datasets.archives import unpack
from datasets.base import FetchError, UnsoundError
from datasets.cache import sha256
from datasets.clock import now_utc
from datasets.contents import Contents, copy_file, copy_folder
from datasets.disk import disk_errors
from datasets.fetching import FetchRequest, Licence, NoProgress, Progress
from datasets.manifest import (
    AcceptedLicence,
    FileEntry,
    Manifest,
    entries_of,
    entry_of,
    read_manifest,
    write_manifest,
)
from datasets.paths import inside
from datasets.transfer import RemoteFile, download

_MAKING = ".making-"
_SIZES_ALONE = FetchRequest()


class RawFolder:
    """``raw/<dataset>/<version>/``: files, and a manifest that says where each came from, its size and its sha256.

    Every method that fetches first looks whether the manifest lists what is wanted and the files have their sizes; then
    it returns without touching the network or the lock, so that a complete folder may lie on a read-only disk. A lock
    file beside the folder keeps apart processes that write.

    Parameters
    ----------
    cache_root : Path
        Folder that holds ``raw/`` and ``derived/``.
    dataset : str
        Name of the dataset.
    version : str
        Version of its files.
    licence : Licence or None
        Terms that the user must accept before anything is fetched; the manifest keeps the consent.
    """

    def __init__(self, cache_root: Path, dataset: str, version: str, licence: Licence | None = None) -> None:
        self.path = inside(inside(cache_root / "raw", dataset), version)
        self._dataset = dataset
        self._licence = licence
        self._lock = FileLock(self.path.with_name(f"{self.path.name}.lock"))

    @property
    def manifest(self) -> Manifest:
        """What the folder holds, as written down last."""
        return read_manifest(self.path)

    def has_folder(self, folder: str, request: FetchRequest = _SIZES_ALONE) -> bool:
        """Return whether a folder that was filled as a whole is there, its files sound as far as is asked for."""
        manifest = self.manifest
        return folder in manifest.folders and all(
            self._sound(name, entry, request) for name, entry in manifest.below(folder).items()
        )

    def digest(self, folder: str) -> str:
        """Return a hash of the names and contents of a folder's files, from the manifest."""
        lines = (f"{name} {entry.sha256}" for name, entry in sorted(self.manifest.below(folder).items()))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def download(self, files: Sequence[RemoteFile], request: FetchRequest) -> tuple[Path, ...]:
        """Make files of known addresses available; those that are there are not downloaded again.

        Returns
        -------
        tuple of Path
            One for each of ``files``.

        Raises
        ------
        FetchError
            When a file is missing and cannot be had: no network, no consent to the licence, a full disk, or another
            content than wanted.
        """
        if self._unsound(files, request):
            with self.writing(request.progress):
                for remote in self._unsound(files, request):
                    self._permit(request)
                    self._refuse_offline(remote.url, request)
                    target = self._target(remote.name)
                    found = download(self._as_recorded(remote), target, request.progress)
                    self._record({remote.name: entry_of(target, remote.url, found)})
        return tuple(self.path / remote.name for remote in files)

    def adopt(self, source: Path, name: str, request: FetchRequest) -> Path:
        """Copy a file that the user has into the folder, in the place of what is there.

        Raises
        ------
        FetchError
            When the file cannot be read, the disk is full, or the licence was not accepted.
        """
        with self.writing(request.progress):
            self._permit(request)
            target = self._target(name)
            with (
                disk_errors(target),
                tempfile.TemporaryDirectory(dir=self.path, prefix=_MAKING) as scratch,
            ):
                fresh = Path(scratch, "fresh")
                found = copy_file(source, fresh, request.progress)
                fresh.replace(target)
            self._record({name: entry_of(target, str(source), found)})
        return target

    def adopt_folder(
        self, source: Path, contents: Contents, request: FetchRequest, origin: str | None = None
    ) -> Path:
        """Copy files of a folder that the user has, links followed, unless the copy is there.

        Parameters
        ----------
        source : Path
            The folder.
        contents : Contents
            What of it is wanted.
        request : FetchRequest
            What the user asked for.
        origin : str or None
            Where the files come from, where the folder was made for the occasion; None names the folder.

        Raises
        ------
        FetchError
            When no file is wanted, one cannot be read, the disk is full, or the licence was not accepted.
        """

        def fill(fresh: Path) -> None:
            copy_folder(source, fresh, contents.wanted, request.progress)

        return self._fill(contents, origin or str(source), fill, request)

    def extract(self, archive: str, contents: Contents, request: FetchRequest) -> Path:
        """Unpack an archive of this folder into a folder of it, unless that is there.

        Raises
        ------
        FetchError
            When the archive is damaged or hostile, or the disk is full.
        """
        return self._fill(contents, archive, lambda fresh: unpack(self.path / archive, fresh), request)

    def obtain(self, remote: RemoteFile, contents: Contents, request: FetchRequest) -> Path:
        """Fill a folder from the archive or folder that the user has, else from an archive at an address.

        Returns
        -------
        Path
            The folder, complete.

        Raises
        ------
        FetchError
            As the methods for each of these ways.
        """
        if self.has_folder(contents.folder, request):
            self._forget_unsound(remote.name, request)
            self.leave_out(request)
            return self.path / contents.folder
        source = request.source
        if source is not None and source.is_dir():
            return self.adopt_folder(source, contents, request)
        if source is None:
            self.download([remote], request)
        else:
            self.adopt(source, remote.name, request)
        try:
            return self.extract(remote.name, contents, request)
        except UnsoundError:
            # It must not stand for the archive when that is asked for next, nor its hash for the one that is wanted.
            self._forget(remote.name, request)
            raise

    def leave_out(self, request: FetchRequest) -> None:
        """Say that the user's copy is not taken, because what it would give is there."""
        if request.source is not None:
            request.progress.message(
                f"{self._dataset}: is complete in {self.path}; {request.source} is not needed: delete that folder "
                "first where it should be taken instead"
            )

    def move_in(self, source: Path, folder: str, origin: str) -> Path:
        """Take over a folder on the same disk, filled and verified by another tool, by a rename."""
        target = self.path / folder
        with self.writing(NoProgress()), disk_errors(source):
            entries = entries_of(source, folder, origin)
            if target.exists():
                with tempfile.TemporaryDirectory(dir=self.path, prefix=_MAKING) as scratch:
                    target.rename(Path(scratch, "stale"))
            source.rename(target)
            self._record(entries, folder, origin)
        return target

    def note(self, key: str, value: JsonValue) -> None:
        """Write something down in the manifest."""
        with self.writing(NoProgress()):
            manifest = self.manifest
            write_manifest(self.path, manifest.model_copy(update={"notes": {**manifest.notes, key: value}}))

    def _fill(
        self, contents: Contents, origin: str, fill: Callable[[Path], None], request: FetchRequest
    ) -> Path:
        target = self.path / contents.folder
        if self.has_folder(contents.folder, request):
            return target
        with self.writing(request.progress):
            if self.has_folder(contents.folder, request):
                return target
            self._permit(request)
            with (
                disk_errors(target),
                tempfile.TemporaryDirectory(dir=self.path, prefix=_MAKING) as scratch,
            ):
                fresh = Path(scratch, "fresh")
                fresh.mkdir()
                fill(fresh)
                contents.verify(fresh, origin)
                entries = entries_of(fresh, contents.folder, origin)
                if target.exists():
                    target.rename(Path(scratch, "stale"))
                fresh.rename(target)
                self._record(entries, contents.folder, origin)
        return target

    @contextmanager
    def writing(self, progress: Progress) -> Iterator[None]:
        """Keep other processes from writing to the folder, which is made; may be entered again inside."""
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                progress.message(
                    f"{self._dataset}: another process is at work in {self.path}; waiting for it"
                )
                self._lock.acquire()
            try:
                if self._lock.lock_counter == 1:
                    for abandoned in self.path.glob(f"{_MAKING}*"):
                        shutil.rmtree(abandoned, ignore_errors=True)
                yield
            finally:
                self._lock.release()

    def _permit(self, request: FetchRequest) -> None:
        """Refuse unless the licence is accepted; write the consent down."""
        licence, manifest = self._licence, self.manifest
        if licence is None or (manifest.licence and manifest.licence.name == licence.name):
            return
        if not request.accept_licence:
            raise FetchError(
                f"{self._dataset}: its terms must be accepted first: {licence.name}, {licence.url}; when you have read "
                f"and accept them: python -m benchmarks fetch {self._dataset} --accept-licence"
            )
        accepted = AcceptedLicence(name=licence.name, url=licence.url, time_utc=now_utc())
        write_manifest(self.path, manifest.model_copy(update={"licence": accepted}))

    def _refuse_offline(self, url: str, request: FetchRequest) -> None:
        if request.offline:
            raise FetchError(
                f"{self._dataset}: {url} is not in {self.path}, and the network is not to be used: fetch it once "
                "without --offline, or give a copy that you have: "
                f"python -m benchmarks fetch {self._dataset} --from PATH"
            )

    def _target(self, name: str) -> Path:
        target = inside(self.path, name)
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _as_recorded(self, remote: RemoteFile) -> RemoteFile:
        """Expect what was fetched before: another content under the same version would change results."""
        known = self.manifest.files.get(remote.name)
        if known is None or known.origin != remote.url:
            return remote
        return replace(remote, sha256=remote.sha256 or known.sha256)

    def _sized(self, name: str, entry: FileEntry) -> bool:
        path = self.path / name
        return path.is_file() and path.stat().st_size == entry.bytes

    def _sound(self, name: str, entry: FileEntry | None, request: FetchRequest) -> bool:
        return (
            entry is not None
            and self._sized(name, entry)
            and (not request.check_hashes or sha256(self.path / name) == entry.sha256)
        )

    def _unsound(self, files: Sequence[RemoteFile], request: FetchRequest) -> list[RemoteFile]:
        known = self.manifest.files
        return [remote for remote in files if not self._sound(remote.name, known.get(remote.name), request)]

    def _forget_unsound(self, archive: str, request: FetchRequest) -> None:
        """Drop an archive that is damaged or was deleted: what it held is there, so it is not worth fetching again."""
        entry = self.manifest.files.get(archive)
        if entry is not None and request.check_hashes and not self._sound(archive, entry, request):
            self._forget(archive, request)

    def _forget(self, archive: str, request: FetchRequest) -> None:
        with self.writing(request.progress):
            manifest = self.manifest
            kept = {name: entry for name, entry in manifest.files.items() if name != archive}
            (self.path / archive).unlink(missing_ok=True)
            write_manifest(self.path, manifest.model_copy(update={"files": kept}))

    def _record(self, entries: Mapping[str, FileEntry], folder: str | None = None, origin: str = "") -> None:
        manifest = self.manifest
        stale = manifest.below(folder) if folder else {}
        kept = {name: entry for name, entry in manifest.files.items() if name not in stale}
        folders = {**manifest.folders, folder: origin} if folder else manifest.folders
        changes = {"files": {**kept, **entries}, "folders": folders}
        write_manifest(self.path, manifest.model_copy(update=changes))
