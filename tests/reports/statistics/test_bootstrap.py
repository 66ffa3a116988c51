from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from reports.statistics.bootstrap import Interval, SubjectBootstrap


def test_independent_pairs_have_the_normal_interval_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    found = SubjectBootstrap([(f"s{i}",) for i in range(400)]).interval(values)
    assert found is not None
    error = values.std(ddof=1) / np.sqrt(400)
    np.testing.assert_allclose(
        [found.low, found.high], values.mean() + np.array([-1.96, 1.96]) * error, atol=0.25 * error
    )


def test_interval_covers_subjects_that_pairs_share_where_one_of_pairs_does_not() -> None:
    """Each value is the mean of its two subjects' own: the mean over 190 pairs is known as well as that of 20."""
    names = [f"s{i}" for i in range(20)]
    covered = naive = 0
    trials = 60
    for seed in range(trials):
        draw = np.random.default_rng(seed)
        own = dict(zip(names, draw.normal(size=20), strict=True))
        pairs = list(combinations(names, 2))
        values = np.array([(own[a] + own[b]) / 2 for a, b in pairs])
        found = SubjectBootstrap(pairs).interval(values)
        assert found is not None
        covered += not found.excludes(0.0)
        naive += abs(values.mean()) <= 1.96 * values.std(ddof=1) / np.sqrt(len(pairs))
    assert covered >= 0.85 * trials
    assert naive <= 0.7 * trials


def test_a_subject_drawn_twice_counts_its_pairs_twice() -> None:
    # Two groups of pairs, of a value each: the mean of a draw is the share of the second group.
    subjects = [("a",), ("b",), ("c",), ("d",), ("e",), ("f", "f")]
    found = SubjectBootstrap(subjects).interval(np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
    assert found is not None
    assert found.low == pytest.approx(1 / 6)
    assert found.high == pytest.approx(5 / 6)


@pytest.mark.parametrize("subjects", [1, 2, 5])
def test_few_subjects_give_no_interval_however_many_pairs(subjects: int) -> None:
    pairs = [(f"s{i % subjects}",) for i in range(50)]
    assert SubjectBootstrap(pairs).interval(np.arange(50.0)) is None


def test_pairs_without_a_value_are_left_out() -> None:
    subjects = [(f"s{i}",) for i in range(20)]
    values = np.where(np.arange(20) < 14, 3.0, np.nan)
    assert SubjectBootstrap(subjects).interval(values) == Interval(3.0, 3.0)
    assert SubjectBootstrap(subjects).interval(np.full(20, np.nan)) is None


def test_pairs_of_few_subjects_that_are_left_give_no_interval() -> None:
    subjects = [(f"s{i}",) for i in range(10) for _ in range(5)]
    values = np.where(np.arange(50) < 25, np.arange(50.0), np.nan)
    assert SubjectBootstrap(subjects).interval(values) is None


def test_median_is_robust_to_one_wild_pair() -> None:
    subjects = [(f"s{i}",) for i in range(21)]
    values = np.append(np.linspace(0.9, 1.1, 20), 1e6)
    found = SubjectBootstrap(subjects).interval(values, "median")
    assert found is not None
    assert 0.9 <= found.low < 1.01 < found.high <= 1.1


def test_the_same_values_give_the_same_interval() -> None:
    subjects = [(f"s{i}",) for i in range(12)]
    values = np.random.default_rng(1).normal(size=12)
    assert SubjectBootstrap(subjects).interval(values) == SubjectBootstrap(subjects).interval(values)
