"""Which of several printed numbers is the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from benchmarks.catalogue import Metric

K = TypeVar("K")


def best_of(printed: Mapping[K, str], metric: Metric) -> set[K]:
    """Return the keys of the best printed numbers; none of a single one, and none where all are equal."""
    if metric.better == "neither" or len({float(text) for text in printed.values()}) < 2:
        return set()
    choose: Callable[[Iterable[float]], float] = min if metric.better == "lower" else max
    best = choose([float(text) for text in printed.values()])
    return {key for key, text in printed.items() if float(text) == best}
