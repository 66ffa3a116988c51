"""Average ranks of runs over pairs, failures last, and which of them a Nemenyi test cannot tell apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.catalogue import Metric
from benchmarks.records import Status
from benchmarks.wording import counted
from reports.statistics.bootstrap import FloatArray
from reports.study import Study, once_per_study

ALPHA = 0.05
# A backend that is not installed, or cannot do such pairs, has not failed on them.
NOT_TRIED = frozenset({Status.UNAVAILABLE, Status.UNSUPPORTED})


@dataclass(frozen=True)
class Ranking:
    """What a critical-difference diagram shows (Demšar 2006, JMLR 7:1-30).

    Attributes
    ----------
    metric : Metric
        By which number pairs rank the runs; 1 is the best rank.
    ranks : mapping of str to float
        Average rank by run label, best first. A pair on which a run failed ranks it last.
    pairs : tuple of str
        Ids of the pairs that rank them: all runs tried these.
    untried : int
        How many pairs are left out because a run could not be tried on them, or has not reached them.
    critical_difference : float
        Average ranks closer than this are not told apart at 5 % (Nemenyi).
    p : float
        Of the Friedman test that all runs rank alike; NaN with fewer than three runs.
    groups : tuple of tuple of str
        Runs that are not told apart, each group as large as can be; those of one run alone left out.
    """

    metric: Metric
    ranks: Mapping[str, float]
    pairs: tuple[str, ...]
    untried: int
    critical_difference: float
    p: float
    groups: tuple[tuple[str, ...], ...]


@once_per_study
def rank_runs(study: Study, dataset: str, metric: Metric) -> Ranking | None:
    """Rank the competitors on a dataset; None with fewer than two of them or without pairs.

    Runs that were available and have a value somewhere, or failed everywhere, are ranked on the pairs that all of
    them have tried, whether or not they succeeded.
    """
    everything = study.pairs(dataset)
    tried = {run.label: _tried(study, dataset, run.label) for run in study.competitors(dataset)}
    runs = [run for run, pairs in tried.items() if pairs]
    values = {run: study.values(dataset, run, metric.name) for run in runs}
    runs = [run for run in runs if values[run].notna().any() or not study.ok_count(dataset, run)]
    common = [pair for pair in everything if all(pair in tried[run] for run in runs)]
    pairs = tuple(pair for pair in common if any(math.isfinite(values[run][pair]) for run in runs))
    if metric.better == "neither" or len(runs) < 2 or not pairs:
        return None
    table = np.array([[values[run][pair] for run in runs] for pair in pairs], dtype=np.float64)
    ranks = _ranks(table if metric.better == "lower" else -table)
    average = dict(zip(runs, ranks.mean(axis=0).tolist(), strict=True))
    ordered = dict(sorted(average.items(), key=lambda item: item[1]))
    width = critical_difference(len(runs), len(pairs))
    untried = len(everything) - len(common)
    return Ranking(metric, ordered, pairs, untried, width, _friedman_p(ranks), groups_within(ordered, width))


def _friedman_p(ranks: FloatArray) -> float:
    """Return the p-value of ranks of shape (pairs, runs); 1 where all are ties, NaN of fewer than three runs."""
    if ranks.shape[1] < 3:
        return math.nan
    if not np.ptp(ranks, axis=1).any():
        return 1.0
    return float(stats.friedmanchisquare(*ranks.T).pvalue)


def critical_difference(runs: int, pairs: int) -> float:
    """Return the critical difference of average ranks of the Nemenyi test at 5 % (Demšar 2006, section 3.2.2).

    Parameters
    ----------
    runs : int
        At least 2.
    pairs : int
        At least 1.
    """
    quantile = float(stats.studentized_range.isf(ALPHA, runs, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(runs * (runs + 1) / (6 * pairs))


def friedman_note(ranking: Ranking) -> str:
    """Return the result of the Friedman test, and what it means for the ranks; for three runs or more."""
    said = f"Friedman test that all rank alike: p = {ranking.p:.2g}"
    return said if ranking.p <= ALPHA else f"{said}, so that no difference of ranks is called one"


def untried_note(ranking: Ranking) -> str:
    """Return a sentence for captions, with a space before it; empty where every run tried every pair."""
    if not ranking.untried:
        return ""
    left = counted(ranking.untried, "pair")
    return f" {left} that not every run tried {'is' if ranking.untried == 1 else 'are'} left out."


def groups_within(ranks: Mapping[str, float], width: float) -> tuple[tuple[str, ...], ...]:
    """Return the largest groups of runs, in the order of their ranks, whose ranks lie within a width.

    Parameters
    ----------
    ranks : mapping of str to float
        In ascending order of the ranks.
    width : float
        The critical difference.
    """
    labels, places = list(ranks), list(ranks.values())
    found: list[tuple[int, int]] = []
    for start, low in enumerate(places):
        end = max(index for index, place in enumerate(places) if place - low < width)
        if end > start and not (found and found[-1][1] >= end):
            found.append((start, end))
    return tuple(tuple(labels[start : end + 1]) for start, end in found)


def _tried(study: Study, dataset: str, run: str) -> set[str]:
    """Return the pairs that a run was tried on."""
    results = {pair: study.result(dataset, pair, run) for pair in study.pairs(dataset)}
    return {pair for pair, result in results.items() if result and result.status not in NOT_TRIED}


def _ranks(table: FloatArray) -> FloatArray:
    """Return ranks by row, ties averaged; what is missing shares the last places."""
    worst = np.where(np.isfinite(table), table, np.inf)
    return np.asarray(stats.rankdata(worst, axis=1), dtype=np.float64)
