"""Under what circumstances numbers are made: machine, versions, commit, threads in force."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import psutil
from threadpoolctl import ThreadpoolController

from benchmarks.environment import cpu_model, describe_environment, store_environment
from benchmarks.fingerprint import ROOT
from benchmarks.memory import MIB
from benchmarks.processors import MachineState, allowed_processors, machine_state
from benchmarks.records import Provenance
from benchmarks.workers import RunSettings
from datasets.clock import now_utc

# Load is a mean over a minute, and a clock read twice within this time told nothing new.
_RECENT_S = 0.1

PACKAGES = ("torch", "SimpleITK", "dipy", "antspyx", "picsl-greedy", "numpy", "scipy", "nilearn")


@dataclass(frozen=True)
class Checkout:
    """The state of the sources.

    Attributes
    ----------
    commit : str
        Full hash, empty outside a git checkout.
    dirty : bool
        True when tracked files differ from it.
    diff_sha256 : str
        Hash of the difference, empty where there is none.
    """

    commit: str
    dirty: bool
    diff_sha256: str = ""


def checkout() -> Checkout:
    """Ask git; outside a checkout, or without git, the commit is empty."""
    commit = _git("rev-parse", "HEAD")
    difference = _git("diff", "HEAD", "--binary") if commit else ""
    digest = hashlib.sha256(difference.encode()).hexdigest() if difference else ""
    return Checkout(commit, bool(difference), digest)


class Witness:
    """Tells under what circumstances jobs ran; what is the same for all goes to the results folder once.

    Parameters
    ----------
    settings : RunSettings
        State of the sources, jobs at once, results folder.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._environments: dict[str, str] = {}
        self._seen: tuple[float, MachineState] | None = None

    def look(self) -> MachineState:
        """Return the state of the machine now; its load and clock as just seen, where that is a moment ago."""
        now = time.monotonic()
        if self._seen is None or now - self._seen[0] > _RECENT_S:
            self._seen = now, machine_state()
            return self._seen[1]
        return replace(self._seen[1], utc=now_utc())

    def tell(self, before: MachineState | None, effective_threads: Mapping[str, int], gpu: str) -> Provenance:
        """Describe this process on this machine now.

        Parameters
        ----------
        before : MachineState or None
            The machine when the job started; None where nobody looked, as for a job whose worker died.
        effective_threads : mapping of str to int
            Threads that each numerical library reported in force.
        gpu : str
            Model of the GPU used, empty on the CPU.
        """
        run = self._settings
        if gpu not in self._environments:
            found = describe_environment(run.commit, run.dirty, run.diff_sha256, gpu)
            self._environments[gpu] = store_environment(run.results, found)
        after = self.look()
        first = before or after
        return Provenance(
            commit=run.commit,
            dirty=run.dirty,
            environment=self._environments[gpu],
            python=platform.python_version(),
            platform=platform.platform(terse=True),
            cpu=cpu_model(),
            cores=os.cpu_count() or 1,
            affinity=allowed_processors(),
            memory_mib=_memory_mib(),
            gpu=gpu,
            packages=package_versions(),
            effective_threads=dict(effective_threads),
            load_average=first.load_average,
            load_average_after=after.load_average,
            cpu_mhz=first.cpu_mhz,
            cpu_mhz_after=after.cpu_mhz,
            concurrent_jobs=run.concurrent_jobs,
            warmup=run.warmup,
            fresh_workers=run.fresh_workers,
            host=platform.node(),
            started_utc=first.utc,
        )


@cache
def _memory_mib() -> int:
    return int(psutil.virtual_memory().total // MIB)


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the installed packages that numbers depend on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def effective_threads() -> dict[str, int]:
    """Return the threads that each numerical library loaded in this process says are in force.

    Of a library that several packages brought along, each its own copy, the largest number is told.
    """
    found: dict[str, int] = {}
    for pool in _thread_pools(len(sys.modules)).info():
        name = f"{pool['internal_api']} ({pool['prefix']})"
        found[name] = max(found.get(name, 0), int(pool["num_threads"]))
    if "torch" in sys.modules:
        import torch

        found["torch"] = torch.get_num_threads()
    if "SimpleITK" in sys.modules:
        import SimpleITK as sitk

        found["SimpleITK"] = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    return found


@lru_cache(maxsize=1)
def _thread_pools(modules: int) -> ThreadpoolController:  # noqa: ARG001
    """Search the loaded libraries for thread pools; new ones come with new modules."""
    return ThreadpoolController()


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
