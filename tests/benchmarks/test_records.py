import pytest


def test_value_finds_scores_and_costs(make_record):
    record = make_record("a", after={"dice": 0.7}, seconds={"forward": 2.0}, peak_rss_mib=100.0)
    assert record.value("dice") == 0.7
    assert record.value("forward_s") == 2.0
    assert record.value("backward_s") is None
    assert record.value("peak_rss_mib") == 100.0
    with pytest.raises(KeyError):
        record.value("no_such_metric")
