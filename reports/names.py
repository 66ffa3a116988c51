"""File names from names in the data."""

from __future__ import annotations

import re
from hashlib import sha256

LONGEST = 80


def file_safe(name: str) -> str:
    """Return a name without separators and other letters that mean something to a file system.

    A name that has to be changed gets a piece of its hash, so that two of them stay apart.
    """
    safe = re.sub(r"[^A-Za-z0-9._+-]+", "_", name).lstrip(".")[:LONGEST]
    return safe if safe and safe == name else f"{safe}-{sha256(name.encode()).hexdigest()[:8]}"
