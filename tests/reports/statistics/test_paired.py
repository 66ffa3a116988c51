from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec import structs
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmarks.catalogue import METRICS
from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.statistics.paired import (
    compare_with,
    enough_pairs,
    holm,
    improvements,
    signed_rank,
    smallest_p,
)
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]

# Cross- and self-fertilised maize, in eighths of an inch: Darwin's fifteen pairs, as in Fisher's Design of Experiments.
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)


def test_darwins_maize() -> None:
    """W = 24 and p = 0.041 of the exact two-sided test."""
    found = signed_rank(DARWIN)
    assert found.p == pytest.approx(0.0413, abs=1e-4)
    assert found.win_rate == pytest.approx(13 / 15)
    assert found.effect == pytest.approx((96 - 24) / 120)


def test_all_wins_give_the_smallest_p_that_there_is() -> None:
    found = signed_rank(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    assert found.p == pytest.approx(smallest_p(6)) == pytest.approx(0.03125)
    assert (found.effect, found.win_rate) == (1.0, 1.0)


def test_equal_runs_do_not_differ() -> None:
    found = signed_rank(np.zeros(9))
    assert (found.p, found.effect, found.win_rate) == (1.0, 0.0, 0.5)


def test_effect_changes_sign_with_the_direction() -> None:
    one, other = signed_rank(DARWIN), signed_rank(-DARWIN)
    assert one.p == pytest.approx(other.p)
    assert one.effect == pytest.approx(-other.effect)


@pytest.mark.parametrize(
    ("pairs", "tests", "enough"), [(5, 1, False), (6, 1, True), (6, 2, False), (9, 10, True)]
)
def test_pairs_that_a_conclusion_needs(pairs: int, tests: int, enough: bool) -> None:
    assert enough_pairs(pairs, tests) is enough


def test_improvement_is_positive_where_the_run_is_better() -> None:
    one, two = np.array([1.0]), np.array([2.0])
    assert improvements(METRICS["dice"], two, one) == 1.0
    assert improvements(METRICS["tre_mm"], two, one) == -1.0
    np.testing.assert_allclose(improvements(METRICS["forward_s"], one, two), np.log(2.0))
    with pytest.raises(ValueError, match="volume_similarity: neither direction"):
        improvements(METRICS["volume_similarity"], one, two)


def runs_of(make: Make, pairs: int, subjects: int, **scores: float) -> list[RunRecord]:
    draw = np.random.default_rng(0)
    records = []
    for pair in range(pairs):
        base = draw.normal(0.7, 0.05)
        for run, better in scores.items():
            value = base + better + draw.normal(0, 0.01)
            record = make(run, f"p{pair}", dice=value)
            identity = structs.replace(record.identity, subjects=(f"s{pair % subjects}",))
            records.append(structs.replace(record, identity=identity))
    return records


def test_p_values_are_scipys_corrected_by_statsmodels(make: Make, make_config: MakeConfig) -> None:
    study = Study.of(make_config("a", "b", "c"), runs_of(make, 20, 20, a=0.0, b=0.05, c=0.003))
    found = compare_with(study, "set", METRICS["dice"], "a", ["a", "b", "c"])
    assert [one.run for one in found] == ["b", "c"]
    a, b, c = (study.values("set", run, "dice").to_numpy() for run in "abc")
    raw = [stats.wilcoxon(b, a).pvalue, stats.wilcoxon(c, a).pvalue]
    np.testing.assert_allclose([one.test.p for one in found], raw)
    np.testing.assert_allclose([one.p_holm for one in found], multipletests(raw, method="holm")[1])
    assert [one.significant for one in found] == [True, False]
    assert found[0].difference == pytest.approx((b - a).mean())


def test_many_pairs_of_few_subjects_conclude_nothing(make: Make, make_config: MakeConfig) -> None:
    study = Study.of(make_config("a", "b"), runs_of(make, 30, 5, a=0.0, b=0.05))
    (found,) = compare_with(study, "set", METRICS["dice"], "a", ["b"])
    assert found.p_holm < 1e-6
    assert (found.subjects, found.conclusive, found.significant) == (5, False, False)


def test_many_small_wins_and_a_few_large_losses_are_no_verdict(make: Make, make_config: MakeConfig) -> None:
    records = []
    for pair in range(100):
        for run, dice in (("a", 0.7), ("b", 0.2 if pair < 15 else 0.71 + pair / 1e5)):
            record = make(run, f"p{pair}", dice=dice)
            identity = structs.replace(record.identity, subjects=(f"s{pair}",))
            records.append(structs.replace(record, identity=identity))
    (found,) = compare_with(Study.of(make_config("a", "b"), records), "set", METRICS["dice"], "a", ["b"])
    assert found.p_holm < 0.001
    assert found.test.effect > 0 > found.difference
    assert found.interval is not None
    assert found.interval.excludes(0.0)
    assert not found.significant


def test_repeats_are_averaged_and_failures_left_out(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", repeat=i, dice=dice) for i, dice in enumerate((0.2, 0.4))]
    records += [make("b", "p1", dice=0.5), make("a", "p2", status=Status.FAILED), make("b", "p2", dice=0.5)]
    (found,) = compare_with(Study.of(make_config("a", "b"), records), "set", METRICS["dice"], "b", ["a"])
    assert (found.n, found.conclusive) == (1, False)
    assert found.difference == pytest.approx(-0.2)


def test_runs_without_a_common_pair_are_left_out(make: Make, make_config: MakeConfig) -> None:
    study = Study.of(make_config("a", "b"), [make("a", "p1", dice=0.5), make("b", "p2", dice=0.5)])
    assert compare_with(study, "set", METRICS["dice"], "a", ["b"]) == ()


@pytest.mark.parametrize("p", [[0.01], [0.04, 0.01, 0.03], [0.5, 0.5, 0.9, 0.001, 0.001], [1.0, 0.02]])
def test_holm_is_statsmodels(p: list[float]) -> None:
    np.testing.assert_allclose(holm(np.array(p)), multipletests(p, method="holm")[1])
