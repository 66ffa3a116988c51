"""Which of several printed numbers is the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from benchmarks.catalogue import Metric

K = TypeVar("K")


def best_of(printed: Mapping[K, str], metric: Metric, floor: float = 1.0) -> set[K]:
    """Return the keys of the best printed numbers; none of a single one, and none where all are equal.

    Parameters
    ----------
    printed : mapping of K to str
        The numbers to rank.
    metric : Metric
        Says which direction is the better.
    floor : float
        Ratio below which two times differ by noise alone; 1 tells all apart.
    """
    if metric.better == "neither" or len({float(text) for text in printed.values()}) < 2:
        return set()
    choose: Callable[[Iterable[float]], float] = min if metric.better == "lower" else max
    best = choose([float(text) for text in printed.values()])
    near = {key for key, text in printed.items() if float(text) == best or best <= float(text) < best * floor}
    return near if len(near) < len(printed) else set()
