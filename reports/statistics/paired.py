"""Paired comparisons of runs with a reference, on the pairs that both did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.aggregation import TIMES
from benchmarks.catalogue import Metric
from reports.statistics.bootstrap import FEWEST_SUBJECTS, FloatArray, Interval, SubjectBootstrap
from reports.study import Study

ALPHA = 0.05


@dataclass(frozen=True)
class PairedTest:
    """Wilcoxon's signed-rank test of paired improvements.

    Attributes
    ----------
    p : float
        Two-sided; 1 where all differences are zero.
    effect : float
        Matched-pairs rank-biserial correlation (Kerby 2014, Comprehensive Psychology 3:11.IT.3.1): the share of
        rank sums in favour less the share against, from -1 to 1.
    win_rate : float
        Share of pairs with an improvement, ties counted half.
    """

    p: float
    effect: float
    win_rate: float


@dataclass(frozen=True)
class Comparison:
    """One run against the reference by one metric.

    Attributes
    ----------
    run, reference : str
        Labels.
    n, subjects : int
        Pairs that both have a value on, and whose images those are.
    test : PairedTest
        On these pairs.
    p_holm : float
        The p value after Holm's correction over all runs compared with the reference by this metric.
    difference : float
        Mean improvement on the reference, positive where the run is better, in the metric's unit; of times the
        mean logarithm of the ratio.
    interval : Interval or None
        Its 95 % confidence interval by bootstrap over subjects; None with fewer than 6 of them.
    conclusive : bool
        False where no result of the test could have been significant, or subjects are too few.
    """

    run: str
    reference: str
    n: int
    subjects: int
    test: PairedTest
    p_holm: float
    difference: float
    interval: Interval | None
    conclusive: bool

    @property
    def significant(self) -> bool:
        """Tell whether the corrected p value and the interval over subjects both say that the two differ.

        The test takes pairs for independent, which the interval does not: where subjects recur it decides. Ranks and
        mean have to agree on which of the two is better: many small wins and a few large losses are no verdict.
        """
        return (
            self.conclusive
            and self.p_holm <= ALPHA
            and self.test.effect * self.difference > 0
            and self.interval is not None
            and self.interval.excludes(0.0)
        )


def signed_rank(improvements: FloatArray) -> PairedTest:
    """Test whether paired improvements are symmetric about zero.

    Parameters
    ----------
    improvements : array of shape (n,)
        Finite. Zeros are left out of the ranking (Wilcoxon's own convention).

    Returns
    -------
    PairedTest
        Exact where scipy can be: without ties up to 50 pairs.
    """
    nonzero = improvements[improvements != 0]
    win_rate = float(np.mean((improvements > 0) + 0.5 * (improvements == 0))) if len(improvements) else 0.5
    if not len(nonzero):
        return PairedTest(1.0, 0.0, win_rate)
    p = float(stats.wilcoxon(nonzero, zero_method="wilcox", method="auto").pvalue)
    ranks = stats.rankdata(np.abs(nonzero))
    effect = float(np.sum(np.sign(nonzero) * ranks) / ranks.sum())
    return PairedTest(p, effect, win_rate)


def holm(p: FloatArray) -> FloatArray:
    """Return p values after Holm's step-down correction (Holm 1979, Scandinavian Journal of Statistics 6:65-70).

    The same numbers as statsmodels' ``multipletests``, which takes a tenth of a second for each call: it collects
    garbage every time.
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def smallest_p(n: int) -> float:
    """Return the smallest two-sided p value that the signed-rank test can give with ``n`` pairs."""
    return float(min(1.0, 2.0 ** (1 - n)))


def enough_pairs(n: int, tests: int) -> bool:
    """Tell whether ``n`` pairs can give a significant result after Holm's correction for so many tests."""
    return smallest_p(n) * tests <= ALPHA


def shortage(pairs: int, subjects: int, tests: int) -> str:
    """Return why so few pairs cannot conclude anything; empty where they can.

    The rule: the smallest p value that Wilcoxon's signed-rank test has for so many pairs, times the number of tests
    that Holm corrects for, exceeds 0.05; or there are fewer than 6 subjects for an interval over them.
    """
    if not enough_pairs(pairs, tests):
        least = min(1.0, smallest_p(pairs) * tests)
        corrected = f", corrected for {tests} comparisons," if tests > 1 else ""
        return (
            f"{pairs} pair{'s' * (pairs != 1)} cannot tell {tests + 1} runs apart: the smallest p value that they "
            f"can give{corrected} is {least:.2g}"
        )
    if subjects < FEWEST_SUBJECTS:
        return (
            f"pairs of {subjects} subject{'s' * (subjects != 1)} say nothing about others: an interval over "
            f"subjects needs {FEWEST_SUBJECTS}"
        )
    return ""


def improvements(metric: Metric, ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """Return by how much values are better than others: the difference, of times the logarithm of the ratio.

    Raises
    ------
    ValueError
        For a metric of which neither direction is the better.
    """
    if metric.better == "neither":
        raise ValueError(f"{metric.name}: neither direction is the better")
    if metric.name in TIMES:
        return np.asarray(np.log(theirs / ours), dtype=np.float64)
    return ours - theirs if metric.better == "higher" else theirs - ours


def compare_with(
    study: Study, dataset: str, metric: Metric, reference: str, runs: Sequence[str]
) -> tuple[Comparison, ...]:
    """Compare runs with a reference, corrected together.

    Parameters
    ----------
    study : Study
        Repeats of a pair are averaged first.
    dataset : str
        On whose pairs.
    metric : Metric
        By which number; one that has a better direction.
    reference : str
        Label of the run that the others are compared with.
    runs : sequence of str
        Labels of the others; those without a pair in common with the reference are left out.
    """
    theirs = np.asarray(study.values(dataset, reference, metric.name), dtype=np.float64)
    subjects = [study.subjects(dataset, pair) for pair in study.pairs(dataset)]
    bootstrap = study.bootstrap(dataset)
    found = []
    for run in runs:
        values = np.asarray(study.values(dataset, run, metric.name), dtype=np.float64)
        better = improvements(metric, values, theirs)
        if run != reference and np.isfinite(better).any():
            found.append((run, better))
    if not found:
        return ()
    tests = [signed_rank(better[np.isfinite(better)]) for _, better in found]
    corrected = holm(np.array([test.p for test in tests]))
    return tuple(
        _comparison(run, reference, better, test, float(p), subjects, bootstrap, len(found))
        for (run, better), test, p in zip(found, tests, corrected, strict=True)
    )


def _comparison(
    run: str,
    reference: str,
    better: FloatArray,
    test: PairedTest,
    p_holm: float,
    subjects: Sequence[tuple[str, ...]],
    bootstrap: SubjectBootstrap,
    tests: int,
) -> Comparison:
    defined = np.isfinite(better)
    whose = {name for pair, there in zip(subjects, defined, strict=True) if there for name in pair}
    n = int(defined.sum())
    return Comparison(
        run=run,
        reference=reference,
        n=n,
        subjects=len(whose),
        test=test,
        p_holm=p_holm,
        difference=float(better[defined].mean()),
        interval=bootstrap.interval(better),
        conclusive=not shortage(n, len(whose), tests),
    )
