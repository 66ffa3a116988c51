"""The mean of capped ratios, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.gates import GateResult, evaluate_gates
from benchmarks.plan import make_plan
from benchmarks.records import RunRecord

Make = Callable[..., RunRecord]
GATE = {
    "metric": "rmse",
    "backend": "ours",
    "oracle": "oracle",
    "aggregate": "mean_ratio",
    "cap": 2.0,
    "bound": 1.1,
}


@pytest.fixture
def made(make_record: Make) -> Callable[..., list[RunRecord]]:
    """Records of one run, a pair for each RMSE; a word is the status of a job that failed."""

    def build(run: str, *values: float | str) -> list[RunRecord]:
        records = []
        for number, value in enumerate(values):
            identity = {"run": run, "backend": run, "pair_id": f"p{number}", "dataset": "set"}
            how: dict[str, Any] = {"status": value} if isinstance(value, str) else {"after": {"rmse": value}}
            records.append(make_record(f"{run}{number}", identity=identity, **how))
        return records

    return build


def evaluate(records: list[RunRecord], **changes: Any) -> GateResult:
    config = Config.model_validate(
        {
            "name": "test",
            "dataset": {"name": "set"},
            "runs": [{"label": label, "backend": label} for label in ("ours", "oracle")],
            "gates": [GATE | changes],
        }
    )
    (result,) = evaluate_gates(config, records)
    return result


@pytest.mark.parametrize(
    ("ours", "oracle", "score", "passed"),
    [
        ((0.1, 0.2), (0.1, 0.2), 1.0, True),
        ((0.1, 0.3), (0.1, 0.2), 1.25, False),  # (1 + 1.5) / 2
        ((0.05, 0.3), (0.1, 0.2), 1.0, True),  # (0.5 + 1.5) / 2
        ((0.05, 0.9), (0.1, 0.2), 1.25, False),  # (0.5 + 2, not 4.5) / 2
        ((1e-6, 3e-5), (1e-9, 2e-5), 1.0, True),  # all below the floor of 1e-4: equal
        ((2e-4, 1e-4), (1e-9, 1e-4), 1.5, False),  # (2 + 1) / 2
        ((0.11, 0.11), (0.1, 0.1), 1.1, True),
    ],
)
def test_score_by_hand(
    made: Callable[..., list[RunRecord]],
    ours: tuple[float, ...],
    oracle: tuple[float, ...],
    score: float,
    passed: bool,
) -> None:
    result = evaluate([*made("ours", *ours), *made("oracle", *oracle)])
    assert result.value == pytest.approx(score)
    assert (result.passed, result.limit, result.pairs) == (passed, 1.1, 2)


def test_a_failure_of_ours_counts_as_the_cap(made: Callable[..., list[RunRecord]]) -> None:
    result = evaluate([*made("ours", 0.05, "timeout", 0.1), *made("oracle", 0.1, 0.1, "failed")], bound=1.3)
    assert result.value == pytest.approx((0.5 + 2.0) / 2)
    assert result.passed
    assert "ours has no value, which counts as the cap, on 1 of 3 pairs: set/p1" in result.reason
    assert "left out, because oracle has no value, 1 of 3 pairs: set/p2" in result.reason
    both = evaluate([*made("ours", 0.05, "timeout"), *made("oracle", 0.1, "failed")])
    assert both.value == pytest.approx((0.5 + 2.0) / 2)


def test_it_fails_where_no_ratio_is_known(made: Callable[..., list[RunRecord]]) -> None:
    result = evaluate([*made("ours", 0.1, 0.1), *made("oracle", "failed", "oom")])
    assert (result.passed, result.value) == (False, None)
    assert result.reason == "ours and oracle have RMSE together on no pair"
    assert evaluate(made("ours", 0.1)).reason.startswith("no record of a run 'oracle'")


def test_it_is_said_in_words(made: Callable[..., list[RunRecord]]) -> None:
    result = evaluate([*made("ours", 0.9), *made("oracle", 0.1)], pairs=["p*"])
    assert result.text == "mean over pairs of RMSE of ours / oracle, each at most 2, ≤ 1.1 (p*)"
    assert result.reason == "mean ratio over 1 pair 2, bound 1.1; 1 at the cap of 2"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "dice"}, "a mean_ratio needs a metric of which less is better, not 'dice'"),
        ({"metric": "rmsee"}, "no metric named 'rmsee' (did you mean 'rmse'?)"),
        ({"cap": 1.0}, "greater than 1"),
        ({"floor": 0.0}, "greater than 0"),
        ({"rel": 0.1}, "unknown key 'rel'"),
    ],
)
def test_what_it_cannot_do_is_an_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="gates") as caught:
        evaluate([], **changes)
    assert message in str(caught.value)


def test_a_star_is_no_run_of_it(toy_config: Callable[..., Config], tmp_path: Any) -> None:
    config = toy_config("Shift", gates=[GATE | {"backend": "*", "oracle": "shift"}])
    with pytest.raises(ConfigError, match=r"x\.yaml: gates\[0\]: no run labelled '\*'"):
        make_plan(config, tmp_path, "x.yaml")
