"""Under what circumstances numbers are made: machine, versions, commit, threads in force."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.fingerprint import ROOT
from benchmarks.memory import MIB
from benchmarks.records import Provenance

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
    """

    commit: str
    dirty: bool


def checkout() -> Checkout:
    """Ask git; outside a checkout, or without git, the commit is empty."""
    commit = _git("rev-parse", "HEAD")
    return Checkout(commit, bool(commit) and bool(_git("status", "--porcelain", "--untracked-files=no")))


def provenance(
    source: Checkout, effective_threads: Mapping[str, int], concurrent_jobs: int, gpu: str
) -> Provenance:
    """Describe this process on this machine now."""
    return Provenance(
        commit=source.commit,
        dirty=source.dirty,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        cpu=_cpu_model(),
        cores=_cores(),
        memory_mib=psutil.virtual_memory().total // MIB,
        gpu=gpu,
        packages=package_versions(),
        effective_threads=dict(effective_threads),
        load_average=round(os.getloadavg()[0], 2),
        concurrent_jobs=concurrent_jobs,
        host=platform.node(),
        started_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


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
    """Return the threads that each numerical library loaded in this process says are in force."""
    import threadpoolctl

    found = {
        f"{pool['internal_api']} ({pool['prefix']})": int(pool["num_threads"])
        for pool in threadpoolctl.threadpool_info()
    }
    if "torch" in sys.modules:
        import torch

        found["torch"] = torch.get_num_threads()
    if "SimpleITK" in sys.modules:
        import SimpleITK as sitk

        found["SimpleITK"] = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    return found


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
