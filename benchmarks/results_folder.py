"""The folder of one benchmark: its records, the config that made them, and what was planned."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import yaml
from msgspec import structs

from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.frozen import Frozen, decoded, indented
from benchmarks.garbage import collector_paused
from benchmarks.plan import Job, Plan
from benchmarks.record_store import Head, RecordStore
from benchmarks.records import RunRecord, Track
from benchmarks.run_lock import held
from benchmarks.selection import Filter, matches
from benchmarks.whole_files import write_whole
from benchmarks.workload import Workload

# What the folder of a published run has instead of a store.
_PACKED = "records.jsonl.xz"
# What a config says of the report alone.
SHOWN = ("title", "description", "report", "figures", "gates")


class PlannedJob(NamedTuple):
    """A job of the last run: its id, and what its identity says of it."""

    job_id: str
    run: str
    track: Track
    backend: str
    dataset: str
    pair_id: str
    threads: int

    @property
    def workload(self) -> Workload:
        """What the job's time mostly depends on."""
        return Workload(self.run, self.dataset, self.threads)


class Manifest(Frozen, kw_only=True):
    """What the last run set out to do.

    Attributes
    ----------
    source : str
        The config file as it was named.
    overrides : tuple of str
        The ``--set`` options.
    jobs : tuple of PlannedJob
        What was planned, in the order of running.
    descriptions : dict of str to str
        What each dataset says of itself.
    left_out : tuple of str
        A sentence for each dataset of the config that was not used.
    """

    source: str
    overrides: tuple[str, ...]
    jobs: tuple[PlannedJob, ...]
    descriptions: dict[str, str]
    left_out: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The command that repeats the run, as a shell takes it."""
        options = [word for override in self.overrides for word in ("--set", override)]
        return shlex.join(["python", "-m", "benchmarks", "run", self.source, *options])


@dataclass(frozen=True)
class StoredRun:
    """What a results folder holds of its last run.

    Attributes
    ----------
    config : Config
        As validated, overrides applied.
    manifest : Manifest
        What was planned.
    records : tuple of RunRecord
        The latest record of each planned job that has one, pair by pair and run by run.
    selection : tuple of str
        What they were chosen by, ``KEY=PATTERN`` each; empty where they are all.
    """

    config: Config
    manifest: Manifest
    records: tuple[RunRecord, ...]
    selection: tuple[str, ...] = ()

    @property
    def pending(self) -> int:
        """Number of planned jobs that have no record yet."""
        return len(self.manifest.jobs) - len(self.records)

    def shown_as(self, config: Config) -> StoredRun:
        """Return the same run under what a config says of its report alone, which no job depends on."""
        return replace(
            self, config=self.config.model_copy(update={name: getattr(config, name) for name in SHOWN})
        )

    def only(self, filters: Sequence[Filter], selection: Sequence[str]) -> StoredRun:
        """Return the part that matches filters; gates, which judge the whole, are left out of it.

        Parameters
        ----------
        filters : sequence of Filter
            One of each key has to match.
        selection : sequence of str
            The same as the user gave them.
        """
        jobs = tuple(job for job in self.manifest.jobs if matches(job, filters))
        return StoredRun(
            self.config.model_copy(update={"gates": ()}),
            structs.replace(self.manifest, jobs=jobs),
            tuple(record for record in self.records if matches(record.identity, filters)),
            tuple(selection),
        )


class ResultsFolder:
    """Reads and writes the files of a benchmark's results.

    Parameters
    ----------
    path : Path
        ``results/<name>``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = RecordStore(path / "records.jsonl")
        self.scratch = path / "tmp"

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have the folder to oneself, without what a run that was killed left unfinished in it.

        Raises
        ------
        ConfigError
            When another run works in it, or it is that of a published run.
        """
        self._refuse_published()
        with held(self.path):
            self.store.mend()
            shutil.rmtree(self.scratch, ignore_errors=True)
            yield

    def begin(self, plan: Plan, source: str, overrides: Sequence[str]) -> None:
        """Write down what is about to run."""
        manifest = Manifest(
            source=source,
            overrides=tuple(overrides),
            jobs=tuple(_planned(job) for job in plan.jobs),
            descriptions={name: dataset.description for name, dataset in plan.datasets.items()},
            left_out=plan.left_out,
        )
        text = yaml.safe_dump(plan.config.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
        write_whole(self.path / "config.yaml", text.encode())
        write_whole(self.path / "run.json", indented(manifest))

    def begun(self) -> tuple[Config, Manifest]:
        """Read what the last run set out to do.

        Raises
        ------
        ConfigError
            When the folder holds no run, a published one, or one that this version cannot read.
        """
        self._refuse_published()
        with self._readable():
            config = Config.model_validate(yaml.safe_load((self.path / "config.yaml").read_text()))
            return config, decoded((self.path / "run.json").read_bytes(), Manifest)

    def heads(self) -> list[Head]:
        """Read what resuming needs of all records.

        Raises
        ------
        ConfigError
            When this version cannot read one.
        """
        with self._readable():
            return self.store.heads()

    def load(self, within_bytes: int | None = None) -> StoredRun:
        """Read the last run back.

        Parameters
        ----------
        within_bytes : int or None
            How much of the store to read; None reads all of it.

        Raises
        ------
        ConfigError
            When the folder holds no run, or one that this version cannot read.
        """
        with collector_paused():
            config, manifest = self.begun()
            # As tables go over them.
            jobs = sorted(manifest.jobs, key=attrgetter("dataset", "pair_id", "run"))
            with self._readable():
                found = self.store.latest((job.job_id for job in jobs), within_bytes)
            records = tuple(_as_planned(found[job.job_id], job) for job in jobs if job.job_id in found)
            return StoredRun(config, manifest, records)

    def _refuse_published(self) -> None:
        if (self.path / _PACKED).exists():
            raise ConfigError(
                f"{self.path}: is a published run, not a results folder: RESULTS.md links to its report, which "
                "'python -m benchmarks publish --stored' writes again from it; 'python -m benchmarks run "
                f"{self.path / 'config.yaml'}' makes a results folder of the same config"
            )

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            missing = (
                f"{Path(error.filename).name} is not there" if self.store.size_bytes else "holds no run yet"
            )
            raise ConfigError(
                f"{self.path}: {missing}; 'python -m benchmarks run' with its config begins it, and repeats nothing "
                "that is done"
            ) from None
        except (ValueError, yaml.YAMLError) as error:
            said = " ".join(str(error).split())
            raise ConfigError(f"{self.path}: was written by another version or is damaged: {said}") from None


def _planned(job: Job) -> PlannedJob:
    identity = job.identity
    return PlannedJob(
        job_id=job.job_id,
        run=identity.run,
        track=identity.track,
        backend=identity.backend,
        dataset=identity.dataset,
        pair_id=identity.pair_id,
        threads=identity.threads,
    )


def _as_planned(record: RunRecord, job: PlannedJob) -> RunRecord:
    """Return the record under the names that the config has now, which are no part of what was measured."""
    if (record.identity.run, record.identity.track) == (job.run, job.track):
        return record
    named = structs.replace(record.identity, run=job.run, track=job.track)
    return structs.replace(record, identity=named)
