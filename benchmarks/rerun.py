"""Repeats the job of a stored record and says what is the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from msgspec import structs

from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.environment import Environment, load_environment
from benchmarks.fingerprint import backend_version, evaluation_version
from benchmarks.local_workers import LocalWorkers
from benchmarks.noise import load_noise_floors
from benchmarks.parameter_sets import build_params
from benchmarks.plan import Job, Limits, job_limits
from benchmarks.plugins import adapter_class, dataset_class
from benchmarks.record_store import RecordStore
from benchmarks.records import RunRecord, Scores
from benchmarks.results_folder import ResultsFolder
from benchmarks.runner import run_jobs, run_settings
from datasets.fetching import FetchRequest

# Scores closer than this are the same whatever the tolerance: both may be a rounded zero.
NEGLIGIBLE = 1e-9
NAMED_PACKAGES = 5
NAMED_JOBS = 3


@dataclass(frozen=True)
class FoundRecord:
    """A stored record and the benchmark that it belongs to."""

    folder: ResultsFolder
    record: RunRecord


@dataclass(frozen=True)
class ScoreChange:
    """A score of the stored record beside that of the repetition."""

    metric: str
    stored: float | None
    repeated: float | None
    same: bool


@dataclass(frozen=True)
class Comparison:
    """What a repetition showed.

    Attributes
    ----------
    stored, repeated : RunRecord
        The record, and the first one of its repetitions.
    scores : tuple of ScoreChange
        Every score that either of them has.
    time_ratio : float or None
        Median forward time of the repetitions by the stored one; None where either has none.
    noise_floor : float or None
        Ratio below which times of equals lie; None where it was not measured here, or this is another machine.
    differences : tuple of str
        What is not as it was, a line each.
    """

    stored: RunRecord
    repeated: RunRecord
    scores: tuple[ScoreChange, ...]
    time_ratio: float | None
    noise_floor: float | None
    differences: tuple[str, ...]

    @property
    def same_outcome(self) -> bool:
        """Whether status and all scores are the same."""
        return self.stored.status is self.repeated.status and all(score.same for score in self.scores)

    @property
    def same_time(self) -> bool:
        """False when the times differ by more than noise on the same machine."""
        if self.time_ratio is None or self.noise_floor is None:
            return True
        return 1 / self.noise_floor <= self.time_ratio <= self.noise_floor


def find_record(results_dir: Path, wanted: str, warn: Callable[[str], None]) -> FoundRecord:
    """Return the record that counts of the only job whose id begins so.

    Folders without a run, such as that of a calibration, are left out.

    Parameters
    ----------
    results_dir : Path
        Folder that holds one folder per benchmark.
    wanted : str
        Job id or its beginning; the folder's name and ``/`` may stand before it.
    warn : callable
        Is told of each folder that cannot be read, where the record lies in another one.

    Raises
    ------
    ConfigError
        When there is none, or more than one.
    """
    name, _, prefix = wanted.rpartition("/")
    found, unread = {}, []
    for folder in sorted(path.parent for path in results_dir.glob("*/records.jsonl")):
        try:
            if name in ("", folder.name) and (folder / "run.json").is_file():
                for head in ResultsFolder(folder).heads():
                    if head.job_id.startswith(prefix):
                        found[folder, head.job_id] = f"{folder.name}/{head.job_id} ({head.identity.run})"
        except (ConfigError, OSError) as error:
            unread.append(str(error))
    if not found:
        raise ConfigError("; ".join([f"{results_dir}: no record whose id begins with {wanted!r}", *unread]))
    for said in unread:
        warn(said)
    if len(found) > 1:
        more = ", …" if len(found) > NAMED_JOBS else ""
        raise ConfigError(
            f"{results_dir}: {len(found)} jobs begin with {wanted!r}: "
            f"{', '.join(list(found.values())[:NAMED_JOBS])}{more}; give more letters, or FOLDER/ID as here"
        )
    ((folder, job_id),) = found
    results = ResultsFolder(folder)
    return FoundRecord(results, results.store.latest([job_id])[job_id])


def rerun(
    found: FoundRecord, cache_root: Path, scratch: Path, fetch: FetchRequest, repeats: int, tolerance: float
) -> Comparison:
    """Repeat a job with today's software and compare; nothing stored changes.

    Parameters
    ----------
    found : FoundRecord
        What to repeat.
    cache_root, scratch : Path
        Where datasets lie; a folder for the records of the repetition.
    fetch : FetchRequest
        How the dataset may be fetched.
    repeats : int
        How often to run the job.
    tolerance : float
        Largest relative difference of scores that are called the same.
    """
    record = found.record
    identity = record.identity
    config, manifest = found.folder.begun()
    dataset_type = dataset_class(identity.dataset)
    params = build_params(dataset_type.Params, identity.all_dataset_params, "dataset.params")
    dataset = dataset_type(params, cache_root)
    dataset.fetch(fetch)
    versions = {
        "backend": (identity.backend_version, backend_version(adapter_class(identity.backend))),
        "metrics": (identity.evaluation_version, evaluation_version()),
        "dataset": (identity.dataset_version, dataset.versions().get(identity.pair_id, "absent")),
    }
    label = next((job.run for job in manifest.jobs if job.job_id == record.job_id), identity.run)
    job = Job(record.job_id, identity, _limits(config, label), keep_panels=False, keep_transform=False)
    settings = replace(
        run_settings(config, cache_root, scratch),
        device=identity.device,
        concurrent_jobs=1,
        warmup=record.provenance.warmup,
        fresh_workers=record.provenance.fresh_workers,
    )
    store = RecordStore(scratch / "records.jsonl")
    with LocalWorkers(settings) as workers:
        run_jobs([job] * repeats, workers, store, lambda _: None, lambda _: None)
    repeated = store.read()
    calibration = load_noise_floors(found.folder.path.parent).of([record, *repeated])
    differences = [f"{what}: {old}, now {new}" for what, (old, new) in versions.items() if old != new]
    return Comparison(
        stored=record,
        repeated=repeated[0],
        scores=_compare(record.after, repeated[0].after, tolerance),
        time_ratio=_time_ratio(record, repeated),
        noise_floor=calibration.floor(1) if calibration else None,
        differences=(*differences, *_environments(found, repeated[0], scratch)),
    )


def _limits(config: Config, label: str) -> Limits:
    """Return the limits of a run given by its label, which names the values swept after the config's."""
    for run in config.runs:
        if label == run.label or label.startswith(f"{run.label} ["):
            return job_limits(config.limits, run.limits)
    return Limits(config.limits.timeout_s, config.limits.memory_mib)


def _compare(stored: Scores, repeated: Scores, tolerance: float) -> tuple[ScoreChange, ...]:
    names = dict.fromkeys([*stored, *repeated])
    pairs = {name: (stored.get(name), repeated.get(name)) for name in names}
    return tuple(
        ScoreChange(name, old, new, _same(old, new, tolerance))
        for name, (old, new) in pairs.items()
        if old is not None or new is not None
    )


def _same(stored: float | None, repeated: float | None, tolerance: float) -> bool:
    if stored is None or repeated is None:
        return stored is repeated
    if math.isnan(stored) or math.isnan(repeated):
        return math.isnan(stored) and math.isnan(repeated)
    return math.isclose(stored, repeated, rel_tol=tolerance, abs_tol=NEGLIGIBLE)


def _time_ratio(stored: RunRecord, repeated: Sequence[RunRecord]) -> float | None:
    before = stored.seconds.get("forward")
    now = [record.seconds["forward"] for record in repeated if "forward" in record.seconds]
    return median(now) / before if before and now else None


def _environments(found: FoundRecord, repeated: RunRecord, scratch: Path) -> list[str]:
    """Return what differs between the machines and their software."""
    then = load_environment(found.folder.path, found.record.provenance.environment)
    now = load_environment(scratch, repeated.provenance.environment)
    if then is None or now is None:
        return ["environment: that of the record is not kept"]
    old, new = (_plain(environment) for environment in (then, now))
    lines = [f"{name}: {old[name]}, now {new[name]}" for name in old if old[name] != new[name]]
    return lines + _packages(then.distributions, now.distributions)


def _plain(environment: Environment) -> dict[str, object]:
    return {name: value for name, value in structs.asdict(environment).items() if name != "distributions"}


def _packages(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    changed = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    lines = [
        f"{name}: {then.get(name, 'not installed')}, now {now.get(name, 'not installed')}"
        for name in changed[:NAMED_PACKAGES]
    ]
    more = len(changed) - NAMED_PACKAGES
    return [*lines, f"and {more} more packages"] if more > 0 else lines
