"""The append-only file that holds the records of a benchmark."""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.garbage import collector_paused
from benchmarks.records import RunRecord, Status
from benchmarks.sharing_decoder import SharingDecoder
from benchmarks.workload import Workload

_BUFFER_BYTES = 1 << 20
# How a record begins as it is written, what follows the identity, and its last key: what was cut off before or inside
# the object of that does not end with two braces.
_START, _AFTER_IDENTITY, _LAST_KEY, _END = b'{"job_id":"', b',"failure":', b',"provenance":{', b"}}\n"
# The work whose records may not have reached the disk yet.
_AT_RISK_S = 1.0


_Kind = TypeVar("_Kind")


class StoreError(Exception):
    """A record could not be stored; the message says why and what to do."""


class Head(msgspec.Struct, frozen=True):
    """What resuming and estimating need to know of a record, as in :class:`RunRecord`; the rest is passed over."""

    job_id: str
    status: Status
    identity: Workload
    wall_s: float | None = None


class _Whose(msgspec.Struct, frozen=True):
    """Which job a record is of."""

    job_id: str


# Where a line stands: its number from 1, where it starts and where the next does.
_Place = tuple[int, int, int]
_DECODE_WHOSE = msgspec.json.Decoder(_Whose).decode
_DECODE_HEAD = msgspec.json.Decoder(Head).decode
_DECODE_RECORD = msgspec.json.Decoder(RunRecord).decode


class RecordStore:
    """Append-only JSON Lines file, the source of truth of a run.

    Parameters
    ----------
    path : Path
        The file; its folder is created with the first record.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at_risk_s = 0.0

    def append(self, record: RunRecord) -> None:
        """Write one record, or leave the file as it was.

        What was written survives the end of this process. That of the machine, as in a power cut, costs records of
        less than a second's work in all, which are run again on resume: whatever took longer is on disk on return.

        Raises
        ------
        StoreError
            When the disk is full, or the file cannot be written for another reason.
        """
        line = msgspec.json.encode(record) + b"\n"
        try:
            with self._opened() as file:
                end = os.fstat(file).st_size
                # What an earlier crash tore off must not swallow this record.
                if end and os.pread(file, 1, end - 1) != b"\n":
                    line = b"\n" + line
                try:
                    _write(file, line)
                    self._secure(file, math.inf if record.wall_s is None else record.wall_s)
                except OSError:
                    with suppress(OSError):
                        os.ftruncate(file, end)
                    raise
        except OSError as error:
            raise StoreError(
                f"{self.path}: a record cannot be stored: {error.strerror}. Those stored before are whole; "
                "once this is mended, the same command continues."
            ) from error

    def mend(self) -> None:
        """Remove the part of a record that a crash left at the end; nobody else may be writing."""
        if not self.size_bytes:
            return
        with self._opened() as file:
            with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as content:
                start = content.rfind(b"\n") + 1
                tail = content[start:]
            if not tail:
                return
            try:
                json.loads(tail)
                _write(file, b"\n")
            except ValueError:
                os.ftruncate(file, start)
            os.fsync(file)

    def read(self) -> list[RunRecord]:
        """Return all records in the order written; a line torn by a crash is passed over.

        Raises
        ------
        ValueError
            When a line is neither a record nor the beginning of one; the message names file and line.
        """
        return self._decoded(_DECODE_RECORD)

    @property
    def size_bytes(self) -> int:
        """What the file holds at the moment; 0 where there is none."""
        return self.path.stat().st_size if self.path.exists() else 0

    def latest(self, jobs: Iterable[str], within_bytes: int | None = None) -> dict[str, RunRecord]:
        """Return the last record of each of some jobs, by its id, leaving out jobs that have none.

        What is read one after the other lies side by side in memory: whoever goes over many records many times gives
        the jobs in the order of doing so, and waits for the memory half as long. Parts that are equal in neighbours, as
        scores are in repeats, are read once and shared.

        Parameters
        ----------
        jobs : iterable of str
            Ids of the jobs.
        within_bytes : int or None
            How much of the file to read: what is written to its end meanwhile is left out. None reads all of it.

        Raises
        ------
        ValueError
            When a line of theirs is neither a record nor the beginning of one, or one does not tell whose it is; the
            message names file and line.
        """
        found: dict[str, RunRecord] = {}
        size = self.size_bytes if within_bytes is None else min(within_bytes, self.size_bytes)
        if not size:
            return found
        with (
            collector_paused(),
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content,
        ):
            places = self._places(content)
            decode = SharingDecoder()
            for job in jobs:
                for number, start, end in reversed(places.get(job.encode(), ())):
                    record = self._decode(decode, number, content[start:end])
                    if record is not None:
                        found[job] = record
                        break
        return found

    def heads(self) -> list[Head]:
        """Return what resuming needs of all records, in the order written, without validating the rest of them.

        Raises
        ------
        ValueError
            When a line is neither a record nor the beginning of one; the message names file and line.
        """
        return self._decoded(_head)

    def _decoded(self, decode: Callable[[bytes], _Kind]) -> list[_Kind]:
        with collector_paused():
            found = (self._decode(decode, number, line) for number, line in self._lines())
            return [one for one in found if one is not None]

    def _decode(self, decode: Callable[[bytes], _Kind], number: int, line: bytes) -> _Kind | None:
        """Decode a line; None for a torn one: no proper beginning of a JSON object is JSON itself."""
        try:
            return decode(line)
        except msgspec.ValidationError as error:
            raise ValueError(f"{self.path}:{number}: not a record of this version: {error}") from error
        except msgspec.DecodeError as error:
            if _torn(line, error):
                return None
            raise ValueError(
                f"{self.path}:{number}: no record: {error}. Without this line its job counts as not run"
            ) from error

    def _places(self, content: mmap.mmap) -> dict[bytes, list[_Place]]:
        """Return where the lines of each job stand, in the order written."""
        found: dict[bytes, list[_Place]] = {}
        start = 0
        for number, line in enumerate(iter(content.readline, b""), start=1):
            end = start + len(line)
            if line.startswith(_START):
                job = line[len(_START) : line.find(b'"', len(_START))]
                found.setdefault(job, []).append((number, start, end))
            elif not line.isspace() and (whose := self._decode(_DECODE_WHOSE, number, line)) is not None:
                found.setdefault(whose.job_id.encode(), []).append((number, start, end))
            start = end
        return found

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if self.path.exists():
            with self.path.open("rb", buffering=_BUFFER_BYTES) as file:
                yield from ((number, line) for number, line in enumerate(file, start=1) if not line.isspace())

    def _secure(self, file: int, work_s: float) -> None:
        """Wait for the disk unless little work depends on it: with jobs of milliseconds it would be most of the run."""
        self._at_risk_s += work_s
        if self._at_risk_s >= _AT_RISK_S:
            os.fsync(file)
            self._at_risk_s = 0.0

    @contextmanager
    def _opened(self) -> Iterator[int]:
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if new:
                _make_durable(self.path.parent)
            yield file
        finally:
            os.close(file)


def _head(line: bytes) -> Head:
    """Decode a record as far as its identity where it is whole: that is a tenth of it."""
    end = line.find(_AFTER_IDENTITY)
    if 0 < end < line.rfind(_LAST_KEY) and line.endswith(_END):
        try:
            return _DECODE_HEAD(line[:end] + b"}")
        except msgspec.DecodeError:  # what looks like the end of the identity is a parameter in it
            return _DECODE_HEAD(line)
    return _DECODE_HEAD(line)


def _torn(line: bytes, error: msgspec.DecodeError) -> bool:
    """Tell whether a line that is not JSON is what a crash leaves: the beginning of a record."""
    written = line.rstrip(b"\n")
    begins = written.startswith(_START) or _START.startswith(written)
    # Where it was cut off behind the braces of something inside, only reading it tells.
    return begins and (not line.endswith(_END) or "truncated" in str(error))


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
