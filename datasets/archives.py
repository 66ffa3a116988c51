"""Archives that somebody else made: unpacked whole or not at all, and never outside their folder."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from datasets.base import UnsoundError
from datasets.paths import inside

_CHUNK_BYTES = 1 << 20
# Of a member, of an archive without any, and of an archive that was once in several parts.
_ZIP_MAGIC = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")
_DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError)


@dataclass(frozen=True)
class Limits:
    """What an archive may become before it is taken for a bomb.

    Attributes
    ----------
    ratio : float
        Unpacked size over the archive's size.
    free_bytes : int
        Unpacked size up to which the ratio does not matter: label images compress a thousandfold.
    total_bytes : int
        Largest unpacked size.
    members : int
        Largest number of members.
    """

    ratio: float = 100.0
    free_bytes: int = 1 << 30
    total_bytes: int = 1 << 38
    members: int = 1_000_000


LIMITS = Limits()


class ArchiveError(UnsoundError):
    """An archive that cannot or must not be unpacked; the message names it and the member."""


def unpack(archive: Path, folder: Path, limits: Limits = LIMITS) -> None:
    """Unpack a zip or tar archive, and the zip archives inside it, into an empty folder.

    A zip archive inside the archive is replaced by what it holds, in the folder where it lies; deeper ones stay. What
    macOS adds (``__MACOSX``, ``._name``) is left out.

    Parameters
    ----------
    archive : Path
        Zip, or tar with or without gzip, bzip2 or xz compression; told by its content.
    folder : Path
        Empty; the caller makes it appear where it belongs when this has returned.
    limits : Limits
        Against bombs.

    Raises
    ------
    ArchiveError
        For an archive that is none, is damaged or encrypted, or holds a member that is neither file nor folder, leaves
        the folder, appears twice or is a folder named as a zip archive, and for a bomb.
    OSError
        When the disk is full or refuses.
    """
    budget = _Budget(archive, limits)
    _unpack(archive, str(archive), folder, budget)
    for inner in sorted(folder.rglob("*.zip")):
        if inner.is_dir():
            raise ArchiveError(
                f"{archive}: {inner.relative_to(folder).as_posix()} is a folder under the name of a zip archive: "
                "unpack it yourself, then --from FOLDER"
            )
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            outside = inner.replace(Path(scratch, inner.name))
            _unpack(outside, f"{archive}: {inner.relative_to(folder).as_posix()}", inner.parent, budget)
    # A file of zeros, as a torn download may leave it, is an empty tar archive.
    if not any(path.is_file() for path in folder.rglob("*")):
        raise ArchiveError(f"{archive}: holds no file: fetch it again, or give a sound copy with --from")


class _Budget:
    """Counts what comes out of an archive."""

    def __init__(self, archive: Path, limits: Limits) -> None:
        allowed = max(limits.free_bytes, limits.ratio * archive.stat().st_size)
        self._bytes_left = min(allowed, limits.total_bytes)
        self._members_left = limits.members

    def take_member(self, shown: str) -> None:
        self._members_left -= 1
        if self._members_left < 0:
            raise ArchiveError(f"{shown}: holds more members than any dataset: it looks like an archive bomb")

    def take_bytes(self, count: int, shown: str) -> None:
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise ArchiveError(
                f"{shown}: unpacks to far more than its size: it looks like an archive bomb; get it from its source "
                "again, or unpack it yourself and give the folder with --from"
            )


def _unpack(archive: Path, shown: str, folder: Path, budget: _Budget) -> None:
    with _damage(shown):
        tar, zipped = tarfile.is_tarfile(archive), zipfile.is_zipfile(archive)
        if tar and not (zipped and (_begins_as_zip(archive) or _is_empty_tar(archive))):
            _unpack_tar(archive, shown, folder, budget)
        elif zipped:
            _unpack_zip(archive, shown, folder, budget)
        else:
            raise ArchiveError(
                f"{shown}: is neither a zip nor a tar archive; was a web page or a part of it saved? "
                "Download it again, or give the unpacked folder with --from"
            )


def _begins_as_zip(archive: Path) -> bool:
    """Look at the beginning: zipfile looks at the end, where a tar archive may hold a zip archive."""
    with archive.open("rb") as file:
        return file.read(4) in _ZIP_MAGIC


def _is_empty_tar(archive: Path) -> bool:
    """Tell whether what reads as a tar archive holds nothing, as zeros before a zip archive do."""
    with tarfile.open(archive) as opened:
        return opened.next() is None


@contextmanager
def _damage(shown: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ArchiveError(
            f"{shown}: is damaged ({error}): fetch it again, or give a sound copy with --from"
        ) from None


def _unpack_zip(archive: Path, shown: str, folder: Path, budget: _Budget) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            path = _place(folder, member.filename, shown, budget)
            if _of_the_finder(member.filename):
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(shown, member.filename, "a link or a device")
            if member.flag_bits & 1:
                raise ArchiveError(
                    f"{shown}: {member.filename} is encrypted: unpack it yourself, then --from FOLDER"
                )
            if member.is_dir():
                _make_folder(path, shown, member.filename)
            else:
                with _unsupported(shown, member.filename), opened.open(member) as source:
                    _write(source.read, path, shown, member.filename, budget)


def _unpack_tar(archive: Path, shown: str, folder: Path, budget: _Budget) -> None:
    with tarfile.open(archive) as opened:
        for member in opened:
            path = _place(folder, member.name, shown, budget)
            if _of_the_finder(member.name):
                continue
            if member.isdir():
                _make_folder(path, shown, member.name)
            elif member.isreg():
                source = opened.extractfile(member)
                assert source is not None
                with source:
                    _write(source.read, path, shown, member.name, budget)
            else:
                raise _refused(shown, member.name, "a link or a device")
        assert opened.fileobj is not None
        # What tarfile cannot read as a header it takes for the end: torn there, the archive would just be shorter.
        opened.fileobj.seek(opened.offset)
        if opened.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError(f"no member and no end of the archive at byte {opened.offset}")
        # The checksum of a compressed archive lies behind what tarfile reads.
        while opened.fileobj.read(_CHUNK_BYTES):
            pass


@contextmanager
def _unsupported(shown: str, name: str) -> Iterator[None]:
    try:
        yield
    except NotImplementedError as error:
        raise ArchiveError(f"{shown}: {name}: {error}: unpack it yourself, then --from FOLDER") from None


def _place(folder: Path, name: str, shown: str, budget: _Budget) -> Path:
    budget.take_member(shown)
    try:
        # Tar archives made inside a folder start with a member for the folder itself.
        return folder if name in (".", "./") else inside(folder, name)
    except ValueError as error:
        raise ArchiveError(
            f"{shown}: a member is refused: {error}; the archive is hostile or broken: get it from its source again"
        ) from None


def _of_the_finder(name: str) -> bool:
    """Whether a member is what macOS adds to archives beside each file, under the name of the file."""
    return any(part == "__MACOSX" or part.startswith("._") for part in name.split("/"))


def _refused(shown: str, name: str, what: str) -> ArchiveError:
    return ArchiveError(
        f"{shown}: {name} is {what}, which no dataset needs: the archive is hostile or broken: get it from its source "
        "again"
    )


def _twice(shown: str, name: str) -> ArchiveError:
    return ArchiveError(f"{shown}: {name} is there twice, as another file or folder: get it again")


def _make_folder(path: Path, shown: str, name: str) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _twice(shown, name) from None


def _write(read: Callable[[int], bytes], path: Path, shown: str, name: str, budget: _Budget) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file: IO[bytes] = path.open("xb")
    except (FileExistsError, NotADirectoryError):
        raise _twice(shown, name) from None
    with file:
        while chunk := read(_CHUNK_BYTES):
            budget.take_bytes(len(chunk), shown)
            file.write(chunk)
