"""The part of a distributed run that works on a node: checks, data, isolated worker processes, delivery."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition, Lock, Timer

from distributed import Worker, WorkerPlugin, get_worker

from benchmarks.environment import FOLDER as ENVIRONMENTS
from benchmarks.fingerprint import backend_version, evaluation_version
from benchmarks.local_workers import LocalWorkers
from benchmarks.parameter_sets import build_params
from benchmarks.plan import Job
from benchmarks.plugins import adapter_class, dataset_class
from benchmarks.provenance import Witness
from benchmarks.records import Failure, Identity, RunRecord, Status
from benchmarks.workers import RunSettings
from datasets.fetching import FetchRequest

DATA_VARIABLE = "REGBENCH_DATA_DIR"
LONGEST_LOG = 256 * 1024
# After so long without a job, processes and files make way; another job would have new ones.
_IDLE_S = 900.0


@dataclass(frozen=True)
class Delivery:
    """What comes back from a node.

    Attributes
    ----------
    record : RunRecord
        How the job went.
    files : mapping of str to bytes
        Files of the results folder by relative path.
    logs : mapping of str to bytes
        What has been printed since the last delivery, by relative path of the log.
    """

    record: RunRecord
    files: Mapping[str, bytes]
    logs: Mapping[str, bytes]


class NodeLeftError(Exception):
    """The node takes no more jobs of the run."""


class NodeMismatchError(Exception):
    """The node's software or data are not what the job was planned for."""


class Node(WorkerPlugin):
    """Lives in every Dask worker of a run and hands its jobs to isolated processes of that node.

    Parameters
    ----------
    settings : RunSettings
        As for this machine; the results folder gives way to one of the node's own.
    name : str
        Tells this run from others on the same cluster.
    fetch : FetchRequest
        How datasets may be fetched there.
    """

    def __init__(self, settings: RunSettings, name: str, fetch: FetchRequest) -> None:
        self.name = name
        self._fetch = fetch
        self._settings = settings

    def setup(self, worker: Worker) -> None:
        """Find the node's own folders."""
        self._lock = Lock()
        self._job_ended = Condition(self._lock)
        self._running = 0
        self._local: LocalWorkers | None = None
        self._idle: Timer | None = None
        self._left = False
        self._versions: dict[str, Mapping[str, str]] = {}
        self._log_ends: dict[Path, int] = {}
        self._threads = worker.state.nthreads
        self._host = worker.ip
        self._settings = replace(
            self._settings,
            cache_root=Path(os.environ.get(DATA_VARIABLE, self._settings.cache_root)),
            results=Path(worker.local_directory) / self.name,
            concurrent_jobs=self._threads,
        )

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """End the isolated processes with whatever they are doing, and leave nothing on the node."""
        with self._lock:
            self._left = True
            self._end_workers()

    def run(self, job: Job, slots: Mapping[str, int]) -> Delivery:
        """Run one job.

        Parameters
        ----------
        job : Job
            The job.
        slots : mapping of str to int
            Jobs that may run at once per host, as far as the caller knows.
        """
        try:
            self._check(job.identity)
        except Exception as error:
            refusal = self._refusal(job, error)
            return Delivery(refusal, self._files(refusal), {})
        with self._workers(max(self._threads, slots.get(self._host, 0))) as workers:
            record = workers.schedule(job).result()
            return Delivery(record, self._files(record), self._new_log_text())

    @contextmanager
    def _workers(self, concurrent_jobs: int) -> Iterator[LocalWorkers]:
        """Lend the isolated workers; new ones when more jobs than before share the host, which affects pinning.

        These wait for the jobs under way: to end them would lose their work, to run beside them would share their
        processors.
        """
        with self._job_ended:
            while self._running and concurrent_jobs > self._settings.concurrent_jobs:
                self._job_ended.wait()
            workers = self._renewed(concurrent_jobs)
            self._running += 1
            if self._idle is not None:
                self._idle.cancel()
        try:
            yield workers
        finally:
            with self._job_ended:
                self._running -= 1
                self._job_ended.notify_all()
                if not self._running:
                    # Nobody tells a node that the run's own process was killed.
                    self._idle = Timer(_IDLE_S, self._end_if_idle)
                    self._idle.daemon = True
                    self._idle.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            if not self._running:
                self._end_workers()

    def _end_workers(self) -> None:
        if self._local is not None:
            self._local.stop()
            self._local = None
            shutil.rmtree(self._settings.results, ignore_errors=True)

    def _renewed(self, concurrent_jobs: int) -> LocalWorkers:
        if self._left:
            raise NodeLeftError("this node has left the run")
        if self._local is not None and concurrent_jobs > self._settings.concurrent_jobs:
            self._end_workers()
        if self._local is None:
            largest = max(concurrent_jobs, self._settings.concurrent_jobs)
            self._settings = replace(self._settings, concurrent_jobs=largest)
            self._local = LocalWorkers(self._settings)
        return self._local

    def _check(self, identity: Identity) -> None:
        """Refuse a job that this node would measure with other software or data, and fetch what is missing."""
        key = f"{identity.backend}|{identity.dataset}|{identity.all_dataset_params}"
        with self._lock:
            if key not in self._versions:
                adapter = adapter_class(identity.backend)
                _require_same("backend", identity.backend_version, backend_version(adapter))
                _require_same("metrics", identity.evaluation_version, evaluation_version())
                found = dataset_class(identity.dataset)
                params = build_params(found.Params, identity.all_dataset_params, "dataset.params")
                dataset = found(params, self._settings.cache_root)
                dataset.fetch(self._fetch)
                self._versions[key] = dataset.versions()
            here = self._versions[key].get(identity.pair_id, "absent")
            _require_same("dataset", identity.dataset_version, here)

    def _refusal(self, job: Job, error: Exception) -> RunRecord:
        said = f"{type(error).__name__}: {' '.join(str(error).split())} (on {self._host})"
        return RunRecord(
            job_id=job.job_id,
            identity=job.identity,
            status=Status.FAILED,
            failure=Failure(stage="worker", message=said[:500]),
            provenance=Witness(self._settings).tell(None, {}, gpu=""),
        )

    def _files(self, record: RunRecord) -> dict[str, bytes]:
        environment = record.provenance.environment
        named = [*record.artefacts.values(), *([f"{ENVIRONMENTS}/{environment}.json"] if environment else [])]
        paths = {name: self._settings.results / name for name in named}
        return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}

    def _new_log_text(self) -> dict[str, bytes]:
        logs = {}
        with self._lock:
            for path in sorted((self._settings.results / "logs").glob("*.log")):
                size, known = path.stat().st_size, self._log_ends.get(path, 0)
                start = max(size - LONGEST_LOG, known if known <= size else 0)
                if size > start:
                    with path.open("rb") as file:
                        file.seek(start)
                        logs[f"logs/{path.name}"] = file.read(size - start)
                self._log_ends[path] = size
        return logs


def run_on_node(job: Job, name: str, slots: Mapping[str, int]) -> Delivery:
    """Run one job on the node whose Dask worker calls this."""
    node = get_worker().plugins[name]
    assert isinstance(node, Node)
    return node.run(job, slots)


def _require_same(what: str, planned: object, found: object) -> None:
    if planned != found:
        raise NodeMismatchError(
            f"the {what} was planned as {planned} but is {found} here: install the same versions everywhere"
        )
