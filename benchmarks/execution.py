"""One job from its images to its record, inside a worker process."""

from __future__ import annotations

import gc
import importlib
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adapters.interface import Adapter, DifferentiableAdapter, Gradients, Problem, Registration, Resources
from benchmarks.artefacts import panels_of, stacks_of
from benchmarks.devices import Device, open_device
from benchmarks.evaluation import Evaluation, InvalidResult, evaluate, problem_of
from benchmarks.gradient_check import TimeLeft, check_backend
from benchmarks.gradient_record import GradientCheck
from benchmarks.job_folder import JobFolder
from benchmarks.kept_transforms import ARTEFACT, kept_name, write_kept
from benchmarks.label_scores import LabelScores
from benchmarks.memory import peak_memory
from benchmarks.normalisation import NormalisedPair, PairRanges, normalise, robust_ranges
from benchmarks.panels import panels_name, write_panels
from benchmarks.parameter_sets import build_params
from benchmarks.plain_data import plain
from benchmarks.plan import Job
from benchmarks.plugins import adapter_class, dataset_class
from benchmarks.probes import probes_mm
from benchmarks.provenance import Witness, effective_threads
from benchmarks.records import Failure, Gradient, Identity, Provenance, RunRecord, Status
from benchmarks.stacks import stacks_name, write_stacks
from benchmarks.transform_artefacts import kept_transform
from benchmarks.worker_settings import WorkerSettings
from datasets.base import Dataset
from datasets.pair import Pair


class UnsupportedError(Exception):
    """The backend says that it cannot do this problem."""


class UnavailableError(Exception):
    """Something that the backend requires is not installed, or too old."""


@dataclass(frozen=True)
class Told:
    """What a backend tells of its solve, in types that JSON knows; see :class:`Registration`."""

    statistics: dict[str, Any] = field(default_factory=dict)
    effective: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    trace: tuple[tuple[float | None, ...], ...] = ()


@dataclass
class Measurement:
    """What is known of a job so far; turned into its record whatever happens."""

    stage: str = "import"
    seconds: dict[str, float] = field(default_factory=dict)
    peak_rss_mib: float | None = None
    peak_cuda_mib: float | None = None
    registration: Registration | None = None
    told: Told = field(default_factory=Told)
    gradient: Gradient | None = None
    gradient_check: GradientCheck | None = None
    started: float = field(default_factory=time.monotonic)
    before: Evaluation | None = None
    after: Evaluation | None = None
    probes_mm: tuple[tuple[float, ...], ...] = ()
    artefacts: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time a stage; if it raises, the failure is said to be there."""
        self.stage = stage
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start


class Executor:
    """Runs jobs one after the other, keeping between them what is costly and harmless to keep.

    Parameters
    ----------
    settings : WorkerSettings
        What the worker was started with.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._folder = JobFolder(settings.scratch)
        self._datasets: dict[str, Dataset[Any]] = {}
        self._last_pair: tuple[str, Pair, NormalisedPair] | None = None
        self._ranges: dict[str, PairRanges] = {}
        self._starts: dict[str, Evaluation] = {}
        self._warm: set[tuple[str, str, int]] = set()
        self._witness = Witness(settings.run)
        self._settled = False

    def run(self, job: Job) -> RunRecord:
        """Run one job.

        Everything that a backend or a dataset raises, ``SystemExit`` included, becomes the record's failure.
        """
        measurement = Measurement()
        status, failure = Status.OK, None
        before, gpu = self._witness.look(), ""
        with self._folder.of(job.job_id):
            try:
                device = open_device(self._settings.run.device)
                gpu = device.name
                self._measure(job, measurement, device)
            except BaseException as error:
                status, failure = _classify(error), _failure(measurement.stage, error)
        self._settle()
        return self._record(
            job, measurement, status, failure, self._witness.tell(before, effective_threads(), gpu)
        )

    def _settle(self) -> None:
        """Leave what the first job imported out of later searches for garbage: they took longer than a small job."""
        if not self._settled:
            gc.collect()
            gc.freeze()
            self._settled = True

    def _measure(self, job: Job, measurement: Measurement, device: Device) -> None:
        identity = job.identity
        adapter_type = _import_backend(identity.backend)
        with measurement.timed("load"):
            pair, images = self._pair(identity)
        problem = problem_of(pair, reveal_truth=adapter_type.reference, images=images)
        _refuse(adapter_type, identity, problem, device)
        self._warm_up(identity, adapter_type, problem, measurement, device)

        adapter = _adapter(identity, adapter_type)
        gc.collect()
        device.reset_peak()
        with peak_memory() as memory:
            with measurement.timed("prepare"):
                adapter.prepare(problem, self._resources(), identity.seed)
            device.synchronize()
            with measurement.timed("forward"):
                adapter.register()
                device.synchronize()
            gradients = None
            if isinstance(adapter, DifferentiableAdapter) and adapter.differentiates:
                with measurement.timed("backward"):
                    gradients = adapter.backward()
                    device.synchronize()
                measurement.gradient = _summarise(gradients)
            measurement.peak_rss_mib = round(memory.peak_mib(), 1)
            measurement.peak_cuda_mib = device.peak_mib()
        with measurement.timed("result"):
            measurement.registration = adapter.result()
            measurement.told = _told(measurement.registration)
        with measurement.timed("evaluate"):
            self._evaluate(job, pair, images, measurement)
        if gradients is not None and identity.gradient_check is not None:
            with measurement.timed("gradient_check"):
                measurement.gradient_check = check_backend(
                    lambda: _adapter(identity, adapter_type),
                    problem,
                    gradients,
                    identity.gradient_check,
                    self._resources(),
                    TimeLeft(measurement.started + job.limits.timeout_s),
                )

    def _evaluate(self, job: Job, pair: Pair, images: NormalisedPair, measurement: Measurement) -> None:
        assert measurement.registration is not None
        registration = measurement.registration
        measurement.before = self._start(job.identity, pair, images)
        measurement.after = evaluate(pair, registration.transform, registration.inverse, images)
        if job.keep_transform:
            name = kept_name(job.job_id)
            write_kept(self._settings.run.results / name, kept_transform(pair, registration.transform))
            measurement.artefacts[ARTEFACT] = name
        if pair.info.undisturbed:
            measurement.probes_mm = probes_mm(pair, registration.transform, images.mask)
        if job.keep_panels:
            name = panels_name(job.job_id)
            write_panels(self._settings.run.results / name, panels_of(pair, registration.transform))
            measurement.artefacts["panels"] = name
            if stacks := stacks_of(pair, registration.transform):
                name = stacks_name(job.job_id)
                write_stacks(self._settings.run.results / name, stacks)
                measurement.artefacts["stacks"] = name

    def _warm_up(
        self,
        identity: Identity,
        adapter_type: type[Adapter[Any]],
        problem: Problem,
        measurement: Measurement,
        device: Device,
    ) -> None:
        # A list of files may have pairs of both dimensions, and what one needs says little of the other.
        key = identity.run, identity.dataset, identity.dimension
        if key in self._warm or adapter_type.reference:
            return
        measurement.stage = "warm-up"
        for _ in range(self._settings.run.warmup):
            adapter = _adapter(identity, adapter_type)
            adapter.prepare(problem, self._resources(), identity.seed)
            adapter.register()
            if isinstance(adapter, DifferentiableAdapter) and adapter.differentiates:
                adapter.backward()
            device.synchronize()
        # One that failed may have stopped before what is slow the first time.
        self._warm.add(key)

    def _resources(self) -> Resources:
        return Resources(self._settings.threads, self._settings.run.device)

    def _dataset(self, identity: Identity) -> Dataset[Any]:
        key = f"{identity.dataset}|{identity.all_dataset_params}"
        if key not in self._datasets:
            found = dataset_class(identity.dataset)
            params = build_params(found.Params, identity.all_dataset_params, "dataset.params")
            self._datasets[key] = found(params, self._settings.run.cache_root)
        return self._datasets[key]

    def _pair(self, identity: Identity) -> tuple[Pair, NormalisedPair]:
        """Load and normalise a pair, unless the last job was on the same."""
        key = _pair_key(identity)
        if self._last_pair is None or self._last_pair[0] != key:
            self._last_pair = None
            pair = self._dataset(identity).load(identity.pair_id)
            if key not in self._ranges:
                self._ranges[key] = robust_ranges(pair)
            self._last_pair = (key, pair, normalise(pair, self._ranges[key]))
        return self._last_pair[1:]

    def _start(self, identity: Identity, pair: Pair, images: NormalisedPair) -> Evaluation:
        """Evaluate the prealigned start once per pair."""
        key = _pair_key(identity)
        if key not in self._starts:
            self._starts[key] = evaluate(pair, None, None, images)
        return self._starts[key]

    def _record(
        self,
        job: Job,
        measurement: Measurement,
        status: Status,
        failure: Failure | None,
        circumstances: Provenance,
    ) -> RunRecord:
        before, after, told = measurement.before, measurement.after, measurement.told
        # With many labels their scores are the larger part of a record: those of the start are stored once a run and
        # pair.
        first = job.identity.repeat == 0
        return RunRecord(
            job_id=job.job_id,
            identity=job.identity,
            status=status,
            failure=failure,
            seconds=measurement.seconds,
            peak_rss_mib=measurement.peak_rss_mib,
            peak_cuda_mib=measurement.peak_cuda_mib,
            before=dict(before.scores) if before else {},
            after=dict(after.scores) if after else {},
            labels=LabelScores.of(after.labels if after else {}),
            labels_before=LabelScores.of(before.labels if before and first else {}),
            gradient=measurement.gradient,
            gradient_check=measurement.gradient_check,
            statistics=told.statistics,
            effective=told.effective,
            schedule=told.schedule,
            trace=told.trace,
            artefacts=measurement.artefacts,
            probes_mm=measurement.probes_mm,
            provenance=circumstances,
        )


def _pair_key(identity: Identity) -> str:
    return f"{identity.dataset}|{identity.dataset_params}|{identity.pair_id}"


def _import_backend(name: str) -> type[Adapter[Any]]:
    adapter_type = adapter_class(name)
    for module in adapter_type.requires:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise UnavailableError(f"{name} needs the package {module!r}: {error}") from error
    return adapter_type


def _adapter(identity: Identity, adapter_type: type[Adapter[Any]]) -> Adapter[Any]:
    return adapter_type(build_params(adapter_type.Params, identity.params, "params"))


def _refuse(adapter_type: type[Adapter[Any]], identity: Identity, problem: Problem, device: Device) -> None:
    """Refuse what the backend cannot do, and what the installed one lacks."""
    if device.kind not in adapter_type.devices:
        raise UnsupportedError(
            f"{identity.backend} runs on {' and '.join(adapter_type.devices)}, not {device.kind}"
        )
    adapter = _adapter(identity, adapter_type)
    if reason := adapter.unavailable():
        raise UnavailableError(reason)
    if reason := adapter.unsupported(problem):
        raise UnsupportedError(reason)


def _classify(error: BaseException) -> Status:
    match error:
        case UnavailableError():
            return Status.UNAVAILABLE
        case UnsupportedError():
            return Status.UNSUPPORTED
        case InvalidResult():
            return Status.INVALID
        case MemoryError():
            return Status.OOM
        case _:
            return Status.FAILED


def _failure(stage: str, error: BaseException) -> Failure:
    said = " ".join(_text(error).split())
    message = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if isinstance(error, UnavailableError | UnsupportedError | InvalidResult):
        message = said
    return Failure(
        stage=stage, message=message[:500], detail="".join(traceback.format_exception(error))[-8000:]
    )


def _text(error: BaseException) -> str:
    """Return what an exception says; one of a backend may raise another one instead."""
    try:
        return str(error)
    except BaseException as another:
        return f"what it says cannot be told: {type(another).__name__}"


def _summarise(gradients: Gradients) -> Gradient:
    arrays = {"moving": gradients.moving, "fixed": gradients.fixed, "parameters": gradients.parameters}
    finite = all(bool(np.isfinite(array).all()) for array in arrays.values())
    norms = {name: float(np.linalg.norm(array.astype(np.float64).ravel())) for name, array in arrays.items()}
    return Gradient(
        finite=finite,
        moving_norm=norms["moving"] if np.isfinite(norms["moving"]) else None,
        fixed_norm=norms["fixed"] if np.isfinite(norms["fixed"]) else None,
        parameters_norm=norms["parameters"] if np.isfinite(norms["parameters"]) else None,
    )


def _told(registration: Registration) -> Told:
    return Told(
        statistics=plain(registration.statistics),
        effective=plain(registration.effective),
        schedule=plain(registration.schedule),
        trace=tuple(tuple(map(_finite, level)) for level in registration.trace),
    )


def _finite(cost: float) -> float | None:
    return float(cost) if np.isfinite(cost) else None
