"""Whether the kernel ended a process because memory ran out."""

from __future__ import annotations

import re
from pathlib import Path


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has ended so since it started; 0 where it does not tell."""
    try:
        found = re.search(rb"\noom_kill (\d+)\n", Path("/proc/vmstat").read_bytes())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def volunteer() -> None:
    """Let the kernel take this process and its children first when memory runs out, not the one that records it."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return
