"""What a worker does between its jobs."""

import gc

import numpy as np
import pytest
import SimpleITK as sitk

from adapters.interface import Registration
from benchmarks.execution import Executor
from benchmarks.plan import make_plan
from benchmarks.records import Status
from benchmarks.runner import run_settings
from benchmarks.worker_settings import WorkerSettings


@pytest.fixture
def execute(tmp_path):
    """Run every job of a config in this process, in the order of the pairs, and return the records."""

    def run(config):
        plan = make_plan(config, tmp_path / "cache", "toy.yaml")
        settings = run_settings(config, tmp_path / "cache", tmp_path / "results")
        executor = Executor(WorkerSettings("all", 1, tmp_path / "scratch", settings))
        try:
            return [executor.run(job) for job in sorted(plan.jobs, key=lambda job: job.identity.pair_id)]
        finally:
            gc.unfreeze()  # an executor expects the process to be its own

    return run


@pytest.fixture
def solves(monkeypatch):
    """The dimensions of the problems that a backend solved, and a set of the numbers of those that are to fail."""
    import toy

    found, failing = [], set()

    def register(self):
        found.append(self.problem.fixed.GetDimension())
        if len(found) in failing:
            raise RuntimeError("not this one")

    def result(self):
        return Registration(sitk.Transform(self.problem.fixed.GetDimension(), sitk.sitkIdentity))

    monkeypatch.setattr(toy.Shift, "register", register)
    monkeypatch.setattr(toy.Shift, "result", result)
    monkeypatch.setattr(toy.Shift, "dimensions", (2, 3))
    return found, failing


def test_a_warm_up_that_failed_is_done_again_before_the_next_job(execute, solves, toy_config):
    found, failing = solves
    failing.add(1)
    dataset = {"name": "toy:ToyDataset", "params": {"count": 3}}
    first, second, third = execute(toy_config("Shift", dataset=dataset))
    assert (first.status, first.failure.stage) == (Status.FAILED, "warm-up")
    assert (second.status, third.status) == (Status.OK, Status.OK)
    assert len(found) == 1 + 2 + 1


def test_each_run_warms_up_on_each_dimension_of_a_dataset(execute, solves, toy_config, tmp_path):
    rows = ["pair_id,fixed,moving"]
    for name, shape in (("a", (20, 24)), ("b", (20, 24)), ("c", (12, 16, 14)), ("d", (12, 16, 14))):
        for side in ("fixed", "moving"):
            image = np.random.default_rng(0).uniform(0.1, 1, shape).astype(np.float32)
            sitk.WriteImage(sitk.GetImageFromArray(image), tmp_path / f"{name}-{side}.nii")
        rows.append(f"{name},{name}-fixed.nii,{name}-moving.nii")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    dataset = {"name": "csv", "params": {"path": str(tmp_path / "pairs.csv")}}
    records = execute(toy_config("Shift", dataset=dataset, timing={"warmup": 2}))
    assert {record.status for record in records} == {Status.OK}
    found, _ = solves
    assert found == [2] * (2 + 2) + [3] * (2 + 2)
