import msgspec
import pytest
from msgspec import structs

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


def test_what_a_start_adds_survives_the_store_and_may_be_missing_in_an_older_one(tmp_path, make_record):
    plain = make_record("a")
    identity = structs.replace(plain.identity, conditions={"start_translation_mm": 5.0}, undisturbed="u")
    record = structs.replace(plain, identity=identity, probes_mm=((1.5, -2.0), (0.0, 1e-6)))
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(record)
    assert store.read() == [record]
    older = msgspec.to_builtins(plain)
    del older["probes_mm"], older["identity"]["conditions"], older["identity"]["undisturbed"]
    assert msgspec.convert(older, type(plain)) == plain


def test_value_finds_scores_and_costs(make_record):
    record = make_record("a", after={"dice": 0.7}, seconds={"forward": 2.0}, peak_rss_mib=100.0)
    assert record.value("dice") == 0.7
    assert record.value("forward_s") == 2.0
    assert record.value("backward_s") is None
    assert record.value("peak_rss_mib") == 100.0
    with pytest.raises(KeyError):
        record.value("no_such_metric")
