from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from scipy import stats

from benchmarks.catalogue import METRICS
from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.statistics.ranks import (
    critical_difference,
    friedman_note,
    groups_within,
    rank_runs,
    untried_note,
)
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]

# Demšar 2006, table 6: areas under the curve of C4.5 and three variants on 14 data sets.
DEMSAR = {
    "C4.5": (.763, .599, .954, .628, .882, .936, .661, .583, .775, 1.000, .940, .619, .972, .957),
    "C4.5+m": (.768, .591, .971, .661, .888, .931, .668, .583, .838, 1.000, .962, .666, .981, .978),
    "C4.5+cf": (.771, .590, .968, .654, .886, .916, .609, .563, .866, 1.000, .965, .614, .9751, .946),
    "C4.5+m+cf": (.798, .569, .967, .657, .898, .931, .685, .625, .875, 1.000, .962, .669, .975, .970),
}  # fmt: skip


def test_demsars_worked_example(make: Make, make_config: MakeConfig) -> None:
    records = [
        make(run, f"p{index}", dice=value)
        for run, values in DEMSAR.items()
        for index, value in enumerate(values)
    ]
    found = rank_runs(Study.of(make_config(*DEMSAR), records), "set", METRICS["dice"])
    assert found is not None
    expected = {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}
    assert found.ranks == pytest.approx(expected, abs=5e-4)
    assert list(found.ranks) == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert found.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)
    # The paper has 0.026, from a statistic that is not corrected for ties.
    assert found.p == pytest.approx(stats.friedmanchisquare(*DEMSAR.values()).pvalue)
    assert friedman_note(found).endswith(f"p = {found.p:.2g}")
    assert friedman_note(replace(found, p=0.4)).endswith("so that no difference of ranks is called one")


@pytest.mark.parametrize(("runs", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (7, 2.949), (10, 3.164)])
def test_critical_values_of_the_published_table(runs: int, quantile: float) -> None:
    """Demšar 2006, table 5(a)."""
    assert critical_difference(runs, 1) / math.sqrt(runs * (runs + 1) / 6) == pytest.approx(
        quantile, abs=1e-3
    )


def test_failure_ranks_last_and_shares_its_place(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", tre_mm=1.0), make("b", "p1", tre_mm=9.0)]
    records += [make(run, "p1", status=Status.TIMEOUT) for run in ("c", "d")]
    found = rank_runs(Study.of(make_config(*"abcd"), records), "set", METRICS["tre_mm"])
    assert found is not None
    assert found.ranks == {"a": 1.0, "b": 2.0, "c": 3.5, "d": 3.5}


def test_backend_that_is_not_installed_is_not_ranked(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", tre_mm=1.0), make("b", tre_mm=2.0), make("c", status=Status.UNAVAILABLE)]
    found = rank_runs(Study.of(make_config(*"abc"), records), "set", METRICS["tre_mm"])
    assert found is not None
    assert list(found.ranks) == ["a", "b"]
    assert math.isnan(found.p)


def test_pairs_not_reached_yet_do_not_count_as_failures(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", tre_mm=1.0), make("b", "p1", tre_mm=2.0), make("a", "p2", tre_mm=9.0)]
    found = rank_runs(Study.of(make_config("a", "b"), records), "set", METRICS["tre_mm"])
    assert found is not None
    assert (found.pairs, found.untried) == (("p1",), 1)


@pytest.mark.parametrize("status", [Status.UNSUPPORTED, Status.UNAVAILABLE])
def test_a_run_is_not_last_on_pairs_that_it_cannot_do(
    status: Status, make: Make, make_config: MakeConfig
) -> None:
    records = [make("a", f"p{i}", tre_mm=2.0) for i in range(6)]
    records += [make("b", f"p{i}", tre_mm=1.0) for i in range(2)]
    records += [make("b", "p2", status=Status.FAILED)]
    records += [make("b", f"p{i}", status=status) for i in range(3, 6)]
    found = rank_runs(Study.of(make_config("a", "b"), records), "set", METRICS["tre_mm"])
    assert found is not None
    assert found.ranks == pytest.approx({"b": 4 / 3, "a": 5 / 3})
    assert (found.pairs, found.untried) == (("p0", "p1", "p2"), 3)
    assert untried_note(found) == " 3 pairs that not every run tried are left out."


def test_runs_that_tried_no_pair_in_common_have_no_ranks(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", tre_mm=2.0), make("a", "p2", status=Status.UNSUPPORTED)]
    records += [make("b", "p2", tre_mm=1.0), make("b", "p1", status=Status.UNSUPPORTED)]
    assert rank_runs(Study.of(make_config("a", "b"), records), "set", METRICS["tre_mm"]) is None


def test_reference_rows_are_not_ranked(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", tre_mm=1.0), make("truth", track="reference", tre_mm=0.0)]
    assert rank_runs(Study.of(make_config("a", "truth"), records), "set", METRICS["tre_mm"]) is None


def test_groups_are_as_large_as_can_be_and_never_inside_another() -> None:
    ranks = {"a": 1.0, "b": 1.5, "c": 2.2, "d": 4.0}
    assert groups_within(ranks, 1.0) == (("a", "b"), ("b", "c"))
    assert groups_within(ranks, 2.6) == (("a", "b", "c"), ("b", "c", "d"))
    assert groups_within(ranks, 0.1) == ()


def test_runs_that_tie_on_every_pair_are_not_told_apart(make: Make, make_config: MakeConfig) -> None:
    records = [make(run, pair, tre_mm=1.0) for run in "abc" for pair in ("p1", "p2")]
    found = rank_runs(Study.of(make_config(*"abc"), records), "set", METRICS["tre_mm"])
    assert found is not None
    assert (found.ranks, found.p) == (dict.fromkeys("abc", 2.0), 1.0)
