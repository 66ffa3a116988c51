"""Peak resident memory of this process since a chosen moment."""

from __future__ import annotations

import re
import threading
from functools import cache
from pathlib import Path
from typing import Protocol, Self

import psutil

MIB = 2**20
_SAMPLING_PERIOD_S = 0.02


class PeakMemory(Protocol):
    """Measures from entering the context to :meth:`peak_mib`."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...

    def peak_mib(self) -> float:
        """Return the high-water mark since entering, in MiB."""


class KernelPeakMemory:
    """Reads the kernel's own high-water mark after resetting it (Linux)."""

    def __enter__(self) -> Self:
        Path("/proc/self/clear_refs").write_text("5")
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def peak_mib(self) -> float:
        """Return the high-water mark since entering, in MiB."""
        match = re.search(rb"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_bytes())
        assert match is not None
        return int(match[1]) / 1024


class SampledPeakMemory:
    """Samples the resident size from a thread, where the kernel's mark cannot be reset.

    What is taken and given back between two samples is missed.

    Attributes
    ----------
    sample_count
        How many samples were taken since entering.
    """

    def __init__(self) -> None:
        self.sample_count = 0
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._peak = 0
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._peak = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def peak_mib(self) -> float:
        """Return the largest sample since entering, in MiB."""
        return max(self._peak, self._process.memory_info().rss) / MIB

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLING_PERIOD_S):
            self._peak = max(self._peak, self._process.memory_info().rss)
            self.sample_count += 1


def peak_memory() -> PeakMemory:
    """Return the best measurement that this system allows."""
    return KernelPeakMemory() if _kernel_resets() else SampledPeakMemory()


@cache
def _kernel_resets() -> bool:
    try:
        KernelPeakMemory().__enter__()
    except OSError:
        return False
    return True
