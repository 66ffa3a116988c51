"""One run at a time in a results folder."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.config_file import ConfigError
from benchmarks.frozen import Frozen, decoded, indented
from benchmarks.whole_files import write_errors, write_whole

# Somebody who asks who holds the lock holds it for a moment.
_PATIENCE_S = 0.5


class Holder(Frozen, kw_only=True):
    """The process that works in a results folder.

    Attributes
    ----------
    pid : int
        Its process id.
    host : str
        The machine it runs on.
    since_utc : str
        ISO 8601 time of when it began.
    """

    pid: int
    host: str
    since_utc: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since_utc}"


@dataclass(frozen=True)
class Occupancy:
    """Whether somebody works in a results folder.

    Attributes
    ----------
    holder : Holder or None
        Who does; None where nobody does.
    certain : bool
        False where the lock cannot be tried, so that it is what the last run has left written there.
    """

    holder: Holder | None
    certain: bool = True

    @property
    def caveat(self) -> str:
        """What has to be said behind it, with a comma before; empty where it is certain."""
        return "" if self.certain else ", as far as can be told without permission to write there"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep others out of a results folder; the system opens it again when this process ends, however it ends.

    Raises
    ------
    ConfigError
        When another run is in it; the message names that one.
    WriteError
        When the disk is full, or nothing can be written there for another reason.
    """
    path = folder / "run.lock"
    lock = FileLock(path)
    with write_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        free = _acquire(lock)
    if not free:
        raise ConfigError(
            f"{folder}: another run works here ({_described(folder) or 'an unknown process'}); "
            "wait for it or end it, or choose another --results-dir"
        )
    description = folder / "run.holder.json"
    try:
        me = Holder(
            pid=os.getpid(), host=platform.node(), since_utc=datetime.now(UTC).isoformat(timespec="seconds")
        )
        write_whole(description, indented(me))
        yield
    finally:
        with suppress(OSError):
            description.unlink(missing_ok=True)
        lock.release()


def occupancy(folder: Path) -> Occupancy:
    """Return who works in a results folder now."""
    path = folder / "run.lock"
    if not path.exists():
        return Occupancy(None)
    try:
        with FileLock(path, timeout=0):
            return Occupancy(None)
    except Timeout:
        return Occupancy(_described(folder))
    except OSError:
        # Another user's folder, or a read-only file system: what a killed run has left there cannot be told apart.
        return Occupancy(_described(folder), certain=False)


def _acquire(lock: FileLock) -> bool:
    """Return whether the lock could be taken."""
    try:
        lock.acquire(timeout=_PATIENCE_S, poll_interval=0.02)
    except Timeout:  # an OSError too
        return False
    return True


def _described(folder: Path) -> Holder | None:
    try:
        return decoded((folder / "run.holder.json").read_bytes(), Holder)
    except (OSError, ValueError):
        return None
