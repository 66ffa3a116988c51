"""The append-only file that holds the records of a benchmark."""

from __future__ import annotations

import json
import math
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.garbage import collector_paused
from benchmarks.records import RunRecord, Status

_STRING = rb'("[^"\\]*(?:\\.[^"\\]*)*")'
_BEGINNING = re.compile(rb'\{"job_id":' + _STRING + rb',"status":"(\w+)","wall_s":([^,]+),"identity":')
_NAMES = re.compile(rb'\{"run":' + _STRING + rb',"backend":' + _STRING + rb',"dataset":' + _STRING)
# What follows the names in an identity.
_AFTER_NAMES = b',"pair_id":'
# The last key of a record: what was cut off before or inside its object does not end with two braces.
_LAST_KEY = b',"provenance":{'
_BUFFER_BYTES = 1 << 20
# The work whose records may not have reached the disk yet.
_AT_RISK_S = 1.0


class StoreError(Exception):
    """A record could not be stored; the message says why and what to do."""


class Head(NamedTuple):
    """What resuming and estimating need to know of a record.

    Attributes
    ----------
    job_id, status, wall_s
        As in :class:`RunRecord`.
    run, backend, dataset : str
        As in its identity.
    """

    job_id: str
    status: Status
    wall_s: float | None
    run: str
    backend: str
    dataset: str


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
        if not self.path.exists() or not self.path.stat().st_size:
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
            When a complete line is not a record; the message names file and line.
        """
        decode = msgspec.json.Decoder(RunRecord).decode
        records = []
        with collector_paused():
            for number, line in self._lines():
                try:
                    records.append(decode(line))
                except msgspec.ValidationError as error:
                    raise ValueError(
                        f"{self.path}:{number}: not a record of this version: {error}"
                    ) from error
                except msgspec.DecodeError:
                    # No proper beginning of a JSON object is JSON itself: what does not parse was torn.
                    continue
        return records

    def heads(self) -> list[Head]:
        """Return what resuming needs of all records, in the order written, without validating the rest of them.

        Raises
        ------
        ValueError
            When a complete line is not a record; the message names file and line.
        """
        reader = _HeadReader(self.path)
        with collector_paused():
            return [head for number, line in self._lines() if (head := reader.read(number, line))]

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if self.path.exists():
            with self.path.open("rb", buffering=_BUFFER_BYTES) as file:
                yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())

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


class _HeadReader:
    """Reads the heads of records; the names that many of them share are decoded once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[bytes, tuple[str, str, str]] = {}
        self._statuses = {status.value.encode(): status for status in Status}

    def read(self, number: int, line: bytes) -> Head | None:
        """Return the head of a line, None of one that a crash has torn."""
        return self._as_written(line) or self._as_json(number, line)

    def _as_written(self, line: bytes) -> Head | None:
        """Read a line with the keys in the order in which they are written."""
        found = _BEGINNING.match(line)
        if not (found and line.endswith(b"}}\n") and line.rfind(_LAST_KEY) > 0):
            return None
        job_id, status, wall_s = found.groups()
        told = line[found.end() : line.find(_AFTER_NAMES, found.end())]
        if told not in self._names:
            if not (names := _NAMES.fullmatch(told)):
                return None
            run, backend, dataset = map(_text, names.groups())
            self._names[told] = run, backend, dataset
        if status not in self._statuses:
            return None
        seconds = None if wall_s == b"null" else float(wall_s)
        return Head(_text(job_id), self._statuses[status], seconds, *self._names[told])

    def _as_json(self, number: int, line: bytes) -> Head | None:
        try:
            record = json.loads(line)
        except ValueError:
            return None
        try:
            identity = record["identity"]
            names = (identity["run"], identity["backend"], identity["dataset"])
            return Head(record["job_id"], Status(record["status"]), record.get("wall_s"), *names)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self._path}:{number}: not a record of this version: {error!r}") from error


def latest(records: Iterable[RunRecord]) -> Mapping[str, RunRecord]:
    """Return the last record of each job id: the one that counts after a resume."""
    return {record.job_id: record for record in records}


def _text(token: bytes) -> str:
    """Decode a JSON string; without an escape there is nothing to decode but UTF-8."""
    text: str = json.loads(token) if b"\\" in token else token[1:-1].decode()
    return text


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
