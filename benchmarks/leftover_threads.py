"""Threads that a job leaves running, which would take processor time from the next one."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

_END_WITHIN_S = 0.1
# Pools of numerical libraries stay and wait; some spin for a while first.
_WINDOW_S, _QUIET_WITHIN_S = 0.05, 0.5
_BUSY_SHARE = 0.2


class ThreadWatch:
    """Knows the threads that there are as it is made, and tells what has become of those that came later."""

    def __init__(self) -> None:
        self._known = set(threading.enumerate())
        self._count = _native_count()

    def left_running(self) -> bool:
        """Tell whether threads outlive the job: any that Python knows, and others if they do not only wait."""
        give_up = time.monotonic() + _END_WITHIN_S
        for thread in set(threading.enumerate()) - self._known:
            thread.join(max(0.0, give_up - time.monotonic()))
        if not set(threading.enumerate()) <= self._known:
            return True
        return _native_count() > self._count and _others_stay_busy()


def _native_count() -> int:
    """Return the number of threads of this process as the system counts them; 0 where it does not tell."""
    with suppress(OSError), os.scandir("/proc/self/task") as threads:
        return sum(1 for _ in threads)
    return 0


def _others_stay_busy() -> bool:
    give_up = time.monotonic() + _QUIET_WITHIN_S
    while time.monotonic() < give_up:
        before = time.process_time() - time.thread_time()
        time.sleep(_WINDOW_S)
        if time.process_time() - time.thread_time() - before < _BUSY_SHARE * _WINDOW_S:
            return False
    return True
