"""The processors of this machine: which ones to pin to, how fast they run, how busy they are."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from datasets.clock import now_utc

SYSTEM = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class MachineState:
    """What may distort a timing, at one moment.

    Attributes
    ----------
    utc : str
        ISO 8601 time.
    load_average : float
        One-minute load of the machine.
    cpu_mhz : float or None
        Mean clock of the processors that this process may use; None where the system does not tell.
    """

    utc: str
    load_average: float
    cpu_mhz: float | None


def machine_state() -> MachineState:
    """Return the state of the machine now."""
    return MachineState(now_utc(), round(os.getloadavg()[0], 2), clock_mhz(allowed_processors()))


def allowed_processors() -> tuple[int, ...]:
    """Return the numbers of the logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def clock_mhz(processors: Collection[int], system: Path = SYSTEM) -> float | None:
    """Return the mean clock of the processors in MHz; None where the system does not tell.

    Parameters
    ----------
    processors : collection of int
        Numbers of logical processors.
    system : Path
        Where the kernel describes its processors.
    """
    texts = (text_of(system / f"cpu{number}" / "cpufreq" / "scaling_cur_freq") for number in processors)
    clocks = [int(text) / 1000 for text in texts if text] or _clocks_of_virtual_machine(processors)
    return round(sum(clocks) / len(clocks), 1) if clocks else None


def one_per_core(allowed: Collection[int], count: int, system: Path = SYSTEM) -> tuple[int, ...]:
    """Choose processors to pin to: as many different cores as there are, then their second threads.

    Two threads on one core share its arithmetic units, which would be mistaken for a backend that does not scale.

    Parameters
    ----------
    allowed : collection of int
        Logical processors to choose from.
    count : int
        How many to choose; all are returned where there are no more.
    system : Path
        Where the kernel describes its processors.
    """
    seen: dict[str, int] = {}
    ranked = []
    for number in sorted(allowed):
        core = text_of(system / f"cpu{number}" / "topology" / "thread_siblings_list") or str(number)
        seen[core] = seen.get(core, 0) + 1
        ranked.append((seen[core], number))
    return tuple(sorted(number for _, number in sorted(ranked)[:count]))


def _clocks_of_virtual_machine(processors: Collection[int]) -> list[float]:
    """Read /proc/cpuinfo: most virtual machines hide the files of the frequency driver."""
    clocks = {}
    number = -1
    for line in text_of(Path("/proc/cpuinfo")).splitlines():
        key, _, value = line.partition(":")
        match key.strip():
            case "processor":
                number = int(value)
            case "cpu MHz":
                clocks[number] = float(value)
    return [clocks[number] for number in processors if number in clocks]


def text_of(path: Path) -> str:
    """Return what a file of the system says; empty where it is not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
