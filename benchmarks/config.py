"""What a config file may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator

from benchmarks.catalogue import METRICS
from benchmarks.cluster_config import ClusterConfig
from benchmarks.gate_config import Gate, check_metric
from benchmarks.names import nearest_hint
from benchmarks.records import Track
from benchmarks.section import Section

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,79}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._,+()-]{0,79}$")]


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
    optional : bool
        Left out, and said to be, where its data have not been fetched; a run does not fetch them.
    in_place_of : str or None
        An optional dataset of the same config that this one stands in for: used only where that one is left out.
    """

    name: str
    params: dict[str, Any] = Field(default_factory=dict)
    pairs: tuple[str, ...] | None = None
    optional: bool = False
    in_place_of: str | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if self.optional and self.in_place_of is not None:
            raise ValueError("give 'optional' or 'in_place_of': what stands in for another has to be there")
        return self


class LimitsConfig(Section):
    """What a single job may take before it is ended and recorded.

    Attributes
    ----------
    timeout_s : float
        Wall-clock seconds, all stages together.
    memory_mib : float or None
        Resident memory in MiB of the worker process and all processes that it started; None sets no limit.
    """

    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1800.0
    memory_mib: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class RunLimitsConfig(Section):
    """Limits of one run's jobs, where they differ from the config's.

    Attributes
    ----------
    timeout_s, memory_mib : float or None
        As in ``limits``; None takes the value from there.
    """

    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    memory_mib: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class OverrideConfig(Section):
    """Parameters of a run that differ on some pairs.

    Attributes
    ----------
    pairs : tuple of str
        Glob patterns of pair ids, each of which matches a pair at least.
    params : dict
        What replaces the run's parameters of the same names there.
    """

    pairs: Annotated[tuple[str, ...], Field(min_length=1)]
    params: Annotated[dict[str, Any], Field(min_length=1)]


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
    overrides : tuple of OverrideConfig
        Where parameters depend on the pair; where several apply, in their order. The rows of tables and the gates
        span all pairs under the run's one label.
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
    overrides: tuple[OverrideConfig, ...] = ()
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
    fresh_workers : bool
        A new process for every job. Slow, but peak memory then counts nothing that the jobs before left in the process.
    """

    threads: Threads = 2
    device: Annotated[str, StringConstraints(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    jobs: Annotated[int, Field(ge=1, le=1024)] = 1
    fresh_workers: bool = False

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
        Untimed registrations before the first timed one of a run, its swept values included, on a dataset's pairs of
        a dimension, in a worker. Where one fails, the next job warms up again.
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
    published : tuple of str or None
        Glob patterns of the figures that ``publish`` keeps, by their paths below ``figures/`` without suffix; None
        takes all but the largest, those below ``pairs/`` and ``convergence/``.
    """

    pairs: tuple[str, ...] = ()
    oracle: str | None = None
    keep_all_up_to: Annotated[int, Field(ge=0)] = 20
    published: tuple[str, ...] | None = None


# The columns of published tables.
PRESETS: Mapping[str, tuple[str, ...]] = {"dipy_lpba40": ("ncc", "nmi", "dice", "jaccard", "forward_s")}


class ReportConfig(Section):
    """What the tables of scores show.

    Attributes
    ----------
    columns : tuple of str
        Names from the catalogue, in the order of the columns; empty takes those of the preset, else the usual
        ones. What is left out stands in the table of further scores.
    preset : {"dipy_lpba40"} or None
        A published layout: that of DIPY's LPBA40 table is NCC, NMI, Dice, Jaccard and time.
    order : str
        ``config``, or the name of a metric: runs of a track stand by its average then, the best first.
    statistic : {"mean_sd", "median_iqr", "mean_interval"}
        Mean ± standard deviation, median [quartiles], or mean [95 % interval by bootstrap over subjects].
    reference : str or None
        Label of the run that the tests compare the others with; None takes the figures' oracle, else the best.
    by_kind : bool
        Show scores by kind of pair of every dataset; otherwise of those where two kinds at least have several pairs.
    success_tre_mm : float
        Target registration error up to which a registration counts as a success, where success is shown against the
        start.
    """

    columns: tuple[str, ...] = ()
    preset: Literal["dipy_lpba40"] | None = None
    order: str = "config"
    statistic: Literal["mean_sd", "median_iqr", "mean_interval"] = "mean_sd"
    reference: Label | None = None
    by_kind: bool = False
    success_tre_mm: Annotated[float, Field(gt=0)] = 2.0

    @property
    def chosen_columns(self) -> tuple[str, ...]:
        """The columns asked for, one way or the other; empty takes the usual ones."""
        return self.columns or (PRESETS[self.preset] if self.preset else ())

    @field_validator("order")
    @classmethod
    def _known_order(cls, order: str) -> str:
        if order != "config":
            check_metric(order)
            if METRICS[order].better == "neither":
                raise ValueError(f"{order!r} has no better direction to order by")
        return order

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        for name in columns:
            check_metric(name)
            if columns.count(name) > 1:
                raise ValueError(f"{name!r} is given twice")
        return columns


class ProtocolConfig(Section):
    """Asks for ``protocol.json``: the numbers of one run beside those of an oracle, pair by pair.

    Attributes
    ----------
    ours, oracle : str
        Run labels. The transforms of both are kept, to tell how far they lie apart.
    """

    ours: str
    oracle: str


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
    stacks : tuple of str
        Names of the datasets whose pairs are consecutive sections: their transforms are kept and composed along the
        stack.
    protocol : ProtocolConfig or None
        Asks for ``protocol.json``.
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
    stacks: tuple[str, ...] = ()
    protocol: ProtocolConfig | None = None
    figures: FiguresConfig = FiguresConfig()
    report: ReportConfig = ReportConfig()

    @property
    def all_datasets(self) -> tuple[DatasetConfig, ...]:
        """The datasets under whichever of the two keys they were given."""
        return (self.dataset,) if self.dataset else self.datasets

    @property
    def jobs_at_once(self) -> int:
        """Jobs that may run at once, on all workers of the cluster together where there is one."""
        return self.cluster.workers if self.cluster else self.resources.jobs

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
        optional = [dataset.name for dataset in self.all_datasets if dataset.optional]
        for index, dataset in enumerate(self.all_datasets):
            if dataset.in_place_of is not None and dataset.in_place_of not in optional:
                place = "dataset" if self.dataset else f"datasets[{index}]"
                hint = nearest_hint(dataset.in_place_of, optional)
                raise ValueError(
                    f"{place}.in_place_of: no optional dataset {dataset.in_place_of!r} here{hint}"
                )
        if self.cluster and self.cluster.cores < max(self.resources.thread_counts):
            asked = max(self.resources.thread_counts)
            raise ValueError(f"cluster: cores must be at least the {asked} threads of resources")
        return self
