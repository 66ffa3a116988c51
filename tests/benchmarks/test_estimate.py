import pytest

from benchmarks.estimate import Times, duration
from benchmarks.record_store import Head, Names
from benchmarks.records import Status


def head(run, wall_s, dataset="brains"):
    return Head("x", Status.OK, Names(run, "backend", dataset), wall_s)


def test_jobs_take_the_median_of_their_run_on_their_dataset():
    times = Times(
        [head("a", 1.0), head("a", 2.0), head("a", 90.0), head("a", 500.0, "lungs"), head("b", None)]
    )
    assert times.of_job("a", "brains") == 2.0
    assert times.of_job("b", "brains") is None
    found = times.of_jobs([("a", "brains")] * 3 + [("a", "lungs"), ("b", "brains"), ("c", "lungs")])
    assert found.seconds == 506.0
    assert found.unknown == 2
    assert found.text(1) == "about 8 min 26 s and 2 jobs of unknown duration"
    assert found.text(2).startswith("about 4 min 13 s")


def test_nothing_left_and_nothing_known_are_said():
    assert Times([]).of_jobs([]).text(1) == "none"
    assert Times([]).of_jobs([("a", "b")]).text(1) == "unknown"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (59, "59 s"),
        (59.6, "1 min 0 s"),
        (3600, "1 h 0 min"),
        (90061, "1 d 1 h"),
        (30 * 86400, "30 d 0 h"),
    ],
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text
