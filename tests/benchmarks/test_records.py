import pytest

from benchmarks.records import RecordStore, latest


def test_records_come_back_as_they_were_written(tmp_path, make_record):
    store = RecordStore(tmp_path / "deep" / "records.jsonl")
    written = [make_record("a"), make_record("b", trace=((1.0, float("inf")), (0.5,)))]
    for item in written:
        store.append(item)
    assert store.read() == written


def test_a_torn_line_loses_only_itself(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(make_record("a"))
    with store.path.open("ab") as file:
        file.write(make_record("b").model_dump_json().encode()[:200])
    assert [item.job_id for item in store.read()] == ["a"]
    store.append(make_record("c"))
    assert [item.job_id for item in store.read()] == ["a", "c"]


def test_a_complete_line_that_is_no_record_is_an_error_naming_the_line(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(make_record("a"))
    with store.path.open("a") as file:
        file.write('{"job_id": "b"}\n')
    with pytest.raises(ValueError, match=r"records\.jsonl:2: not a record"):
        store.read()


def test_an_absent_store_is_empty(tmp_path):
    assert RecordStore(tmp_path / "none.jsonl").read() == []


def test_the_last_record_of_a_job_counts(make_record):
    first, second = make_record("a", status="failed"), make_record("a")
    assert latest([first, make_record("b"), second])["a"] is second


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
