"""A worker process and all that descends from it: what memory they hold, and how to end every one of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from benchmarks.memory import MIB

MARK = "REGBENCH_WORKER"
_POLL_S = 0.005
_END_WITHIN_S = 30.0


class ProcessFamily:
    """The processes that descend from a worker, share its session or carry its mark in their environment.

    A process inherits session and mark from its parent. One that starts a session of its own keeps the mark, one that
    empties its environment keeps the session: a backend's children are found after their parents, and the worker, are
    gone. One that does both is found as long as the worker is there, which adopts what its descendants leave.

    Parameters
    ----------
    leader : int
        Process id of the worker, which leads its session.
    mark : str
        Value of the environment variable ``MARK``, which no other worker carries.
    """

    def __init__(self, leader: int, mark: str) -> None:
        self._leader = leader
        self._mark = mark
        self._strangers: set[int] = set()

    def rss_mib(self) -> float:
        """Return the resident memory of all members together; pages that they share count for each."""
        total = 0
        for member in self._members():
            with suppress(psutil.Error):
                total += member.memory_info().rss
        return total / MIB

    def end_descendants(self) -> int:
        """End all members but the worker; return how many there were."""
        return _end(lambda: _alive(self._member_ids() - {self._leader}))

    def end(self) -> None:
        """End all members."""
        _end(self._members)

    def _members(self) -> list[psutil.Process]:
        return _alive(self._member_ids())

    def _member_ids(self) -> set[int]:
        present = set(psutil.pids())
        # Who was a stranger stays one: only processes that have appeared since the last look are looked into.
        self._strangers &= present
        candidates = present - self._strangers
        members = {pid for pid in candidates if self._belongs(pid)}
        self._strangers |= candidates - members
        return members

    def _belongs(self, pid: int) -> bool:
        return _session(pid) == self._leader or mark_of(pid) == self._mark or self._leader in _ancestors(pid)


def mark_of(pid: int) -> str:
    """Return the mark that a process carries; empty for none, and where the system does not tell."""
    try:
        return psutil.Process(pid).environ().get(MARK, "")
    except (psutil.Error, OSError):
        return ""


def end_marked(prefix: str) -> None:
    """End all processes of this machine whose mark begins so, with everything in their sessions."""

    def found() -> list[psutil.Process]:
        marked = {pid for pid in psutil.pids() if mark_of(pid).startswith(prefix)}
        sessions = {_session(pid) for pid in marked} - {None, os.getsid(0)}
        relatives = {pid for pid in psutil.pids() if _session(pid) in sessions}
        return _alive((marked | relatives) - {os.getpid()})

    _end(found)


def _end(find: Callable[[], list[psutil.Process]]) -> int:
    """Kill until none is found, because a process may fork while it is being killed; return how many there were."""
    ended: set[int] = set()
    give_up = time.monotonic() + _END_WITHIN_S
    while (alive := find()) and time.monotonic() < give_up:
        for process in alive:
            ended.add(process.pid)
            with suppress(psutil.Error):
                process.kill()
        time.sleep(_POLL_S)
    return len(ended)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _ancestors(pid: int) -> set[int]:
    try:
        return {parent.pid for parent in psutil.Process(pid).parents()}
    except psutil.Error:
        return set()


def _alive(pids: set[int]) -> list[psutil.Process]:
    """Return the processes that still run: one that waits for its parent to notice its end does not."""
    alive = []
    for pid in pids:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                alive.append(process)
    return alive
