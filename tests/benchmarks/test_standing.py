import pytest
from msgspec import structs

from benchmarks.config_file import ConfigError
from benchmarks.plan import make_plan
from benchmarks.results_folder import ResultsFolder
from benchmarks.standing import standing


@pytest.fixture
def begun(toy_config, tmp_path):
    """A results folder of which nothing has run yet, and its plan."""
    config = toy_config("Shift", "Raises", resources={"jobs": 2})
    plan = make_plan(config, tmp_path / "cache", "x.yaml")
    folder = ResultsFolder(tmp_path / "toy")
    folder.begin(plan, "x.yaml", [])
    return folder, plan


def test_nothing_has_run(begun):
    folder, _ = begun
    found = standing(folder)
    assert [(one.run, one.ok, one.failed, one.pending) for one in found.runs] == [
        ("raises", 0, 0, 2),
        ("shift", 0, 0, 2),
    ]
    assert found.left.unknown == 4
    assert found.occupancy.holder is None
    assert found.running == ()


def test_all_workers_of_a_cluster_share_the_time_left(toy_config):
    cluster = {"queue_system": "slurm", "workers": 20, "cores": 4, "memory_gib": 8, "walltime": "1:00:00"}
    assert toy_config("Shift", cluster=cluster).jobs_at_once == 20
    assert toy_config("Shift", resources={"jobs": 3}).jobs_at_once == 3


def test_the_last_record_of_a_job_counts_whatever_the_clock_said(begun, make_record):
    folder, plan = begun
    shift = next(job for job in plan.jobs if job.identity.run == "shift")
    identity = structs.asdict(shift.identity)
    failed = make_record(shift.job_id, status="timeout", identity=identity, wall_s=8.0)
    earlier = structs.replace(failed.provenance, started_utc="1999-01-01T00:00:00.000+00:00")
    made_good = make_record(shift.job_id, identity=identity, wall_s=2.0)
    folder.store.append(failed)
    folder.store.append(structs.replace(made_good, provenance=earlier))

    found = {one.run: one for one in standing(folder).runs}["shift"]
    assert (found.ok, found.failed, found.pending) == (1, 0, 1)
    assert found.left.seconds == 5.0
    assert [record.status for record in folder.load().records] == ["ok"]


def test_jobs_under_way_are_those_with_temporary_files_while_somebody_works(begun):
    folder, plan = begun
    (folder.scratch / "run" / "worker" / plan.jobs[0].job_id).mkdir(parents=True)
    assert standing(folder).running == ()
    with folder.working():
        assert not folder.scratch.exists()
        (folder.scratch / "run" / "worker" / plan.jobs[1].job_id).mkdir(parents=True)
        (job,) = standing(folder).running
    assert job.job_id == plan.jobs[1].job_id


def test_a_damaged_manifest_is_an_error_naming_the_folder(begun):
    folder, _ = begun
    (folder.path / "run.json").write_text("{")
    with pytest.raises(ConfigError, match="toy: was written by another version or is damaged"):
        standing(folder)
