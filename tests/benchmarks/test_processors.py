import os

import pytest

from benchmarks.processors import allowed_processors, clock_mhz, machine_state, one_per_core


@pytest.fixture
def system(tmp_path):
    """Two cores of two threads each, as a kernel describes them: 0 and 1 share a core, 2 and 3 another."""
    for number, (siblings, clock_khz) in enumerate(
        (("0-1", 1_000_000), ("0-1", 2_000_000), ("2-3", 3_000_000), ("2-3", 4_000_000))
    ):
        folder = tmp_path / f"cpu{number}"
        (folder / "topology").mkdir(parents=True)
        (folder / "cpufreq").mkdir()
        (folder / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
        (folder / "cpufreq" / "scaling_cur_freq").write_text(f"{clock_khz}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("allowed", "count", "chosen"),
    [
        ((0, 1, 2, 3), 1, (0,)),
        ((0, 1, 2, 3), 2, (0, 2)),
        ((0, 1, 2, 3), 3, (0, 1, 2)),
        ((1, 3), 1, (1,)),
        ((0, 1), 4, (0, 1)),
    ],
)
def test_different_cores_are_taken_before_second_threads(system, allowed, count, chosen):
    assert one_per_core(allowed, count, system) == chosen


def test_without_a_description_every_processor_is_a_core(tmp_path):
    assert one_per_core((5, 3, 4), 2, tmp_path) == (3, 4)


def test_the_clock_is_the_mean_over_the_processors_asked_for(system):
    assert clock_mhz((0, 3), system) == 2500.0


def test_the_state_of_this_machine():
    state = machine_state()
    assert state.load_average >= 0
    assert state.cpu_mhz is None or state.cpu_mhz > 0
    assert set(allowed_processors()) <= set(range(os.cpu_count() or 1))
