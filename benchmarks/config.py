"""What a config file may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator

from benchmarks.catalogue import METRICS
from benchmarks.cluster_config import ClusterConfig
from benchmarks.names import nearest_hint
from benchmarks.records import Track
from benchmarks.section import Section

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,79}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._,+()-]{0,79}$")]


def _check_metric(name: str) -> None:
    if name not in METRICS:
        raise ValueError(f"no metric named {name!r}{nearest_hint(name, METRICS)}")


class DatasetConfig(Section):
    """A dataset and which of its pairs to use.

    Attributes
    ----------
    name : str
        Built-in name or ``package.module:Class``.
    params : dict
        The dataset's own parameters.
    pairs : tuple of str or None
        Glob patterns of pair ids; None takes all.
    """

    name: str
    params: dict[str, Any] = Field(default_factory=dict)
    pairs: tuple[str, ...] | None = None


class LimitsConfig(Section):
    """What a single job may take before it is ended and recorded.

    Attributes
    ----------
    timeout_s : float
        Wall-clock seconds, all stages together.
    memory_mib : float or None
        Resident memory in MiB of the worker process and all processes that it started; None sets no limit.
    """

    timeout_s: Annotated[float, Field(gt=0)] = 1800.0
    memory_mib: Annotated[float, Field(gt=0)] | None = None


class RunLimitsConfig(Section):
    """Limits of one run's jobs, where they differ from the config's.

    Attributes
    ----------
    timeout_s, memory_mib : float or None
        As in ``limits``; None takes the value from there.
    """

    timeout_s: Annotated[float, Field(gt=0)] | None = None
    memory_mib: Annotated[float, Field(gt=0)] | None = None


class RunConfig(Section):
    """One backend with one parameter set, or a sweep of them.

    Attributes
    ----------
    label : str
        How tables and gates call it; a sweep appends the swept values.
    backend : str
        Built-in name or ``package.module:Class``.
    params : dict
        The adapter's own parameters.
    sweep : dict of str to list
        Parameter names and the values to take: the Cartesian product is run.
    track : {"matched", "recommended", "reference"}
        Which comparison the row belongs to.
    datasets : tuple of str or None
        Names of the datasets to run on; None takes all.
    repeats : int or None
        Overrides ``timing.repeats``.
    limits : RunLimitsConfig
        Overrides ``limits``.
    """

    label: Label
    backend: str
    params: dict[str, Any] = Field(default_factory=dict)
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    track: Track = "recommended"
    datasets: tuple[str, ...] | None = None
    repeats: Annotated[int, Field(ge=1, le=1000)] | None = None
    limits: RunLimitsConfig = RunLimitsConfig()


ThreadCount = Annotated[int, Field(ge=1, le=1024)]
# The tags tell error messages which of the two was meant; first_problem leaves them out of the place.
Threads = Annotated[
    Annotated[ThreadCount, Tag("<one>")]
    | Annotated[tuple[ThreadCount, ...], Field(min_length=1), Tag("<several>")],
    Discriminator(lambda given: "<several>" if isinstance(given, list | tuple) else "<one>"),
]


class ResourcesConfig(Section):
    """What every backend may use.

    Attributes
    ----------
    threads : int or tuple of int
        Threads per library, the same for all backends; several counts are a sweep: every job
        runs at each, those of reference rows at the first.
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    jobs : int
        Jobs that may run at once. Timings are comparable at 1 alone; others are marked.
    """

    threads: Threads = 2
    device: Annotated[str, StringConstraints(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    jobs: Annotated[int, Field(ge=1, le=1024)] = 1

    @property
    def thread_counts(self) -> tuple[int, ...]:
        """The counts to run at, whichever way they were given."""
        return (self.threads,) if isinstance(self.threads, int) else self.threads

    @field_validator("threads")
    @classmethod
    def _different(cls, threads: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if isinstance(threads, tuple) and len(set(threads)) < len(threads):
            raise ValueError(f"a count is given twice in {list(threads)}")
        return threads


class TimingConfig(Section):
    """How often things run.

    Attributes
    ----------
    repeats : int
        Timed repetitions of every job.
    warmup : int
        Untimed registrations before the first timed one of a parameter set and image dimension in a worker.
    """

    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    warmup: Annotated[int, Field(ge=0, le=10)] = 1


class GradientCheckConfig(Section):
    """Whether gradients are compared with central differences of the backend's own solve.

    Untimed, after everything else of a job. It costs 4 registrations per direction, and 2 more each time the step
    has to be shortened because the solve is uneven; it is given up when the time limit of the job comes near.

    Attributes
    ----------
    pairs : int
        How many pairs of each dataset, chosen by a hash of seed and id, so that a larger number adds to a smaller;
        every differentiable run is checked on them, in its first repeat. 0 checks none.
    directions : int
        Random smooth directions, in the moving and the fixed image in turn.
    step : float
        Largest root mean square change of an image, in normalised intensities.
    """

    pairs: Annotated[int, Field(ge=0)] = 0
    directions: Annotated[int, Field(ge=2, le=1000)] = 8
    step: Annotated[float, Field(gt=0, le=0.1)] = 0.02


class GateBase(Section):
    """Where a gate applies.

    Attributes
    ----------
    dataset : str or None
        Dataset name; None takes all.
    pairs : tuple of str or None
        Glob patterns of pair ids; None takes all.
    """

    dataset: str | None = None
    pairs: tuple[str, ...] | None = None


class MetricGate(GateBase):
    """Base of the gates on a metric of the catalogue."""

    metric: str

    @field_validator("metric", "oracle_metric", check_fields=False)
    @classmethod
    def _known_metric(cls, name: str | None) -> str | None:
        if name is not None:
            _check_metric(name)
        return name


class OracleGate(MetricGate):
    """A backend must not be worse than an oracle.

    For a metric where lower is better: agg(backend) ≤ (1 + rel)·agg(oracle) + abs;
    where higher is better: agg(backend) ≥ (1 − rel)·agg(oracle) − abs.

    Attributes
    ----------
    metric : str
        A name from the catalogue.
    backend, oracle : str
        Run labels; they may be the same when ``oracle_metric`` is another metric.
    oracle_metric : str or None
        What is read of the oracle; None takes ``metric``. ``metric: backward_s, oracle_metric: forward_s``
        compares the backward with the forward time.
    aggregate : {"max", "mean", "median", "each"}
        Over pairs, repeats averaged first (times: median); ``max`` is the worst pair, ``each`` compares pair
        by pair.
    rel, abs : float
        Tolerances; negative ``rel`` demands a lead (``rel: -0.4`` of a time: at most 0.6 of the oracle's).
    """

    backend: str
    oracle: str
    oracle_metric: str | None = None
    aggregate: Literal["max", "mean", "median", "each"] = "max"
    rel: float = 0.0
    abs: float = 0.0


class BoundGate(MetricGate):
    """A backend must stay within an absolute bound on every pair.

    Attributes
    ----------
    metric : str
        A name from the catalogue.
    backend : str
        Run label, or ``*`` for every run that is no reference row.
    bound : float
        Largest (lower is better) or smallest (higher is better) value allowed.
    """

    backend: str
    bound: float


class GradientGate(GateBase):
    """A backend must return finite, non-zero gradients on every pair, and right ones where that was checked.

    With ``min_cosine`` or ``max_norm_deviation`` at least one pair has to be checked (see ``gradient_check``),
    and a check that tells nothing fails the gate.

    Attributes
    ----------
    differentiable : str
        Run label.
    min_cosine : float or None
        Smallest cosine between the gradient and central differences of the solve.
    max_norm_deviation : float or None
        Largest deviation of the ratio of their norms from 1.
    """

    differentiable: str
    min_cosine: Annotated[float, Field(ge=-1, le=1)] | None = None
    max_norm_deviation: Annotated[float, Field(ge=0)] | None = None


def _gate_kind(data: Any) -> str:
    keys = data if isinstance(data, dict) else data.__class__.model_fields
    if "differentiable" in keys:
        return "differentiable"
    return "bound" if "bound" in keys else "oracle"


Gate = Annotated[
    Annotated[OracleGate, Tag("oracle")]
    | Annotated[BoundGate, Tag("bound")]
    | Annotated[GradientGate, Tag("differentiable")],
    Discriminator(_gate_kind),
]


class FiguresConfig(Section):
    """What the figures show.

    Attributes
    ----------
    pairs : tuple of str
        Glob patterns of pair ids that are shown in full; empty shows the first pair of each dataset.
    oracle : str or None
        Run label shown beside every backend; None leaves the oracle's panels out.
    keep_all_up_to : int
        Of a dataset with at most so many pairs the slices of all are kept, for the worst, median and best
        pair of each run: about 1 MB for each run and pair. Of a larger one those of the pairs above alone.
    """

    pairs: tuple[str, ...] = ()
    oracle: str | None = None
    keep_all_up_to: Annotated[int, Field(ge=0)] = 20


class ReportConfig(Section):
    """What the tables of scores show.

    Attributes
    ----------
    columns : tuple of str
        Names from the catalogue, in the order of the columns; empty takes the usual ones. What is left out
        stands in the table of further scores.
    """

    columns: tuple[str, ...] = ()

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        for name in columns:
            _check_metric(name)
            if columns.count(name) > 1:
                raise ValueError(f"{name!r} is given twice")
        return columns


class Config(Section):
    """A whole benchmark.

    Attributes
    ----------
    name : str
        Names the results folder.
    title : str
        Heading of the report.
    description : str
        What the benchmark is for; printed at the top of the report.
    seed : int
        From which job order and backend seeds derive.
    dataset, datasets
        One dataset, or several: exactly one of the two keys.
    runs : tuple of RunConfig
        At least one.
    resources, timing, gradient_check, limits, figures, report
        See there.
    cluster : ClusterConfig or None
        Where the jobs run: on a cluster with a queue; None takes this machine.
    gates : tuple of gates
        Conditions with PASS or FAIL.
    """

    name: Name
    title: str = ""
    description: str = ""
    seed: int = 0
    dataset: DatasetConfig | None = None
    datasets: tuple[DatasetConfig, ...] = ()
    runs: Annotated[tuple[RunConfig, ...], Field(min_length=1)]
    resources: ResourcesConfig = ResourcesConfig()
    timing: TimingConfig = TimingConfig()
    gradient_check: GradientCheckConfig = GradientCheckConfig()
    limits: LimitsConfig = LimitsConfig()
    cluster: ClusterConfig | None = None
    gates: tuple[Gate, ...] = ()
    figures: FiguresConfig = FiguresConfig()
    report: ReportConfig = ReportConfig()

    @property
    def all_datasets(self) -> tuple[DatasetConfig, ...]:
        """The datasets under whichever of the two keys they were given."""
        return (self.dataset,) if self.dataset else self.datasets

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.dataset) == bool(self.datasets):
            raise ValueError("give exactly one of 'dataset' (one) and 'datasets' (a list)")
        for what, names in (
            ("runs: label", [run.label for run in self.runs]),
            ("datasets: name", [dataset.name for dataset in self.all_datasets]),
        ):
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} {repeated[0]!r} is given twice")
        if self.cluster and self.cluster.cores < max(self.resources.thread_counts):
            asked = max(self.resources.thread_counts)
            raise ValueError(f"cluster: cores must be at least the {asked} threads of resources")
        return self
