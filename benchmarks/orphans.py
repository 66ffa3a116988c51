"""What becomes of processes whose parent has ended: Linux hands them to another, or ends them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1
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


def end_with(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent has ended, however that ends (Linux).

    Parameters
    ----------
    parent : int
        Process id of the parent, which may have ended before this is called.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
