"""Compressed files, read to the end: what reads only the part that it needs overlooks that the rest is torn."""

from __future__ import annotations

import gzip
from pathlib import Path

_CHUNK_BYTES = 2**20


def check_compressed(path: Path) -> None:
    """Read a gzip file to its end, where its checksum stands; do nothing with a file of another name.

    Raises
    ------
    OSError, EOFError, zlib.error
        When it is torn or damaged.
    """
    if path.name.endswith(".gz"):
        with gzip.open(path) as file:
            while file.read(_CHUNK_BYTES):
                pass
