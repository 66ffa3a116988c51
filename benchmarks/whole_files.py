"""Files of which a reader sees the old content or the new, never a part."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WriteError(OSError):
    """A file could not be written; the message names it and says why and what to do."""


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Say which file could not be written, and what to do.

    Raises
    ------
    WriteError
        Instead of any other ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"{path}: cannot be written: {error.strerror or error}; once this is mended, give the same command again"
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step, its folder included; of several writers at once the last wins.

    Raises
    ------
    WriteError
        When the disk is full, or the file cannot be written for another reason.
    """
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
