"""Workers on other machines, through Dask distributed."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distributed import Client, KilledWorker
from distributed import Future as DaskFuture

from benchmarks.cluster_node import Delivery, Node, run_on_node
from benchmarks.config_file import ConfigError
from benchmarks.plan import Job
from benchmarks.provenance import Witness
from benchmarks.records import Failure, RunRecord, Status
from benchmarks.whole_files import write_whole
from benchmarks.workers import RunSettings, Workers, WorkersLostError
from datasets.fetching import FetchRequest, NoProgress

CONNECT_WITHIN_S = 30.0
# How long the number of workers is taken as known.
_FRESH_S = 5.0
# Jobs handed over per slot: the next one is there before the last one's record is stored.
_QUEUED_PER_SLOT = 2


class ClusterWorkers(Workers):
    """Hands jobs to a Dask scheduler; records and files come back over the network.

    A job whose worker is lost goes to another one. A job that loses the scheduler's ``allowed-failures`` and one
    more workers becomes a record.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    settings : RunSettings
        As for this machine.
    fetch : FetchRequest
        How nodes may fetch the data that they lack.
    slots_expected : int
        Workers that are to come, whose jobs can be handed over before they are there.

    Raises
    ------
    ConfigError
        When no scheduler answers.
    """

    def __init__(
        self, address: str, settings: RunSettings, fetch: FetchRequest, slots_expected: int = 1
    ) -> None:
        self._settings = settings
        self._expected = slots_expected
        self._name = f"regbench-{uuid.uuid4().hex}"
        self._pending: set[DaskFuture[Delivery]] = set()
        self._slots: Counter[str] = Counter()
        self._looked = -_FRESH_S
        self._witness = Witness(settings)
        try:
            self._client = Client(address, timeout=CONNECT_WITHIN_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigError(f"--scheduler {address}: no Dask scheduler answers there: {error}") from None
        self._client.register_plugin(Node(settings, self._name, replace(fetch, progress=NoProgress())))

    @property
    def capacity(self) -> int:
        """How many jobs can be handed over at once."""
        return _QUEUED_PER_SLOT * max(self._expected, sum(self._slots_by_host().values()))

    def schedule(self, job: Job) -> Future[RunRecord]:
        """Queue a job at the scheduler; see :meth:`Workers.schedule`."""
        answer: Future[RunRecord] = Future()
        answer.set_running_or_notify_cancel()
        slots = dict(self._slots_by_host())
        future = self._client.submit(
            run_on_node, job, self._name, slots, key=f"{self._name}-{job.job_id}", pure=False
        )
        self._pending.add(future)
        future.add_done_callback(lambda done: self._finish(done, job, answer))
        return answer

    def stop(self) -> None:
        """Cancel what is queued, end what is running, and leave the cluster."""
        try:
            self._client.cancel(list(self._pending), force=True)
            self._client.unregister_worker_plugin(self._name)
        except (OSError, TimeoutError, CancelledError):
            pass
        finally:
            self._client.close()

    def _finish(self, done: DaskFuture[Delivery], job: Job, answer: Future[RunRecord]) -> None:
        self._pending.discard(done)
        try:
            answer.set_result(self._received(done.result()))
        except KilledWorker as error:
            message = (
                f"the job ended {error.allowed_failures + 1} workers, the last {error.last_worker.address}"
            )
            answer.set_result(self._failure(job, Status.KILLED, message))
        except CancelledError as error:
            answer.set_exception(WorkersLostError(f"the scheduler gave the job up: {error}"))
        except Exception as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            answer.set_result(self._failure(job, Status.FAILED, said[:500]))

    def _received(self, delivery: Delivery) -> RunRecord:
        """Store the files of a delivery and return its record."""
        for name, content in delivery.files.items():
            write_whole(_inside(self._settings.results, name), content)
        for name, content in delivery.logs.items():
            with _inside(self._settings.results, name).open("ab") as log:
                log.write(content)
        return delivery.record

    def _failure(self, job: Job, status: Status, message: str) -> RunRecord:
        return RunRecord(
            job_id=job.job_id,
            identity=job.identity,
            status=status,
            failure=Failure(stage="worker", message=message),
            provenance=self._witness.tell(None, {}, gpu=""),
        )

    def _slots_by_host(self) -> Counter[str]:
        """Return the jobs that may run at once on each host; a host's number never falls, its timings are marked."""
        now = time.monotonic()
        if now - self._looked >= _FRESH_S:
            self._looked = now
            here: Counter[str] = Counter()
            workers: dict[str, Any] = self._client.scheduler_info()["workers"]
            for address, worker in workers.items():
                here[urlsplit(address).hostname or address] += worker["nthreads"]
            self._slots |= here
        return self._slots


def _inside(results: Path, name: str) -> Path:
    """Return where a delivered file goes, which is nowhere but inside the results folder."""
    path = (results / name).resolve()
    if not path.is_relative_to(results.resolve()):
        raise ValueError(f"a node delivered {name!r}, which lies outside the results folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
