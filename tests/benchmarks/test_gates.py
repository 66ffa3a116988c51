from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from benchmarks.aggregation import pair_results
from benchmarks.config import Config
from benchmarks.gates import GateResult, evaluate_gates
from benchmarks.gradient_record import DirectionalDerivative, GradientCheck, GradientCheckRequest
from benchmarks.records import Failure, Gradient, Identity, Provenance, RunRecord, Status

Make = Callable[..., RunRecord]

PROVENANCE = Provenance(
    commit="abc",
    dirty=False,
    python="3.11",
    platform="Linux",
    cpu="CPU",
    cores=2,
    memory_mib=1,
    gpu="",
    packages={},
    effective_threads={},
    load_average=0.0,
    concurrent_jobs=1,
    warmup=1,
    fresh_workers=False,
    host="host",
    started_utc="2026-01-01T00:00:00Z",
)


@pytest.fixture
def make() -> Make:
    """Return a maker of records; ``seconds`` and ``gradient`` are left out unless given."""

    def build(
        run: str,
        pair: str,
        *,
        repeat: int = 0,
        dataset: str = "set",
        track: Any = "matched",
        status: Status = Status.OK,
        forward_s: float | None = None,
        gradient: Gradient | None = None,
        undisturbed: str = "",
        probes_mm: tuple[tuple[float, ...], ...] = (),
        **scores: float | None,
    ) -> RunRecord:
        identity = Identity(
            run=run,
            backend=run,
            backend_version={},
            params={},
            track=track,
            dataset=dataset,
            dataset_version="1",
            dataset_params={},
            evaluation_version="1",
            pair_id=pair,
            kind="kind",
            subjects=(),
            dimension=2,
            seed=0,
            repeat=repeat,
            threads=1,
            device="cpu",
            undisturbed=undisturbed,
        )
        return RunRecord(
            job_id=f"{run}/{dataset}/{pair}/{repeat}",
            identity=identity,
            status=status,
            failure=None if status is Status.OK else Failure(stage="register", message="broke"),
            seconds={} if forward_s is None else {"forward": forward_s},
            after=scores,
            gradient=gradient,
            probes_mm=probes_mm,
            provenance=PROVENANCE,
        )

    return build


def evaluate(gate: dict[str, Any], records: list[RunRecord], **runs: Any) -> GateResult:
    config = Config.model_validate(
        {
            "name": "test",
            "dataset": {"name": "set"},
            "runs": [
                {"label": label, "backend": label, **runs.get(label, {})} for label in ("ours", "oracle")
            ],
            "gates": [gate],
        }
    )
    (result,) = evaluate_gates(config, records)
    return result


ORACLE = {"metric": "rmse", "backend": "ours", "oracle": "oracle"}


def pairs_of(make: Make, run: str, metric: str, *values: float) -> list[RunRecord]:
    return [make(run, f"p{i}", **{metric: value}) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("aggregate", "value", "oracle", "passed"),
    [
        ("max", 0.3, 0.25, False),  # limit 1.1 * 0.25 + 0.01 = 0.285
        ("mean", 0.2, 0.55 / 3, True),  # limit 1.1 * 0.18333 + 0.01 = 0.21167
        ("median", 0.2, 0.2, True),  # limit 0.23
        ("each", 0.3, 0.25, False),
    ],
)
def test_oracle_gate_where_lower_is_better(
    make: Make, aggregate: str, value: float, oracle: float, passed: bool
) -> None:
    records = pairs_of(make, "ours", "rmse", 0.1, 0.2, 0.3) + pairs_of(make, "oracle", "rmse", 0.1, 0.2, 0.25)
    result = evaluate({**ORACLE, "aggregate": aggregate, "rel": 0.1, "abs": 0.01}, records)
    assert result.passed is passed
    assert result.pairs == 3
    assert result.value == pytest.approx(value)
    assert result.oracle_value == pytest.approx(oracle)
    assert result.limit == pytest.approx(1.1 * oracle + 0.01)


@pytest.mark.parametrize(("ours", "passed"), [((0.9, 0.61), True), ((0.9, 0.59), False)])
def test_worst_pair_is_the_smallest_where_higher_is_better(
    make: Make, ours: tuple[float, float], passed: bool
) -> None:
    records = pairs_of(make, "ours", "dice", *ours) + pairs_of(make, "oracle", "dice", 0.7, 0.8)
    result = evaluate({**ORACLE, "metric": "dice", "rel": 0.1, "abs": 0.03}, records)
    assert result.passed is passed
    assert result.value == ours[1]
    assert result.oracle_value == 0.7
    assert result.limit == pytest.approx(0.6)  # 0.9 * 0.7 - 0.03


def test_each_reports_the_pair_with_the_least_slack(make: Make) -> None:
    records = pairs_of(make, "ours", "rmse", 0.50, 0.11, 0.2)
    records += pairs_of(make, "oracle", "rmse", 0.60, 0.10, 0.4)
    result = evaluate({**ORACLE, "aggregate": "each"}, records)
    assert not result.passed
    assert (result.value, result.oracle_value) == (0.11, 0.10)
    assert "set/p1" in result.reason


def test_negative_tolerance_demands_a_lead(make: Make) -> None:
    gate = {**ORACLE, "metric": "forward_s", "aggregate": "each", "rel": -0.4}
    oracle = make("oracle", "p", forward_s=10.0)
    assert evaluate(gate, [make("ours", "p", forward_s=6.0), oracle]).passed
    assert not evaluate(gate, [make("ours", "p", forward_s=6.1), oracle]).passed


def test_tie_in_decimal_passes_although_binary_differs(make: Make) -> None:
    assert 0.115 > 1.15 * 0.1
    records = [make("ours", "p", rmse=0.115), make("oracle", "p", rmse=0.1)]
    assert evaluate({**ORACLE, "rel": 0.15}, records).passed


def test_repeats_are_averaged_first_and_times_by_the_median(make: Make) -> None:
    records = [
        make("ours", "p", repeat=i, rmse=rmse, forward_s=seconds)
        for i, (rmse, seconds) in enumerate([(0.1, 1.0), (0.1, 2.0), (0.4, 90.0)])
    ]
    records += [make("oracle", "p", rmse=1.0, forward_s=5.0)]
    assert evaluate(ORACLE, records).value == pytest.approx(0.2)
    assert evaluate({**ORACLE, "metric": "forward_s"}, records).value == 2.0


@pytest.mark.parametrize("loser", ["ours", "oracle"])
def test_pair_without_ok_record_fails_the_gate(make: Make, loser: str) -> None:
    records = pairs_of(make, "ours", "rmse", 0.1, 0.1) + pairs_of(make, "oracle", "rmse", 1.0, 1.0)
    records += [make(loser, "p1", status=Status.TIMEOUT)]
    result = evaluate(ORACLE, records)
    assert not result.passed
    assert result.value is None
    assert result.reason == f"{loser} is not ok on 1 of 2 pairs: set/p1 (timeout)"


def test_pair_that_one_side_never_ran_fails_the_gate(make: Make) -> None:
    records = pairs_of(make, "ours", "rmse", 0.1) + pairs_of(make, "oracle", "rmse", 1.0, 1.0)
    assert evaluate(ORACLE, records).reason == "ours is not ok on 1 of 2 pairs: set/p1 (not run)"


def test_one_failed_repeat_is_enough_to_fail(make: Make) -> None:
    records = [make("ours", "p", rmse=0.1), make("ours", "p", repeat=1, status=Status.KILLED)]
    result = evaluate(ORACLE, [*records, make("oracle", "p", rmse=1.0)])
    assert not result.passed
    assert "killed" in result.reason


def test_resumed_job_replaces_its_failure(make: Make) -> None:
    records = [
        make("ours", "p", status=Status.FAILED),
        make("oracle", "p", rmse=1.0),
        make("ours", "p", rmse=0.5),
    ]
    assert evaluate(ORACLE, records).passed


def test_undefined_metric_fails_and_is_no_zero(make: Make) -> None:
    records = [make("ours", "p", dice=None), make("oracle", "p", dice=0.1)]
    result = evaluate({**ORACLE, "metric": "dice"}, records)
    assert not result.passed
    assert result.reason == "dice of ours is undefined on 1 of 1 pair: set/p"


def test_infinite_value_is_undefined(make: Make) -> None:
    records = [make("ours", "p", dice=float("inf")), make("oracle", "p", dice=0.1)]
    assert not evaluate({**ORACLE, "metric": "dice"}, records).passed


@pytest.mark.parametrize("scope", [{"pairs": ["q*"]}, {"dataset": "other"}])
def test_gate_that_selects_no_pair_fails(make: Make, scope: dict[str, Any]) -> None:
    records = pairs_of(make, "ours", "rmse", 0.1) + pairs_of(make, "oracle", "rmse", 1.0)
    result = evaluate({**ORACLE, **scope}, records)
    assert (result.passed, result.pairs) == (False, 0)
    assert result.reason == "the gate selects no pair"


def test_no_records_at_all_fails(make: Make) -> None:
    assert not evaluate(ORACLE, []).passed
    assert not evaluate({"metric": "rmse", "backend": "*", "bound": 1}, []).passed


def test_patterns_and_dataset_select_pairs(make: Make) -> None:
    records = [
        make(run, pair, dataset=dataset, rmse=0.1 if run == "oracle" or pair.startswith("t") else 9.0)
        for run in ("ours", "oracle")
        for dataset in ("set", "other")
        for pair in ("t1", "t2", "r1")
    ]
    result = evaluate({**ORACLE, "dataset": "set", "pairs": ["t*"]}, records)
    assert (result.passed, result.pairs) == (True, 2)
    assert result.text.endswith("(set: t*)")


def test_dataset_that_the_config_keeps_from_a_run_is_left_out(make: Make) -> None:
    records = [make("ours", "p", rmse=0.1), make("oracle", "p", rmse=0.2)]
    records += [make("ours", "p", dataset="other", rmse=0.9)]
    assert not evaluate(ORACLE, records).passed
    assert evaluate(ORACLE, records, oracle={"datasets": ["set"]}).passed


def test_restriction_holds_for_the_runs_of_a_sweep(make: Make) -> None:
    gate = {"metric": "rmse", "backend": "ours [k=2, l=x]", "bound": 0.5}
    records = [make("ours [k=2, l=x]", "p", rmse=0.1), make("oracle", "p", dataset="other", rmse=0.9)]
    assert not evaluate(gate, records).passed
    assert evaluate(gate, records, ours={"datasets": ["set"]}).passed


def test_unknown_run_is_named_with_the_nearest(make: Make) -> None:
    records = [make("ours", "p", rmse=0.1)]
    result = evaluate({**ORACLE, "oracle": "oracel"}, [*records, make("oracle", "p", rmse=0.1)])
    assert not result.passed
    assert result.reason == "no record of a run 'oracel' (did you mean 'oracle'?)"


@pytest.mark.parametrize(
    ("metric", "bound", "passed"), [("tre_mm", 0.5, True), ("tre_mm", 0.3, False), ("dice", 0.4, True)]
)
def test_bound_gate_looks_at_every_pair(make: Make, metric: str, bound: float, passed: bool) -> None:
    result = evaluate(
        {"metric": metric, "backend": "ours", "bound": bound}, pairs_of(make, "ours", metric, 0.4, 0.5)
    )
    assert result.passed is passed
    assert result.value == (0.5 if metric == "tre_mm" else 0.4)
    assert (result.limit, result.oracle_value, result.pairs) == (bound, None, 2)


def test_star_means_every_run_that_is_no_reference_row(make: Make) -> None:
    gate = {"metric": "tre_mm", "backend": "*", "bound": 0.5}
    records = [make("ours", "p", tre_mm=0.1), make("before", "p", track="reference", tre_mm=9.0)]
    assert evaluate(gate, records).passed
    result = evaluate(gate, [*records, make("oracle", "p", tre_mm=0.6)])
    assert not result.passed
    assert "oracle on set/p" in result.reason
    assert not evaluate(gate, [*records, make("oracle", "p", status=Status.UNAVAILABLE)]).passed


def test_metric_without_a_better_direction_fails(make: Make) -> None:
    records = [make("ours", "p", volume_similarity=0.0)]
    result = evaluate({"metric": "volume_similarity", "backend": "ours", "bound": 1}, records)
    assert not result.passed
    assert "no better direction" in result.reason


@pytest.mark.parametrize(
    ("gradient", "passed"),
    [
        (Gradient(finite=True, moving_norm=2.0, fixed_norm=0.0, parameters_norm=0.5), True),
        (Gradient(finite=True, moving_norm=2.0, fixed_norm=1.0, parameters_norm=0.0), False),
        (Gradient(finite=True, moving_norm=0.0, fixed_norm=1.0, parameters_norm=1.0), False),
        (Gradient(finite=True, moving_norm=None, fixed_norm=1.0, parameters_norm=1.0), False),
        (Gradient(finite=False, moving_norm=1.0, fixed_norm=1.0, parameters_norm=1.0), False),
        (None, False),
    ],
)
def test_gradient_gate(make: Make, gradient: Gradient | None, passed: bool) -> None:
    good = Gradient(finite=True, moving_norm=1.0, fixed_norm=1.0, parameters_norm=1.0)
    records = [make("ours", "p0", gradient=good), make("ours", "p1", gradient=gradient)]
    result = evaluate({"differentiable": "ours"}, records)
    assert result.passed is passed
    if passed:
        assert result.value == 0.5
    else:
        assert "set/p1" in result.reason


def test_gradient_gate_needs_every_pair(make: Make) -> None:
    good = Gradient(finite=True, moving_norm=1.0, fixed_norm=1.0, parameters_norm=1.0)
    records = [make("ours", "p0", gradient=good), make("oracle", "p1")]
    assert not evaluate({"differentiable": "ours"}, records).passed


def checked(make: Make, pair: str, check: GradientCheck | None) -> RunRecord:
    good = Gradient(finite=True, moving_norm=1e-5, fixed_norm=1.0, parameters_norm=1.0)
    record = make("ours", pair, gradient=good)
    request = GradientCheckRequest(directions=8, seed=0, step=0.004, version="1")
    identity = structs.replace(record.identity, gradient_check=request)
    return structs.replace(record, identity=identity, gradient_check=check)


def found(cosine: float | None, ratio: float | None, note: str = "") -> GradientCheck:
    line = DirectionalDerivative(image="moving", gradient=1.0, difference=1.0, discrepancy=0.0, step=0.001)
    return GradientCheck(cosine=cosine, norm_ratio=ratio, uncertainty=0.0, directions=(line,), note=note)


RIGHT = {"differentiable": "ours", "min_cosine": 0.99, "max_norm_deviation": 0.05}


@pytest.mark.parametrize(
    ("check", "passed", "value", "limit"),
    [
        (found(0.9995, 1.01), True, 0.9995, 0.99),
        (found(0.999, 0.96), True, 0.999, 0.99),
        (found(0.98, 1.0), False, 0.98, 0.99),
        (found(-1.0, 1.0), False, -1.0, 0.99),
        (found(1.0, 1.06), False, 1.06, 1.05),
        (found(1.0, 0.94), False, 0.94, 0.95),
    ],
)
def test_gradient_gate_demands_what_was_checked(
    make: Make, check: GradientCheck, passed: bool, value: float, limit: float
) -> None:
    result = evaluate(RIGHT, [checked(make, "p0", check)])
    assert (result.passed, result.value, result.limit) == (passed, value, pytest.approx(limit))
    assert "set/p0: cosine" in result.reason


def test_gradient_gate_demands_the_check_where_it_was_asked_alone(make: Make) -> None:
    unchecked = structs.replace(checked(make, "p1", None), identity=make("ours", "p1").identity)
    assert evaluate(RIGHT, [checked(make, "p0", found(1.0, 1.0)), unchecked]).passed
    result = evaluate(RIGHT, [unchecked])
    assert not result.passed
    assert result.reason == "no gradient of ours was checked: set gradient_check.pairs"


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (None, "the check has no result"),
        (found(None, None, "unreliable: it jumps"), "unreliable: it jumps"),
        (found(None, 0.0, "the gradient is zero"), "the gradient is zero"),
    ],
)
def test_a_check_that_tells_nothing_fails_the_gate(make: Make, check: GradientCheck | None, why: str) -> None:
    result = evaluate(RIGHT, [checked(make, "p0", found(1.0, 1.0)), checked(make, "p1", check)])
    assert not result.passed
    assert result.reason == f"the gradient of ours on set/p1: {why}"


def test_a_bound_on_the_cosine_alone_is_a_gate_too(make: Make) -> None:
    gate = {"metric": "gradient_cosine", "backend": "ours", "bound": 0.9}
    assert evaluate(gate, [checked(make, "p0", found(0.95, 1.5))]).passed
    assert not evaluate(gate, [checked(make, "p0", found(0.85, 1.0))]).passed


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        (
            RIGHT,
            "gradients of ours finite and non-zero on each pair, cosine ≥ 0.99 and norm ratio within 0.05 of 1 to "
            "differences of the solve where checked",
        ),
        ({**ORACLE, "rel": 0.15, "abs": 0.001}, "worst RMSE of ours ≤ 1.15 × worst of oracle + 0.001"),
        (
            {**ORACLE, "metric": "dice", "aggregate": "mean", "abs": 0.01},
            "mean Dice of ours ≥ mean of oracle − 0.01",
        ),
        (
            {**ORACLE, "metric": "forward_s", "aggregate": "each", "rel": -0.4},
            "each pair's Forward (s) of ours ≤ 0.6 × each pair's of oracle",
        ),
        ({"metric": "tre_mm", "backend": "*", "bound": 0.5}, "TRE (mm) of every run ≤ 0.5 on each pair"),
        ({"differentiable": "ours"}, "gradients of ours finite and non-zero on each pair"),
    ],
)
def test_text_of_a_gate(gate: dict[str, Any], text: str) -> None:
    assert evaluate(gate, []).text == text


def test_pair_result_keeps_the_start_of_a_failed_job(make: Make) -> None:
    failed = structs.replace(make("ours", "p", status=Status.FAILED), before={"dice": 0.5, "tre_mm": None})
    ((result,),) = (list(runs.values()) for runs in pair_results([failed]).values())
    assert (result.before("dice"), result.before("tre_mm"), result.value("dice")) == (0.5, None, None)


def test_another_metric_of_the_oracle_can_be_the_limit(make: Make) -> None:
    gate = {**ORACLE, "metric": "rmse", "oracle_metric": "ncc", "rel": -0.5}
    oracle = make("oracle", "p", rmse=9.0, ncc=0.8)
    assert evaluate(gate, [make("ours", "p", rmse=0.4), oracle]).passed
    assert not evaluate(gate, [make("ours", "p", rmse=0.41), oracle]).passed


@pytest.mark.parametrize(("share", "passed"), [(0.75, True), (0.76, False)])
def test_a_share_of_pairs_within_the_bound_is_enough(make: Make, share: float, passed: bool) -> None:
    records = pairs_of(make, "ours", "tre_mm", 0.5, 1.0, 2.0, 0.1)
    result = evaluate({"metric": "tre_mm", "backend": "ours", "bound": 1.0, "share": share}, records)
    assert result.passed is passed
    assert (result.value, result.limit, result.pairs) == (0.75, share, 4)
    assert "within the bound on 3 of 4 pairs: 75.0%" in result.reason
    assert "set/p2" in result.reason
    assert f"on at least {share:g} of the pairs" in result.text


def test_of_a_share_what_failed_or_is_undefined_or_missing_counts_as_outside(make: Make) -> None:
    records = [
        *pairs_of(make, "ours", "dice", 0.9, 0.7),
        make("ours", "p2", status=Status.FAILED),
        make("ours", "p3", dice=None),
        make("oracle", "p4", dice=1.0),
    ]
    result = evaluate({"metric": "dice", "backend": "ours", "bound": 0.8, "share": 0.5}, records)
    assert not result.passed
    assert result.value == pytest.approx(1 / 5)


def test_every_run_has_to_reach_the_share(make: Make) -> None:
    records = pairs_of(make, "ours", "rmse", 0.1, 0.1) + pairs_of(make, "oracle", "rmse", 0.1, 0.9)
    gate = {"metric": "rmse", "backend": "*", "bound": 0.5}
    assert evaluate({**gate, "share": 0.5}, records).passed
    result = evaluate({**gate, "share": 0.6}, records)
    assert (result.passed, result.value) == (False, 0.5)
    assert result.reason.startswith("oracle is within the bound")


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_a_share_is_positive_and_at_most_one(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        evaluate({"metric": "rmse", "backend": "ours", "bound": 0.5, "share": share}, [])


def from_starts(make: Make, *ends: tuple[float, float]) -> list[RunRecord]:
    """Return a solution at RMSE 0.1 and the origin, and others at these RMSEs and distances from it."""
    solution = make("ours", "s", rmse=0.1, undisturbed="s", probes_mm=((0.0, 0.0),))
    return [solution] + [
        make("ours", f"d{i}", rmse=rmse, undisturbed="s", probes_mm=((distance_mm, 0.0),))
        for i, (rmse, distance_mm) in enumerate(ends)
    ]


RECOVERS = {"recovers": "ours", "max_rmse_change": 0.01, "max_distance_mm": 0.5, "share": 0.5}


def test_back_means_the_same_rmse_and_the_same_place(make: Make) -> None:
    records = from_starts(make, (0.105, 0.1), (0.095, 0.4), (0.12, 0.1), (0.08, 0.1), (0.1, 0.6))
    result = evaluate(RECOVERS, records)
    assert not result.passed
    assert (result.value, result.limit) == (2 / 5, 0.5)
    assert "ours is back from 2 of 5 disturbed starts: 40.0%" in result.reason
    assert "set/d2, set/d3, set/d4" in result.reason
    assert evaluate({**RECOVERS, "share": 0.4}, records).passed
    assert evaluate({**RECOVERS, "max_distance_mm": None, "share": 0.6}, records).passed
    assert "RMSE within 0.01, transform within 0.5 mm on at least 0.5 of them" in result.text


def test_starts_that_failed_or_never_ran_are_not_back(make: Make) -> None:
    failed = make("ours", "f", status=Status.FAILED, undisturbed="s")
    pending = make("oracle", "p", rmse=0.1, undisturbed="s", probes_mm=((0.0, 0.0),))
    result = evaluate(RECOVERS, [*from_starts(make, (0.1, 0.0)), failed, pending])
    assert (result.passed, result.value) == (False, pytest.approx(1 / 3))


def test_without_the_undisturbed_solution_nothing_is_back(make: Make) -> None:
    result = evaluate(RECOVERS, from_starts(make, (0.1, 0.0), (0.1, 0.0))[1:])
    assert (result.passed, result.value) == (False, 0.0)


def test_pairs_without_disturbed_starts_tell_nothing_about_recovery(make: Make) -> None:
    result = evaluate(RECOVERS, pairs_of(make, "ours", "rmse", 0.1, 0.2))
    assert not result.passed
    assert "no record of ours from a disturbed start" in result.reason
