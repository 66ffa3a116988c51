"""One run at a time in a results folder."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.config_file import ConfigError
from benchmarks.frozen import Frozen, decoded, indented

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


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep others out of a results folder; the system opens it again when this process ends, however it ends.

    Raises
    ------
    ConfigError
        When another run is in it; the message names that one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(timeout=_PATIENCE_S, poll_interval=0.02)
    except Timeout:
        raise ConfigError(
            f"{folder}: another run works here ({_described(folder) or 'an unknown process'}); "
            "wait for it or end it, or choose another --results-dir"
        ) from None
    description = folder / "run.holder.json"
    try:
        me = Holder(
            pid=os.getpid(), host=platform.node(), since_utc=datetime.now(UTC).isoformat(timespec="seconds")
        )
        description.write_bytes(indented(me))
        yield
    finally:
        with suppress(OSError):
            description.unlink(missing_ok=True)
        lock.release()


def holder(folder: Path) -> Holder | None:
    """Return who works in a results folder now, None when nobody does."""
    path = folder / "run.lock"
    if not path.exists():
        return None
    try:
        with FileLock(path, timeout=0):
            return None
    except Timeout:
        return _described(folder)


def _described(folder: Path) -> Holder | None:
    try:
        return decoded((folder / "run.holder.json").read_bytes(), Holder)
    except (OSError, ValueError):
        return None
