from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.metrics import overlap
from benchmarks.metrics.overlap import Counts, count, indexed

SOURCE = np.array([[5, 5, 5, 0], [9, 9, 0, 0]])
TARGET = np.array([[5, 5, 0, 0], [9, 5, 9, 9]])


def test_counts_by_hand() -> None:
    labels = [9, 5, 7]
    counts = count(indexed(SOURCE, labels), indexed(TARGET, labels), 3)
    assert counts == [Counts(2, 3, 1), Counts(3, 3, 2), Counts(0, 0, 0)]


def test_unscored_labels_count_as_background() -> None:
    np.testing.assert_array_equal(indexed(np.array([3, -1, 8, 0, 12]), [8, 3]), [2, 0, 1, 0, 0])


def test_scores_by_hand() -> None:
    """|S| = 2, |T| = 3, |S ∩ T| = 1."""
    c = Counts(source=2, target=3, common=1)
    assert overlap.dice(c) == pytest.approx(2 / 5)
    assert overlap.jaccard(c) == pytest.approx(1 / 4)
    assert overlap.target_overlap(c) == pytest.approx(1 / 3)
    assert overlap.false_negative(c) == pytest.approx(2 / 3)
    assert overlap.false_positive(c) == pytest.approx(1 / 2)
    assert overlap.volume_similarity(c) == pytest.approx(2 * (2 - 3) / 5)


def test_lost_label_scores_zero() -> None:
    lost = Counts(source=0, target=10, common=0)
    assert overlap.dice(lost) == overlap.jaccard(lost) == overlap.target_overlap(lost) == 0.0
    assert overlap.false_negative(lost) == 1.0
    assert overlap.false_positive(lost) is None
    assert overlap.volume_similarity(lost) == -2.0


def test_pooled_scores_sum_before_dividing() -> None:
    """A large label of 90 of 100 and a small one of 0 of 2: pooled 180/204, mean over labels 0.45."""
    counts = [Counts(100, 100, 90), Counts(2, 2, 0)]
    assert overlap.dice_pooled(counts) == pytest.approx(180 / 204)
    assert overlap.jaccard_pooled(counts) == pytest.approx(90 / (110 + 4))
    assert overlap.target_overlap_pooled(iter(counts)) == pytest.approx(90 / 102)


def test_no_label_has_no_score() -> None:
    nothing = Counts(0, 0, 0)
    assert overlap.dice(nothing) is overlap.jaccard(nothing) is overlap.target_overlap(nothing) is None
    assert overlap.dice_pooled([]) is None


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50))
def test_jaccard_follows_from_dice(only_source: int, only_target: int, common: int) -> None:
    c = Counts(only_source + common, only_target + common, common)
    d, j = overlap.dice(c), overlap.jaccard(c)
    assert d is not None
    assert j == pytest.approx(d / (2 - d))
