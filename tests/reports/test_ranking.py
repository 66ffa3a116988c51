from __future__ import annotations

import pytest

from benchmarks.catalogue import METRICS
from reports.ranking import best_of


@pytest.mark.parametrize(
    ("metric", "printed", "best"),
    [
        ("dice", {"a": "0.90", "b": "0.95"}, {"b"}),
        ("rmse", {"a": "0.90", "b": "0.95"}, {"a"}),
        ("dice", {"a": "0.95", "b": "0.95", "c": "0.10"}, {"a", "b"}),
        ("dice", {"a": "0.95", "b": "0.95"}, set()),
        ("dice", {"a": "0.95"}, set()),
        ("dice", {}, set()),
        ("forward_s", {"a": "10.0", "b": "9.0"}, {"b"}),
        ("volume_similarity", {"a": "0.1", "b": "0.2"}, set()),
    ],
)
def test_best_of_printed_numbers(metric: str, printed: dict[str, str], best: set[str]) -> None:
    assert best_of(printed, METRICS[metric]) == best
