"""Jobs handed to real worker processes: what their records hold and what they leave behind."""

import pytest

from benchmarks.local_workers import LocalWorkers
from benchmarks.plan import make_plan
from benchmarks.record_store import RecordStore
from benchmarks.records import Status
from benchmarks.runner import run_jobs, run_settings


@pytest.fixture
def one_pair():
    return {"dataset": {"name": "toy:ToyDataset", "params": {"count": 1}}}


def test_a_worker_that_died_is_replaced_for_the_next_job(toy_config, run_toy):
    records = run_toy(toy_config("Killed"))
    assert [record.status for record in records] == [Status.KILLED, Status.KILLED]


def test_the_next_job_is_handed_out_before_a_record_is_stored(toy_config, tmp_path):
    config = toy_config("Shift", timing={"repeats": 2}, resources={"threads": 1})
    jobs = make_plan(config, tmp_path / "cache", "toy.yaml").jobs
    handed, current, handed_by_then = [], [], []

    class Watched(LocalWorkers):
        def schedule(self, job):
            handed.append(job)
            return super().schedule(job)

    def keep(_):
        handed_by_then.append(len(handed))

    with Watched(run_settings(config, tmp_path / "cache", tmp_path / "results")) as workers:
        run_jobs(jobs, workers, RecordStore(tmp_path / "records.jsonl"), current.append, keep)
    assert handed == list(jobs)
    assert handed_by_then[0] == 2
    assert len(handed_by_then) == len(jobs)
    # Never a job that waits behind one that runs; of two that end at once, the second may not be told.
    places = [jobs.index(job) for job in current]
    assert places[0] == 0
    assert places == sorted(places)


def test_scores_times_memory_and_circumstances_are_recorded(toy_config, run_toy, tmp_path):
    records = run_toy(toy_config("Shift", timing={"repeats": 2}, resources={"threads": 1}))
    assert len(records) == 4
    for record in records:
        assert record.before["tre_mm"] == pytest.approx(13**0.5)
        assert record.after["tre_mm"] == pytest.approx(0.0, abs=1e-9)
        assert record.after["dice"] > record.before["dice"]
        assert record.labels.column("dice")["blob"] == record.after["dice"]
        # Those of the start would be the same in each repeat.
        assert list(record.labels_before.rows) == ([] if record.identity.repeat else ["blob"])
        assert set(record.seconds) == {"load", "prepare", "forward", "result", "evaluate"}
        assert record.peak_rss_mib > 10
        assert record.gradient is None
        assert set(record.provenance.effective_threads.values()) == {1}
        assert record.provenance.concurrent_jobs == 1
        assert len(record.provenance.affinity) == 1
        assert record.provenance.load_average_after >= 0
    assert {record.identity.repeat for record in records} == {0, 1}
    (kept,) = (tmp_path / "results" / "environments").iterdir()
    assert {record.provenance.environment for record in records} == {kept.stem}


def test_what_a_diverging_solver_tells_can_be_read_again(toy_config, run_toy, one_pair):
    (record,) = run_toy(toy_config("TellsInfinities", **one_pair))
    assert record.status is Status.OK
    assert record.trace == ((2.0, None, None), (1.0,))
    assert record.statistics == {"largest": "inf", "costs": [1.0, "nan"]}


def test_what_a_dataset_took_from_arrays_can_be_stored(toy_config, run_toy):
    (record,) = run_toy(toy_config("Shift", dataset={"name": "toy:FromArrays"}))
    assert record.status is Status.OK
    assert record.identity.conditions == {"start_rotation_deg": 5.0}
    assert record.identity.subjects == ("s0",)
    assert list(record.labels.rows) == ["blob"]


def test_a_differentiable_backend_is_timed_backwards_too(toy_config, run_toy, one_pair):
    (record,) = run_toy(toy_config("Differentiable", **one_pair))
    assert record.value("backward_s") > 0
    assert record.gradient.usable
    assert record.gradient_check is None


def test_what_backends_print_goes_to_a_log_and_their_litter_is_swept(
    toy_config, run_toy, tmp_path, one_pair, capfd
):
    run_toy(toy_config("Noisy", "Litters", **one_pair))
    assert "from" not in capfd.readouterr().out
    log = (tmp_path / "results" / "logs" / "toy.Noisy.log").read_text()
    assert log.count("from C") == 2000
    assert not list((tmp_path / "results" / "tmp").iterdir())


def test_panels_are_kept_for_the_first_pair_alone(toy_config, run_toy, tmp_path):
    records = run_toy(toy_config("Shift", figures={"keep_all_up_to": 1}))
    kept = {record.identity.pair_id for record in records if record.artefacts}
    assert kept == {"blobs-0"}
    assert len(list((tmp_path / "results" / "artefacts").iterdir())) == 1
