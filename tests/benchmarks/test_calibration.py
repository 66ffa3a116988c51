import os

import pytest
from typer.testing import CliRunner

from benchmarks.calibration import calibrate, calibration_config, calibration_jobs
from benchmarks.cli import app
from benchmarks.config_file import ConfigError
from benchmarks.noise import load_noise_floors
from benchmarks.plan import make_plan
from benchmarks.record_store import RecordStore
from benchmarks.run_lock import held
from benchmarks.runner import run_settings


@pytest.fixture
def plan_of(tmp_path):
    return lambda config, repeats=2: make_plan(
        calibration_config(config, None, repeats, "toy.yaml"), tmp_path / "cache", "toy.yaml"
    )


def test_one_backend_runs_under_two_names_in_two_processes(toy_config, plan_of, tmp_path):
    config = toy_config("Shift", "Raises", resources={"threads": 1}, timing={"warmup": 0})
    plan = plan_of(config)
    jobs = calibration_jobs(plan, pairs=1)
    assert len(jobs) == len({job.job_id for job in jobs}) == 4
    settings = run_settings(plan.config, tmp_path / "cache", tmp_path / "results")
    (found,) = calibrate(plan, jobs, settings, lambda job: None, lambda record: None)
    assert (found.run, found.backend, found.threads) == ("shift", "toy:Shift", 1)
    (pair,) = found.pairs
    assert pair.pair_id == "blobs-0"
    assert len(pair.first) == len(pair.second) == 2
    assert found.floor(1) >= 1
    records = RecordStore(tmp_path / "results" / "records.jsonl").read()
    assert sorted(record.identity.run for record in records) == ["first", "first", "second", "second"]


def test_names_alternate_in_shuffled_order(toy_config, plan_of):
    plan = plan_of(toy_config("Shift"), repeats=20)
    jobs = calibration_jobs(plan, pairs=1)
    names = [job.identity.run for job in jobs]
    assert names.count("first") == names.count("second") == 20
    assert [job.identity.repeat for job in jobs] == sorted(list(range(20)) * 2)
    assert 5 <= names[::2].count("first") <= 15


def test_a_backend_that_fails_makes_no_calibration(toy_config, plan_of, tmp_path):
    plan = plan_of(toy_config("Raises"))
    jobs = calibration_jobs(plan, pairs=1)
    settings = run_settings(plan.config, tmp_path / "cache", tmp_path / "results")
    with pytest.raises(ConfigError, match=r"raises on blobs-0 ended failed: .*lost its way"):
        calibrate(plan, jobs, settings, lambda job: None, lambda record: None)


def test_a_second_calibration_waits_for_the_first_instead_of_removing_its_records(write_config, tmp_path):
    config = write_config("Shift", timing={"warmup": 0})
    folder = tmp_path / "results" / "toy-calibration"
    options = ["--repeats", "2", "--pairs", "1", "--results-dir", str(tmp_path / "results")]
    with held(folder):
        (folder / "records.jsonl").write_text("of the first")
        refused = CliRunner().invoke(app, ["calibrate", str(config), *options])
    assert refused.exit_code == 2
    assert f"process {os.getpid()} on" in refused.stderr
    assert (folder / "records.jsonl").read_text() == "of the first"

    done = CliRunner().invoke(app, ["calibrate", str(config), *options])
    assert done.exit_code == 0, done.stderr
    assert "shift against itself, threads=1: noise floor" in " ".join(done.stdout.split())
    assert len(RecordStore(folder / "records.jsonl").read()) == 4
    assert len(load_noise_floors(tmp_path / "results").calibrations) == 1


def test_a_member_of_a_sweep_is_calibrated_with_its_own_values(toy_config):
    sweep = {"metric": ["correlation", "mattes"], "iterations": [[9, 9]]}
    run = {"label": "rigid", "backend": "simpleitk", "params": {"model": "rigid"}, "sweep": sweep}
    label = "rigid [metric=mattes, iterations=9x9]"
    config = toy_config(runs=[run], figures={"oracle": label})
    (chosen,) = calibration_config(config, None, 3, "toy.yaml").runs
    assert (chosen.label, chosen.sweep) == (label, {})
    assert chosen.params == {"model": "rigid", "metric": "mattes", "iterations": [9, 9]}
    (first,) = calibration_config(config, "rigid", 3, "toy.yaml").runs
    assert first.params["metric"] == "correlation"
    with pytest.raises(ConfigError, match=r"no run labelled .* \(did you mean 'rigid \[metric=mattes"):
        calibration_config(config, "rigid [metric=mates, iterations=9x9]", 3, "toy.yaml")


def test_the_oracle_is_taken_unless_told_otherwise(toy_config):
    config = toy_config("Shift", "Raises", figures={"oracle": "raises"}, resources={"jobs": 4})
    assert calibration_config(config, None, 3, "toy.yaml").runs[0].label == "raises"
    chosen = calibration_config(config, "shift", 3, "toy.yaml")
    assert (chosen.runs[0].label, chosen.runs[0].repeats, chosen.resources.jobs) == ("shift", 3, 1)
    with pytest.raises(ConfigError, match="did you mean 'shift'"):
        calibration_config(config, "shfit", 3, "toy.yaml")


def test_what_names_other_runs_does_not_keep_one_from_being_calibrated(toy_config, plan_of):
    config = toy_config(
        "Shift",
        "Raises",
        gates=[{"metric": "rmse", "backend": "shift", "oracle": "raises"}],
        protocol={"ours": "shift", "oracle": "raises"},
        figures={"oracle": "shift"},
        report={"reference": "raises"},
        stacks=["toy:ToyDataset"],
    )
    plan = plan_of(config)
    assert {job.identity.run for job in plan.jobs} == {"shift"}
    assert not any(job.keep_transform for job in plan.jobs)
    assert "raises" not in plan.config.model_dump_json()
