import pytest

from benchmarks.estimate import Times, duration
from benchmarks.record_store import Head
from benchmarks.records import Status
from benchmarks.workload import Workload


def head(run, wall_s, dataset="brains", threads=1):
    return Head("x", Status.OK, Workload(run, dataset, threads), wall_s)


def test_jobs_take_the_median_of_their_run_on_their_dataset_with_as_many_threads():
    times = Times(
        [
            head("a", 1.0),
            head("a", 2.0),
            head("a", 90.0),
            head("a", 500.0, "lungs"),
            head("b", None),
            head("a", 0.5, threads=4),
        ]
    )
    a_brains = Workload("a", "brains", 1)
    assert times.of_job(a_brains) == 2.0
    assert times.of_job(Workload("a", "brains", 4)) == 0.5
    assert times.of_job(Workload("a", "brains", 2)) is None
    assert times.of_job(Workload("b", "brains", 1)) is None
    others = [Workload(run, dataset, 1) for run, dataset in (("a", "lungs"), ("b", "brains"), ("c", "lungs"))]
    found = times.of_jobs([a_brains] * 3 + others)
    assert found.seconds == 506.0
    assert found.unknown == 2
    assert found.text(1) == "about 8 min 26 s, plus 2 jobs of unknown duration"
    assert found.text(2).startswith("about 4 min 13 s")


def test_nothing_left_and_nothing_known_are_said():
    assert Times([]).of_jobs([]).text(1) == "none"
    assert Times([]).of_jobs([Workload("a", "b", 1)]).text(1) == "unknown"


def test_sentences_are_of_one_job_or_of_more():
    times = Times([head("a", 2.0)])
    known, unknown = Workload("a", "brains", 1), Workload("b", "brains", 1)
    assert times.of_jobs([known]).sentence(1) == "it takes about 2 s"
    assert times.of_jobs([known, known]).sentence(1) == "they take about 4 s"
    assert times.of_jobs([unknown]).sentence(1) == "how long it takes is not known"
    assert times.of_jobs([unknown, unknown]).sentence(1) == "how long they take is not known"
    mixed = times.of_jobs([known, unknown])
    assert mixed.sentence(1) == "they take about 2 s, plus 1 job of unknown duration"


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
