"""Real faults in real worker processes: each leaves its record, takes nothing with it and leaves nothing behind."""

import os
from pathlib import Path

import psutil
import pytest

from benchmarks.local_workers import LocalWorkers
from benchmarks.plan import make_plan
from benchmarks.records import Status
from benchmarks.runner import run_settings
from benchmarks.worker_process import WorkerEndedError, WorkerProcess
from benchmarks.worker_settings import WorkerSettings

ONE_PAIR = {"name": "toy:ToyDataset", "params": {"count": 1}}


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """Return a function that lists the processes that backends told of."""
    folder = tmp_path / "notes"
    folder.mkdir()
    monkeypatch.setenv("TOY_NOTES", str(folder))
    return lambda: [int(path.name) for path in folder.iterdir()]


@pytest.fixture
def run_faulty(toy_config, run_toy):
    """Run one backend, then a sound one, on one pair; return the record of the first."""

    def run(name, **sections):
        config = toy_config(name, "Shift", dataset=ONE_PAIR, timing={"warmup": 0}, **sections)
        records = {record.identity.run: record for record in run_toy(config)}
        assert records["shift"].status is Status.OK
        return records[name.lower()]

    return run


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


FAULTS = {
    "Raises": (Status.FAILED, "RuntimeError: the optimiser lost its way"),
    "Exits": (Status.FAILED, "SystemExit: 3"),
    "Interrupts": (Status.FAILED, "KeyboardInterrupt"),
    "NotFinite": (Status.INVALID, "not finite"),
    "WrongDimension": (Status.INVALID, "the transform is 3D, the pair 2D"),
    "WrongGrid": (
        Status.INVALID,
        "the displacement field covers 0% of the fixed mask: it lies on a wrong grid",
    ),
    "ExitsAtOnce": (Status.KILLED, "the worker process exited with code 0; see toy.ExitsAtOnce.log"),
    "ClosesEverything": (
        Status.KILLED,
        "the worker process exited with code 1; see toy.ClosesEverything.log",
    ),
    "Crashes": (Status.KILLED, "the worker process was ended by SIGSEGV"),
    "Killed": (Status.KILLED, "the worker process was ended by SIGKILL"),
    "Speechless": (Status.FAILED, "SpeechlessError: what it says cannot be told: SystemExit"),
    "SaysTheUnspeakable": (Status.FAILED, "No such file or directory: '/nowhere/\\udcff'"),
    "TellsWithoutEnd": (Status.FAILED, "RecursionError"),
    "NotInstalled": (Status.UNAVAILABLE, "surely_not_installed"),
    "Outdated": (Status.UNAVAILABLE, "outdated 1.0 has no such metric"),
    "Volumes": (Status.UNSUPPORTED, "volumes does 3D images, not 2D"),
}


def test_each_fault_is_recorded_as_what_it_was_and_the_others_go_on(toy_config, run_toy):
    records = run_toy(toy_config(*FAULTS, "Shift", dataset=ONE_PAIR, resources={"jobs": 2, "threads": 1}))
    found = {record.identity.backend.removeprefix("toy:"): record for record in records}
    assert found.pop("Shift").status is Status.OK
    assert {name: record.status for name, record in found.items()} == {
        name: status for name, (status, _) in FAULTS.items()
    }
    for name, (_, message) in FAULTS.items():
        assert message in found[name].failure.message
    assert all(record.wall_s > 0 for record in records)
    assert found["Raises"].failure.stage == "warm-up"
    assert "toy.py" in found["Raises"].failure.detail
    assert found["Crashes"].failure.stage == "worker"


@pytest.mark.parametrize("backend", ["Hangs", "HangsInC", "Mumbles"])
def test_a_job_is_ended_at_its_time_limit(run_faulty, backend):
    record = run_faulty(backend, limits={"timeout_s": 2})
    assert record.status is Status.TIMEOUT
    assert "2 s" in record.failure.message


def test_an_answer_without_end_is_cut_short(run_faulty):
    record = run_faulty("Babbles", limits={"timeout_s": 100})
    assert record.status is Status.FAILED
    assert record.failure.message == "the worker process wrote more than 64 MiB of answer"


@pytest.mark.parametrize("backend", ["Allocates", "AllocatesInChild"])
def test_a_job_is_ended_at_its_memory_limit_with_all_that_it_started(run_faulty, backend):
    record = run_faulty(backend, limits={"memory_mib": 900})
    assert record.status is Status.OOM
    assert "900 MiB" in record.failure.message


def test_a_run_may_have_limits_of_its_own(toy_config, run_toy):
    runs = [
        {"label": "hangs", "backend": "toy:Hangs", "limits": {"timeout_s": 1}},
        {"label": "allocates", "backend": "toy:Allocates", "limits": {"memory_mib": 900}},
    ]
    records = run_toy(toy_config(runs=runs, dataset=ONE_PAIR))
    assert {record.status for record in records} == {Status.TIMEOUT, Status.OOM}


@pytest.mark.parametrize("backend", ["LeavesChildren", "LeavesChildrenAndCrashes"])
def test_processes_that_a_job_left_running_are_ended(run_faulty, notes, backend):
    assert run_faulty(backend).status is (Status.OK if backend == "LeavesChildren" else Status.KILLED)
    assert len(notes()) == 3
    assert not [pid for pid in notes() if runs(pid)]


def test_a_process_that_nothing_but_its_descent_betrays_is_ended(run_faulty, notes):
    assert run_faulty("LeavesOrphan").status is Status.OK
    (orphan,) = notes()
    assert not runs(orphan)


def test_a_forked_copy_of_the_worker_does_not_answer_in_its_place(run_faulty, notes):
    assert run_faulty("Doubles").status is Status.OK
    assert not [pid for pid in notes() if runs(pid)]


@pytest.mark.parametrize(("fresh", "processes"), [(False, 1), (True, 2)])
def test_a_worker_is_reused_unless_every_job_shall_have_its_own(toy_config, run_toy, notes, fresh, processes):
    resources = {"threads": 1, "fresh_workers": fresh}
    records = run_toy(toy_config("TellsItsProcess", resources=resources))
    assert [record.status for record in records] == [Status.OK, Status.OK]
    assert len(notes()) == processes


@pytest.mark.parametrize("backend", ["LeavesThreads", "LeavesNativeThread"])
def test_a_worker_in_which_a_job_left_threads_is_replaced(toy_config, run_toy, notes, backend):
    records = run_toy(toy_config(backend, timing={"warmup": 0}))
    assert [record.status for record in records] == [Status.OK, Status.OK]
    assert len(notes()) == 2


def test_megabytes_of_output_go_to_the_log(run_faulty, tmp_path, capfd):
    assert run_faulty("Floods").status is Status.OK
    assert "xxx" not in capfd.readouterr().out
    assert (tmp_path / "results" / "logs" / "toy.Floods.log").stat().st_size >= 20 * 2**20


def test_temporary_files_of_a_crashed_job_are_removed_at_once(toy_config, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_NOTES", str(tmp_path))
    config = toy_config("LittersAndCrashes", dataset=ONE_PAIR, timing={"warmup": 0})
    (job,) = make_plan(config, tmp_path / "cache", "toy.yaml").jobs
    with LocalWorkers(run_settings(config, tmp_path / "cache", tmp_path / "results")) as workers:
        assert workers.schedule(job).result().status is Status.KILLED
        litter = Path((tmp_path / "litter").read_text())
        assert litter.is_relative_to(tmp_path / "results" / "tmp")
        assert not litter.parent.exists()


def test_peak_memory_is_that_of_the_job_though_its_process_did_larger_ones(toy_config, run_toy):
    large, small = run_toy(toy_config("LargeOnce", timing={"warmup": 0}))
    assert 250 < large.peak_rss_mib - small.peak_rss_mib < 350


def test_output_without_end_does_not_fill_the_disk(run_faulty, monkeypatch):
    monkeypatch.setattr("benchmarks.worker_process.MAX_LOG_BYTES", 2**20)
    assert run_faulty("FloodsUntilStopped", limits={"timeout_s": 100}).status is Status.OK


def test_a_job_that_leaves_its_folder_takes_the_next_one_nowhere(toy_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = toy_config("Wanders", timing={"warmup": 0})
    plan = make_plan(config, tmp_path / "cache", "toy.yaml")
    with LocalWorkers(run_settings(config, tmp_path / "cache", Path("results"))) as workers:
        records = [workers.schedule(job).result() for job in plan.jobs]
    assert [record.status for record in records] == [Status.OK, Status.OK]
    for record in records:
        assert (tmp_path / "results" / record.artefacts["panels"]).is_file()
        assert (tmp_path / "results" / "environments" / f"{record.provenance.environment}.json").is_file()
    assert not list((tmp_path / "results" / "tmp").iterdir())


def test_statistics_that_are_no_text_are_kept_with_escapes(run_faulty):
    record = run_faulty("TellsTheUnspeakable")
    assert record.status is Status.OK
    assert record.statistics == {"\\udcfe": "\\udcff"}


@pytest.fixture
def small_cgroup(monkeypatch):
    """Make a group of processes that the kernel lets have 600 MiB."""
    root = Path("/sys/fs/cgroup")
    version_1 = (root / "memory").is_dir()
    folder = (root / "memory" if version_1 else root) / f"regbench-test-{os.getpid()}"
    try:
        folder.mkdir()
        limit = "memory.limit_in_bytes" if version_1 else "memory.max"
        (folder / limit).write_text(str(600 * 2**20))
    except OSError as error:
        if folder.is_dir():
            folder.rmdir()
        pytest.skip(f"control groups cannot be made here: {error}")
    monkeypatch.setenv("TOY_CGROUP", str(folder))
    yield
    folder.rmdir()


def test_a_worker_that_the_kernel_ended_for_memory_is_out_of_memory(run_faulty, small_cgroup):
    record = run_faulty("AllocatesInCgroup")
    assert record.status is Status.OOM
    assert "the system ran out of memory" in record.failure.message


def test_a_worker_killed_between_jobs_is_not_blamed_on_memory_that_ran_out_before(
    toy_config, tmp_path, monkeypatch
):
    monkeypatch.setattr("benchmarks.worker_process.out_of_memory_kills", lambda: 3)
    config = toy_config("Shift", dataset=ONE_PAIR)
    (job,) = make_plan(config, tmp_path / "cache", "toy.yaml").jobs
    run = run_settings(config, tmp_path / "cache", tmp_path / "results")
    worker = WorkerProcess(
        WorkerSettings("toy:Shift", 1, tmp_path / "results" / "tmp" / "0", run), "test-mark"
    )
    worker.wait_until_ready()
    (process,) = (child for child in psutil.Process().children() if "benchmarks.worker" in child.cmdline())
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(WorkerEndedError, match="SIGKILL") as caught:
        worker.run(job)
    assert caught.value.status is Status.KILLED
