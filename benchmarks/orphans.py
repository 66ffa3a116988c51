"""What a job leaves running: the kernel hands a worker all descendants whose parents have ended, and tells of them."""

from __future__ import annotations

import ctypes
import os
import sys

# From linux/prctl.h.
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose own has ended; tell whether this system does that (Linux)."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def children_left() -> bool:
    """Tell whether a child of this process still runs; of those that ended, the kernel's record goes."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True
