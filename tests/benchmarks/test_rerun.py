import itertools

import pytest
from msgspec import structs

from benchmarks.config_file import ConfigError
from benchmarks.local_workers import LocalWorkers
from benchmarks.noise import Calibration, PairTimes, save_calibration
from benchmarks.plan import make_plan
from benchmarks.records import Status
from benchmarks.rerun import find_record, rerun
from benchmarks.results_folder import ResultsFolder
from benchmarks.runner import run_jobs, run_settings
from datasets.fetching import FetchRequest


@pytest.fixture
def stored(toy_config, tmp_path):
    """Run two backends on one pair and return their results folder."""
    dataset = {"name": "toy:ToyDataset", "params": {"count": 1}}
    config = toy_config("Shift", "Raises", dataset=dataset, resources={"threads": 1}, timing={"warmup": 0})
    plan = make_plan(config, tmp_path / "cache", "toy.yaml")
    folder = ResultsFolder(tmp_path / "results" / "toy")
    folder.begin(plan, "toy.yaml", [])
    with LocalWorkers(run_settings(config, tmp_path / "cache", folder.path)) as workers:
        run_jobs(plan.jobs, workers, folder.store, lambda job: None, lambda record: None)
    return folder


def of_run(folder, run):
    """Return the record of a run that counts."""
    return [record for record in folder.store.read() if record.identity.run == run][-1]


@pytest.fixture
def repeat(tmp_path):
    """Repeat the job of a run, after its record has been changed."""
    numbers = itertools.count()

    def again(folder, run, **changes):
        record = of_run(folder, run)
        if changes:
            record = structs.replace(record, **changes)
            folder.store.append(record)
        found = find_record(folder.path.parent, record.job_id[:10], pytest.fail)
        assert found.record == record
        return rerun(
            found, tmp_path / "cache", tmp_path / f"scratch-{next(numbers)}", FetchRequest(), 1, 1e-3
        )

    return again


def test_a_job_repeated_gives_the_same_scores_and_changes_nothing(stored, repeat):
    before = stored.store.path.read_bytes()
    compared = repeat(stored, "shift")
    assert stored.store.path.read_bytes() == before
    assert compared.same_outcome
    assert {score.metric for score in compared.scores} >= {"rmse", "dice", "tre_mm"}
    assert compared.time_ratio > 0
    assert compared.noise_floor is None
    assert compared.same_time
    assert compared.differences == ()


def test_a_score_that_changed_is_told(stored, repeat):
    record = of_run(stored, "shift")
    compared = repeat(stored, "shift", after=record.after | {"dice": record.after["dice"] * 0.99})
    assert not compared.same_outcome
    assert [score.metric for score in compared.scores if not score.same] == ["dice"]


def test_the_limits_of_the_run_hold_for_its_repetition(toy_config, tmp_path, make_record, repeat):
    """A job that hangs is ended when its own run's limit says so, not the half hour of all others."""
    runs = [{"label": "once hanging", "backend": "toy:Hangs", "limits": {"timeout_s": 1}}]
    config = toy_config(runs=runs, dataset={"name": "toy:ToyDataset", "params": {"count": 1}})
    plan = make_plan(config, tmp_path / "cache", "toy.yaml")
    folder = ResultsFolder(tmp_path / "results" / "toy")
    folder.begin(plan, "toy.yaml", [])
    (job,) = plan.jobs
    identity = structs.asdict(job.identity) | {"run": "hanging"}
    folder.store.append(make_record(job.job_id, status="timeout", identity=identity))
    compared = repeat(folder, "hanging")
    assert compared.repeated.status is Status.TIMEOUT
    assert "1 s" in compared.repeated.failure.message
    assert compared.same_outcome


def test_a_failure_repeated_is_the_same_outcome(stored, repeat):
    compared = repeat(stored, "raises")
    assert compared.same_outcome
    assert compared.repeated.status is Status.FAILED
    assert compared.time_ratio is None
    assert not repeat(stored, "raises", status=Status.OK).same_outcome


def test_a_time_beyond_the_noise_floor_is_a_difference_on_the_same_machine(stored, repeat):
    record = of_run(stored, "shift")
    calibration = Calibration(
        host=record.provenance.host, cpu=record.provenance.cpu, device="cpu", threads=1, run="shift",
        backend="toy:Shift", commit="", measured_utc="",
        pairs=(PairTimes(dataset="toy", pair_id="blobs-0", first=(1.0,), second=(1.5,)),),
    )  # fmt: skip
    save_calibration(stored.path.parent, calibration)
    compared = repeat(stored, "shift", seconds=record.seconds | {"forward": 1000.0})
    assert compared.same_outcome
    assert compared.noise_floor == pytest.approx(1.5)
    assert not compared.same_time
    elsewhere = structs.replace(record.provenance, host="elsewhere")
    assert repeat(stored, "shift", seconds={"forward": 1000.0}, provenance=elsewhere).same_time


def test_what_differs_between_then_and_now_is_told(stored, repeat):
    record = of_run(stored, "shift")
    identity = structs.replace(record.identity, evaluation_version="source-of-yesterday")
    (kept,) = (stored.path / "environments").iterdir()
    kept.write_text(kept.read_text().replace('"kernel": "', '"kernel": "0.99-'))
    said = " | ".join(repeat(stored, "shift", identity=identity).differences)
    assert "metrics: source-of-yesterday, now source-" in said
    assert "kernel: 0.99-" in said
    kept.unlink()
    assert "environment: that of the record is not kept" in repeat(stored, "shift").differences


def test_an_id_has_to_name_one_record(stored):
    with pytest.raises(ConfigError, match="no record whose id begins with 'zzz'"):
        find_record(stored.path.parent, "zzz", pytest.fail)
    with pytest.raises(ConfigError, match=r"2 jobs begin with ''.*give more letters"):
        find_record(stored.path.parent, "", pytest.fail)


@pytest.fixture
def begun(toy_config, tmp_path, make_record):
    """Begin a run of one job in a folder of some name, and keep a record of it."""

    def begin(name):
        plan = make_plan(
            toy_config("Shift", dataset={"name": "toy:ToyDataset", "params": {"count": 1}}),
            tmp_path / "cache",
            "x",
        )
        folder = ResultsFolder(tmp_path / "results" / name)
        folder.begin(plan, "x", [])
        (job,) = plan.jobs
        folder.store.append(make_record(job.job_id, identity=structs.asdict(job.identity)))
        return folder, job.job_id

    return begin


def test_a_job_in_two_folders_is_told_by_its_folder(begun):
    (one, job_id), (other, _) = begun("one [a]"), begun("other")
    results = one.path.parent
    with pytest.raises(ConfigError) as caught:
        find_record(results, job_id, pytest.fail)
    assert f"one [a]/{job_id} (shift), other/{job_id} (shift); give more letters, or FOLDER/ID" in str(
        caught.value
    )
    for folder in (one, other):
        found = find_record(results, f"{folder.path.name}/{job_id[:8]}", pytest.fail)
        assert found.folder.path == folder.path
    with pytest.raises(ConfigError, match="no record whose id begins with '/third/"):
        find_record(results, f"/third/{job_id}", pytest.fail)


def test_a_folder_that_cannot_be_read_keeps_no_other_from_being_found(begun):
    folder, job_id = begun("toy")
    damaged, _ = begun("damaged")
    damaged.store.path.write_text('{"job_id": 3}\n')
    said = []
    assert find_record(folder.path.parent, job_id, said.append).folder.path == folder.path
    assert [line.partition(":")[0] for line in said] == [str(damaged.path)]
    with pytest.raises(ConfigError, match=r"begins with 'zzz'; .*damaged: was written by another version"):
        find_record(folder.path.parent, "zzz", pytest.fail)


def test_a_folder_without_a_run_is_left_out(begun):
    folder, job_id = begun("toy")
    calibration, _ = begun("toy-calibration")
    (calibration.path / "run.json").unlink()
    assert find_record(folder.path.parent, job_id, pytest.fail).folder.path == folder.path
