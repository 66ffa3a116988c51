import pytest

from benchmarks.record_store import RecordStore


def test_a_gradient_check_survives_the_store_and_gives_two_numbers(tmp_path, make_record):
    direction = {"image": "fixed", "gradient": 1.0, "difference": None, "discrepancy": 2.0, "step": 0.001}
    check = {"cosine": 0.9, "norm_ratio": 1.2, "uncertainty": 0.01, "directions": [direction]}
    record = make_record("a", gradient_check=check)
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(record)
    assert store.read() == [record]
    assert (record.value("gradient_cosine"), record.value("gradient_norm_ratio")) == (0.9, 1.2)
    assert make_record("b").value("gradient_cosine") is None


def test_value_finds_scores_and_costs(make_record):
    record = make_record("a", after={"dice": 0.7}, seconds={"forward": 2.0}, peak_rss_mib=100.0)
    assert record.value("dice") == 0.7
    assert record.value("forward_s") == 2.0
    assert record.value("backward_s") is None
    assert record.value("peak_rss_mib") == 100.0
    with pytest.raises(KeyError):
        record.value("no_such_metric")
