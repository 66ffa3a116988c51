"""The record of one job."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta, field, structs

from benchmarks.catalogue import METRICS
from benchmarks.frozen import Frozen
from benchmarks.gradient_record import GradientCheck, GradientCheckRequest
from benchmarks.label_scores import LabelScores
from benchmarks.plain_data import storable
from benchmarks.workload import Workload


class Status(StrEnum):
    """How a job ended."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    INVALID = "invalid"
    TIMEOUT = "timeout"
    OOM = "oom"
    KILLED = "killed"


Track = Literal["matched", "recommended", "reference"]
Scores = dict[str, float | None]


class Identity(Frozen, kw_only=True):
    """What was asked for: everything that the job id is made of, what the run is called, and nothing measured.

    Attributes
    ----------
    run : str
        Label of the backend and parameter set in the config, as tables show it.
    backend : str
        Name of the adapter.
    dataset, pair_id : str
        The dataset and its pair.
    backend_version : dict of str to str
        Versions of what the backend's numbers depend on; for sources in this checkout, their hash.
    params : dict
        The adapter's parameters, defaults resolved.
    track : {"matched", "recommended", "reference"}
        Same schedule for all, each tool's own best practice, or no competitor.
    dataset_version : str
        Version of the pair's content.
    dataset_params : dict
        The dataset's parameters that its pairs depend on, defaults resolved.
    evaluation_version : str
        Hash of the sources that compute the metrics.
    kind : str
        What distinguishes the pair.
    subjects : tuple of str
        Whose images they are.
    dimension : int
        2 or 3.
    seed, repeat : int
        Seed handed to the backend; number of the repetition from 0.
    threads : int
        Threads per library.
    device : str
        ``cpu`` or ``cuda:N``.
    gradient_check : GradientCheckRequest or None
        Set where the gradient is to be compared with differences of the solve.
    conditions : dict of str to float
        What was set to make the pair, by name with its unit.
    undisturbed : str
        Where the pair starts off a disturbance: id of the pair with the same images and without it; else empty.
    pair_choice : dict
        The dataset's parameters that only choose which pairs there are, defaults resolved.
    """

    run: str
    backend: str
    dataset: str
    pair_id: str
    backend_version: dict[str, str]
    params: dict[str, Any]
    track: Track
    dataset_version: str
    dataset_params: dict[str, Any]
    evaluation_version: str
    kind: str
    subjects: tuple[str, ...]
    dimension: Literal[2, 3]
    seed: int
    repeat: Annotated[int, Meta(ge=0)]
    threads: Annotated[int, Meta(ge=1)]
    device: str
    gradient_check: GradientCheckRequest | None = None
    conditions: dict[str, float] = field(default_factory=dict)
    undisturbed: str = ""
    pair_choice: dict[str, Any] = field(default_factory=dict)

    @property
    def all_dataset_params(self) -> dict[str, Any]:
        """What the dataset is opened with."""
        return self.dataset_params | self.pair_choice

    @property
    def workload(self) -> Workload:
        """What the job's time mostly depends on."""
        return Workload(self.run, self.dataset, self.threads)


class Failure(Frozen, kw_only=True):
    """Where and why a job did not reach ``ok``.

    Attributes
    ----------
    stage : str
        ``import``, ``load``, ``warm-up``, ``prepare``, ``forward``, ``backward``, ``result``, ``evaluate``,
        ``gradient_check`` or ``worker``.
    message : str
        One line a reader can act on.
    detail : str
        The traceback's text, possibly empty.
    """

    stage: str
    message: str
    detail: str = ""

    def __post_init__(self) -> None:
        structs.force_setattr(self, "message", storable(self.message))
        structs.force_setattr(self, "detail", storable(self.detail))


class Gradient(Frozen, kw_only=True):
    """What the backward pass returned.

    Attributes
    ----------
    finite : bool
        No NaN and no infinity in any of the gradients.
    moving_norm, fixed_norm, parameters_norm : float or None
        Euclidean norms; None where not finite.
    """

    finite: bool
    moving_norm: float | None
    fixed_norm: float | None
    parameters_norm: float | None

    @property
    def usable(self) -> bool:
        """Finite, and non-zero with respect to the moving image and to the parameters."""
        return self.finite and bool(self.moving_norm) and bool(self.parameters_norm)


class Provenance(Frozen, kw_only=True):
    """Under what circumstances the job ran.

    Attributes
    ----------
    commit : str
        Git commit of the checkout, empty outside one.
    dirty : bool
        True when tracked files differed from the commit.
    python, platform, cpu : str
        Interpreter version, operating system, CPU model.
    cores : int
        Logical processors of the machine.
    memory_mib : int
        Physical memory.
    gpu : str
        Name of the CUDA device used, empty on the CPU.
    packages : dict of str to str
        Versions of the installed packages that numbers depend on.
    effective_threads : dict of str to int
        Threads that each numerical library reported in force.
    load_average : float
        One-minute load of the machine when the job started.
    concurrent_jobs : int
        Jobs allowed to run at once; timings are comparable at 1 alone.
    warmup : int
        Untimed registrations before the first timed one.
    fresh_workers : bool
        Whether the job had a process of its own.
    host, started_utc : str
        Hostname; ISO 8601 time when the job started.
    environment : str
        Digest of the full description in ``environments/`` of the results folder; empty where there is none.
    affinity : tuple of int
        Logical processors that the job was pinned to.
    load_average_after, cpu_mhz, cpu_mhz_after : float or None
        Load when the job ended; mean clock of its processors when it started and ended. None where unknown.
    """

    commit: str
    dirty: bool
    python: str
    platform: str
    cpu: str
    cores: int
    memory_mib: int
    gpu: str
    packages: dict[str, str]
    effective_threads: dict[str, int]
    load_average: float
    concurrent_jobs: int
    warmup: int
    fresh_workers: bool
    host: str
    started_utc: str
    environment: str = ""
    affinity: tuple[int, ...] = ()
    load_average_after: float | None = None
    cpu_mhz: float | None = None
    cpu_mhz_after: float | None = None


# The numbers of the catalogue that are no scores.
COSTS = (
    "forward_s",
    "backward_s",
    "prepare_s",
    "peak_rss_mib",
    "peak_cuda_mib",
    "gradient_cosine",
    "gradient_norm_ratio",
)


class RunRecord(Frozen, kw_only=True):
    """One line of the store.

    Attributes
    ----------
    job_id : str
        Hash of ``identity``.
    status : Status
        How it ended.
    wall_s : float or None
        Seconds from when a worker was given the job until it was done with, warm-up and failures included.
    identity : Identity
        What was asked for.
    failure : Failure or None
        Set unless ``ok``.
    seconds : dict of str to float
        Wall-clock time per stage that ran: load, prepare, forward, backward, result, evaluate,
        gradient_check.
    peak_rss_mib : float or None
        High-water mark of the worker's resident memory during prepare, register and backward.
    peak_cuda_mib : float or None
        High-water mark of allocated GPU memory, where a GPU was used.
    before, after : dict of str to float or None
        Scores of the prealigned start and of the registration; keys as in ``benchmarks.catalogue``.
        None where undefined.
    labels : LabelScores
        Scores of single labels after registration.
    labels_before : LabelScores
        The same for the prealigned start; with the first repeat alone.
    gradient : Gradient or None
        Set for differentiable backends.
    gradient_check : GradientCheck or None
        Set where it was asked for and the job got so far.
    statistics, effective : dict
        Solver statistics; the schedule in the backend's own units.
    schedule : dict
        The schedule in common units, for backends that tell it; keys as in ``adapters.schedule.Schedule``.
    trace : tuple of tuple of float or None
        Cost per iteration, per level; None where it is not finite.
    artefacts : dict of str to str
        Paths relative to the results folder.
    probes_mm : tuple of tuple of float
        Where some points of the fixed mask end, see ``benchmarks.probes``; of pairs that have an undisturbed one.
    provenance : Provenance
        Circumstances.
    """

    job_id: str
    status: Status
    wall_s: float | None = None
    identity: Identity
    failure: Failure | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_rss_mib: float | None = None
    peak_cuda_mib: float | None = None
    before: Scores = field(default_factory=dict)
    after: Scores = field(default_factory=dict)
    labels: LabelScores = LabelScores()
    labels_before: LabelScores = LabelScores()
    gradient: Gradient | None = None
    gradient_check: GradientCheck | None = None
    statistics: dict[str, Any] = field(default_factory=dict)
    effective: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    trace: tuple[tuple[float | None, ...], ...] = ()
    artefacts: dict[str, str] = field(default_factory=dict)
    probes_mm: tuple[tuple[float, ...], ...] = ()
    provenance: Provenance

    def value(self, metric: str) -> float | None:
        """Return any number of the catalogue, scores and costs alike; None where it is undefined.

        Raises
        ------
        KeyError
            When the catalogue has no such metric.
        """
        if metric not in METRICS:
            raise KeyError(metric)
        return self.values().get(metric)

    def values(self) -> dict[str, float | None]:
        """Return all numbers of the catalogue by name; what is undefined is missing or None."""
        return {**self.after, **self.costs()}

    def costs(self) -> dict[str, float | None]:
        """Return the numbers named in ``COSTS``; those undefined are None."""
        seconds, check = self.seconds, self.gradient_check
        return {
            "forward_s": seconds.get("forward"),
            "backward_s": seconds.get("backward"),
            "prepare_s": seconds.get("prepare"),
            "peak_rss_mib": self.peak_rss_mib,
            "peak_cuda_mib": self.peak_cuda_mib,
            "gradient_cosine": check.cosine if check else None,
            "gradient_norm_ratio": check.norm_ratio if check else None,
        }
