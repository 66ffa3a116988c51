import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from benchmarks.config_file import ConfigError
from benchmarks.noise import Calibration, PairTimes, load_noise_floors, save_calibration


def calibration(*pairs, **changes):
    found = tuple(
        PairTimes(dataset="set", pair_id=f"p{n}", first=a, second=b) for n, (a, b) in enumerate(pairs)
    )
    fields = {
        "host": "here",
        "cpu": "a processor",
        "device": "cpu",
        "threads": 2,
        "run": "ours",
        "backend": "torch_lm",
        "commit": "0" * 40,
        "measured_utc": "2026-01-01T00:00:00+00:00",
    }
    return Calibration(**(fields | changes), pairs=found)


def test_times_that_never_differ_have_no_noise():
    assert calibration(((1.0, 1.0), (1.0,)), ((3.0,), (3.0, 3.0))).floor(1) == 1.0


def test_a_constant_difference_is_the_floor_whichever_side_it_is_on():
    assert calibration(((1.0,), (1.25,))).floor(3) == pytest.approx(1.25)
    assert calibration(((1.25,), (1.0,))).floor(3) == pytest.approx(1.25)


def test_one_of_twenty_comparisons_may_lie_above():
    times = tuple((1.0, math.exp(0.01 * n)) for n in range(101))
    assert math.log(calibration(*(((a,), (b,)) for a, b in times)).floor(1)) == pytest.approx(0.95, abs=0.011)


def test_more_repeats_lower_the_floor():
    noisy = calibration(((1.0, 1.1, 1.2, 0.9, 0.8, 1.0, 1.05), (1.1, 0.95, 1.0, 1.2, 0.85, 1.0, 0.9)))
    floors = [noisy.floor(n) for n in (1, 5, 25)]
    assert floors == sorted(floors, reverse=True)
    assert 1 < floors[2] < floors[0] < 1.5


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5), st.integers(1, 5))
def test_the_floor_is_a_ratio_no_larger_than_the_extremes(times, repeats):
    floor = calibration((tuple(times), tuple(times))).floor(repeats)
    assert 1 <= floor <= max(times) / min(times) * (1 + 1e-12)


def test_a_calibration_is_found_for_its_machine_device_and_threads_alone(tmp_path, make_record):
    ours, other = calibration(((1.0,), (1.1,))), calibration(((1.0,), (1.2,)), threads=1)
    for one in (ours, other, ours):
        save_calibration(tmp_path, one)
    floors = load_noise_floors(tmp_path)
    assert set(floors.calibrations) == {ours, other}
    record = make_record("a")
    assert floors.of([record, record]) == ours
    assert floors.of([]) is None
    single = structs.replace(record, identity=structs.replace(record.identity, threads=1))
    assert floors.of([single]) == other
    assert floors.of([record, single]) is None
    for change in ({"host": "elsewhere"}, {"concurrent_jobs": 2}, {"cpu": "another"}):
        moved = structs.replace(record, provenance=structs.replace(record.provenance, **change))
        assert floors.of([moved]) is None


def test_a_damaged_calibration_is_named(tmp_path):
    path = save_calibration(tmp_path, calibration(((1.0,), (1.1,))))
    path.write_text("{}")
    with pytest.raises(ConfigError, match=path.name):
        load_noise_floors(tmp_path)


def test_without_calibrations_there_is_no_floor(tmp_path):
    assert load_noise_floors(tmp_path).calibrations == ()
