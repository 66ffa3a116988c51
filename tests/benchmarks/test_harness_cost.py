"""The script that measures the harness measures; whether bounds hold is for a quiet machine to say."""

import pytest

from benchmarks.harness_cost import REPEATS, RUNS, Cost, cost_of_jobs, cost_of_records
from benchmarks.results_folder import ResultsFolder


def test_jobs_are_run_and_measured(tmp_path):
    costs = {cost.what: cost for cost in cost_of_jobs(tmp_path, jobs=20)}
    assert costs["a job"].value > 0
    assert 10 < costs["parent's memory, largest"].value < 4000
    lines = (tmp_path / "jobs" / "records.jsonl").read_text().splitlines()
    assert len(lines) == 20
    assert all('"status":"ok"' in line for line in lines)


def test_commands_are_timed_on_a_store_that_they_can_read(tmp_path):
    start_up, report = cost_of_records(tmp_path, RUNS * REPEATS)
    assert start_up.value > 0
    assert report.value > 0
    stored = ResultsFolder(tmp_path / "records").load()
    assert len(stored.records) == RUNS * REPEATS
    assert stored.pending == 0
    assert (tmp_path / "records" / "report.md").is_file()


@pytest.mark.parametrize(("value", "kept"), [(4.9, True), (5.0, True), (5.1, False)])
def test_a_bound_is_kept_up_to_itself(value, kept):
    assert Cost("a job", value, 5.0, "ms").kept is kept
