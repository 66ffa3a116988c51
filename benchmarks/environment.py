"""What is the same for all jobs of a run on one machine: described once, kept beside the records."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from functools import cache
from pathlib import Path

import msgspec
import psutil

from benchmarks.frozen import Frozen, decoded, indented
from benchmarks.memory import MIB
from benchmarks.processors import SYSTEM, text_of
from benchmarks.whole_files import write_whole

FOLDER = "environments"
_CONTAINER_MARKS = {
    Path("/.dockerenv"): "docker",
    Path("/run/.containerenv"): "podman",
    Path("/.singularity.d"): "apptainer",
}


class Environment(Frozen, kw_only=True):
    """Everything needed to set up the same software on the same kind of machine again.

    Attributes
    ----------
    commit : str
        Git commit of the checkout, empty outside one.
    dirty : bool
        True when tracked files differed from the commit.
    diff_sha256 : str
        Hash of that difference, empty where there was none.
    host, system, kernel, container : str
        Machine name, operating system, kernel release; what kind of container, empty outside one.
    cpu, governor : str
        Processor model; frequency governor, empty where the system does not tell.
    physical_cores, logical_cores : int
        Of the whole machine.
    caches : dict of str to str
        Sizes by name, as ``L1 Data``, for one core.
    memory_mib : int
        Physical memory.
    gpu, gpu_driver : str
        Model and driver version of the GPU used, empty on the CPU.
    python : str
        Interpreter and its version.
    distributions : dict of str to str
        Version of every installed package.
    """

    commit: str
    dirty: bool
    diff_sha256: str
    host: str
    system: str
    kernel: str
    container: str
    cpu: str
    governor: str
    physical_cores: int
    logical_cores: int
    caches: dict[str, str]
    memory_mib: int
    gpu: str
    gpu_driver: str
    python: str
    distributions: dict[str, str]

    @property
    def digest(self) -> str:
        """Hash of all of it, by which records name it."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


def describe_environment(commit: str, dirty: bool, diff_sha256: str, gpu: str) -> Environment:
    """Describe this machine and what is installed on it.

    Parameters
    ----------
    commit, dirty, diff_sha256
        State of the sources.
    gpu : str
        Model of the GPU in use, empty on the CPU.
    """
    return Environment(
        commit=commit,
        dirty=dirty,
        diff_sha256=diff_sha256,
        host=platform.node(),
        system=_system(),
        kernel=platform.release(),
        container=_container(),
        cpu=cpu_model(),
        governor=text_of(SYSTEM / "cpu0" / "cpufreq" / "scaling_governor"),
        physical_cores=psutil.cpu_count(logical=False) or 0,
        logical_cores=psutil.cpu_count() or 0,
        caches=_caches(),
        memory_mib=psutil.virtual_memory().total // MIB,
        gpu=gpu,
        gpu_driver=_gpu_driver() if gpu else "",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        distributions=_distributions(),
    )


def store_environment(results: Path, environment: Environment) -> str:
    """Keep an environment in a results folder unless it is there, and return its digest."""
    path = results / FOLDER / f"{environment.digest}.json"
    if not path.exists():
        # Workers of several backends may come here at once.
        write_whole(path, indented(environment))
    return environment.digest


def load_environment(results: Path, digest: str) -> Environment | None:
    """Return an environment that records of a results folder name; None where it is not kept."""
    path = results / FOLDER / f"{digest}.json"
    if not digest.isalnum() or not path.is_file():
        return None
    return decoded(path.read_bytes(), Environment)


@cache
def cpu_model() -> str:
    """Return the model of the processor."""
    for line in text_of(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.platform(terse=True)


def _container() -> str:
    found = next((kind for mark, kind in _CONTAINER_MARKS.items() if mark.exists()), "")
    return found or ("kubernetes" if "KUBERNETES_SERVICE_HOST" in os.environ else "")


def _caches() -> dict[str, str]:
    found = {}
    for index in sorted((SYSTEM / "cpu0" / "cache").glob("index*")):
        level, kind, size = (text_of(index / name) for name in ("level", "type", "size"))
        if size:
            found[f"L{level} {kind}"] = size
    return found


def _gpu_driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.partition("\n")[0].strip()


def _distributions() -> dict[str, str]:
    found = ((found.name, found.version) for found in importlib.metadata.distributions())
    return dict(sorted((name, version) for name, version in found if name))
