"""Which runs are the best by a metric, and which cannot be told from the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.catalogue import Metric
from reports.ranking import best_of
from reports.statistics.paired import compare_with, shortage
from reports.study import Study

NEAR_MARK = "~"
NEAR_NOTE = (
    "not significantly different from the best of its track (Wilcoxon's signed-rank test with Holm's correction at "
    "5 %, and the 95 % interval over subjects; that the best was found on the same pairs is not corrected for)."
)


@dataclass(frozen=True)
class Outstanding:
    """Labels of runs that stand out by a metric.

    Attributes
    ----------
    best : frozenset of str
        Those whose printed average is the best; none where the print tells no two of them apart.
    near : frozenset of str
        Others that a test cannot tell from the best.
    shortage : str
        Why no test could tell any two apart; empty where it could, or where there is nothing to tell apart.
    """

    best: frozenset[str] = frozenset()
    near: frozenset[str] = frozenset()
    shortage: str = ""


def find_outstanding(
    study: Study, dataset: str, metric: Metric, printed: Mapping[str, str], floor: float | None = None
) -> Outstanding:
    """Return the best runs of those given, and those that are not significantly different from the only best.

    Parameters
    ----------
    study : Study
        What they did.
    dataset : str
        On which dataset.
    metric : Metric
        By which number.
    printed : mapping of str to str
        The printed averages of the runs to compare, by label.
    floor : float or None
        Ratio below which two times differ by noise alone.
    """
    best = frozenset(best_of(printed, metric, floor or 1.0))
    if len(best) != 1:
        return Outstanding(best)
    (winner,) = best
    compared = compare_with(study, dataset, metric, winner, list(printed))
    if not any(one.conclusive for one in compared):
        fewest = min(compared, key=lambda one: one.n)
        return Outstanding(best, shortage=shortage(fewest.n, fewest.subjects, len(compared)))
    return Outstanding(best, frozenset(one.run for one in compared if not one.significant))
