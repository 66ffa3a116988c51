"""A real cluster of separate processes on this machine, with real losses."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import dask
import psutil
import pytest
import yaml
from distributed import LocalCluster

from benchmarks.cluster import ClusterWorkers
from benchmarks.cluster_node import Node, NodeLeftError
from benchmarks.config_file import ConfigError
from benchmarks.panels import panels_name, read_panels
from benchmarks.plan import make_plan
from benchmarks.record_store import RecordStore
from benchmarks.records import Status
from benchmarks.runner import run_jobs, run_settings
from datasets.fetching import FetchRequest

ONE_PAIR = {"dataset": {"name": "toy:ToyDataset", "params": {"count": 1}}}


@pytest.fixture
def node_data(request, tmp_path, monkeypatch):
    """Where nodes look for data: under the path of the run, or in a folder of their own."""
    monkeypatch.delenv("REGBENCH_DATA_DIR", raising=False)
    own = getattr(request, "param", None)
    if own is not None:
        monkeypatch.setenv("REGBENCH_DATA_DIR", str(tmp_path / own))
    return tmp_path / (own or "cache")


@pytest.fixture
def cluster(tmp_path, node_data):
    """Two workers of one thread each, and a job that may lose one of them before it is given up."""
    settings = {"distributed.scheduler.allowed-failures": 1, "temporary-directory": str(tmp_path / "dask")}
    with (
        dask.config.set(settings),
        LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
    ):
        yield cluster


@pytest.fixture
def run_on(cluster, tmp_path):
    """Run a config on the cluster and return its records."""

    def run(config):
        plan = make_plan(config, tmp_path / "cache", "toy.yaml")
        results = tmp_path / "results"
        store = RecordStore(results / "records.jsonl")
        request = FetchRequest(accept_licence=True)
        settings = run_settings(config, tmp_path / "cache", results)
        with ClusterWorkers(cluster.scheduler_address, settings, request) as workers:
            run_jobs(plan.jobs, workers, store, lambda job: None, lambda record: None)
        return store.read()

    return run


def test_records_and_files_come_back_from_other_processes(run_on, toy_config, tmp_path):
    records = run_on(toy_config("Shift", "Raises", "Noisy", "Crashes", resources={"threads": 1}))
    statuses = {record.identity.run: record.status for record in records}
    assert statuses == {
        "shift": Status.OK,
        "raises": Status.FAILED,
        "noisy": Status.OK,
        "crashes": Status.KILLED,
    }
    assert len(records) == len({record.job_id for record in records}) == 8
    results = tmp_path / "results"
    for record in records:
        assert record.provenance.concurrent_jobs == 2  # two workers on one host
        if record.status is Status.OK:
            assert record.after["tre_mm"] == pytest.approx(0.0, abs=1e-9)
            assert set(record.provenance.effective_threads.values()) == {1}
            assert (results / "environments" / f"{record.provenance.environment}.json").is_file()
        for path in record.artefacts.values():
            assert (results / path).stat().st_size > 0
    assert any(record.artefacts for record in records)
    assert "from C" in (results / "logs" / "toy.Noisy.log").read_text()


def test_who_reads_a_file_while_another_one_is_delivered_sees_the_old_one_whole(run_on, toy_config, tmp_path):
    config = toy_config("Shift", **ONE_PAIR, timing={"warmup": 0})
    (job,) = make_plan(config, tmp_path / "cache", "toy.yaml").jobs
    path = tmp_path / "results" / panels_name(job.job_id)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"of an earlier run")
    with path.open("rb") as reader:
        (record,) = run_on(config)
        assert record.artefacts["panels"] == panels_name(job.job_id)
        assert reader.read() == b"of an earlier run"
    assert list(read_panels(path)) == ["image"]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.fixture
def address(server, archive, monkeypatch):
    """Tell the programs started from here where the remote dataset lies."""
    server.files["/toy.zip"] = archive.read_bytes()
    monkeypatch.setenv("REMOTE_TOY_URL", server.url("/toy.zip"))


@pytest.mark.parametrize("node_data", ["node", None], indirect=True)
def test_nodes_fetch_the_data_that_they_lack_to_where_they_look_for_them(
    address, run_on, toy_config, node_data, tmp_path
):
    config = toy_config("Shift", dataset={"name": "remote_toy:RemoteToy"}, timing={"warmup": 0})
    (record,) = run_on(config)
    assert record.status is Status.OK, record.failure
    assert (node_data / "raw" / "remote_toy" / "1" / "images" / "fixed.nii").is_file()
    assert [path.name for path in tmp_path.glob("*/raw")] == ["raw"]


def test_the_job_of_a_worker_that_is_killed_goes_to_another(run_on, toy_config, tmp_path):
    mark = tmp_path / "mark"

    pipe = tmp_path / "mark.pipe"
    os.mkfifo(pipe)

    def kill_the_worker():
        os.kill(int(pipe.read_text()), signal.SIGKILL)

    config = toy_config("HangsOnce", **ONE_PAIR, timing={"warmup": 0})
    run = config.runs[0].model_copy(update={"params": {"mark": str(mark)}})
    with ThreadPoolExecutor(1) as other_thread:
        killed = other_thread.submit(kill_the_worker)
        (record,) = run_on(config.model_copy(update={"runs": (run,)}))
        killed.result()
    assert record.status is Status.OK


def test_a_job_ends_in_peace_when_more_slots_come_to_its_host(toy_config, tmp_path):
    mark = tmp_path / "mark"
    begun, go = Path(f"{mark}.begun"), Path(f"{mark}.go")
    os.mkfifo(begun)
    os.mkfifo(go)
    config = toy_config("Waits", "Shift", **ONE_PAIR, timing={"warmup": 0})
    run = config.runs[0].model_copy(update={"params": {"mark": str(mark)}})
    config = config.model_copy(update={"runs": (run, config.runs[1])})
    jobs = {job.identity.run: job for job in make_plan(config, tmp_path, "toy.yaml").jobs}
    node = Node(run_settings(config, tmp_path, tmp_path), "run", FetchRequest())
    worker = SimpleNamespace(state=SimpleNamespace(nthreads=1), ip="host", local_directory=str(tmp_path))
    node.setup(worker)
    asked = Event()

    class Slots(dict):
        def get(self, host, default=None):
            asked.set()
            return super().get(host, default)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(node.run, jobs["waits"], {"host": 1})
        begun.read_text()
        second = threads.submit(node.run, jobs["shift"], Slots(host=2))
        asked.wait()
        go.write_text("go")
        records = [first.result().record, second.result().record]
    assert (tmp_path / "run").is_dir()
    node.teardown(worker)
    assert not (tmp_path / "run").exists()
    assert [record.status for record in records] == [Status.OK, Status.OK]
    assert [record.provenance.concurrent_jobs for record in records] == [1, 2]
    with pytest.raises(NodeLeftError):
        node.run(jobs["shift"], {"host": 2})


def test_a_node_that_gets_no_more_jobs_keeps_neither_processes_nor_files(toy_config, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.cluster_node._IDLE_S", 0.01)
    config = toy_config("Shift", **ONE_PAIR, timing={"warmup": 0})
    (job,) = make_plan(config, tmp_path, "toy.yaml").jobs
    before = psutil.Process().children()
    node = Node(run_settings(config, tmp_path, tmp_path), "run", FetchRequest())
    node.setup(SimpleNamespace(state=SimpleNamespace(nthreads=1), ip="host", local_directory=str(tmp_path)))
    for _ in range(2):
        assert node.run(job, {}).record.status is Status.OK
        give_up = time.monotonic() + 60
        while (tmp_path / "run").exists():
            assert time.monotonic() < give_up
            os.sched_yield()
    assert psutil.Process().children() == before


def test_a_job_that_kills_every_worker_becomes_a_record(run_on, toy_config, tmp_path):
    mark = tmp_path / "mark"
    config = toy_config("KillsParent", "Shift", **ONE_PAIR, timing={"warmup": 0})
    run = config.runs[0].model_copy(update={"params": {"mark": str(mark)}})
    records = run_on(config.model_copy(update={"runs": (run, config.runs[1])}))
    found = {record.identity.run: record for record in records}
    assert found["killsparent"].status is Status.KILLED
    assert "the job ended 2 workers" in found["killsparent"].failure.message
    assert mark.read_text() == "xx"
    assert found["shift"].status is Status.OK


def test_a_job_planned_with_other_software_is_refused(run_on, toy_config, monkeypatch):
    monkeypatch.setattr("benchmarks.plan.evaluation_version", lambda: "source-of-yesterday")
    records = run_on(toy_config("Shift", **ONE_PAIR))
    assert [record.status for record in records] == [Status.FAILED]
    assert "the metrics was planned as source-of-yesterday" in records[0].failure.message
    assert "install the same versions" in records[0].failure.message


def test_an_address_where_nobody_answers_is_a_usage_error(monkeypatch, tmp_path, toy_config):
    monkeypatch.setattr("benchmarks.cluster.CONNECT_WITHIN_S", 1)
    settings = run_settings(toy_config("Shift"), tmp_path, tmp_path)
    with pytest.raises(ConfigError, match="no Dask scheduler answers"):
        ClusterWorkers("tcp://127.0.0.1:9", settings, FetchRequest())


def test_nothing_is_written_outside_the_results_folder(tmp_path):
    from benchmarks.cluster import _inside

    for name in ("../other", "/etc/passwd", "artefacts/../../other"):
        with pytest.raises(ValueError, match="outside the results folder"):
            _inside(tmp_path, name)
    assert _inside(tmp_path, "artefacts/a.npz") == Path(tmp_path / "artefacts" / "a.npz")


def test_the_command_hands_its_jobs_to_a_scheduler(cluster, toy_config, tmp_path):
    config = toy_config("Shift", **ONE_PAIR, timing={"warmup": 0})
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_defaults=True)))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "run", str(path), "--scheduler", cluster.scheduler_address,
         "--results-dir", str(tmp_path), "--data-dir", str(tmp_path / "cache")],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (record,) = RecordStore(tmp_path / "toy" / "records.jsonl").read()
    assert record.status is Status.OK
    assert (tmp_path / "toy" / "report.md").is_file()
