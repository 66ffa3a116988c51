"""Gates: the conditions of a config, tested on the records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from benchmarks.aggregation import PairKey, at_threads, pair_results, thread_counts
from benchmarks.catalogue import METRICS, Metric
from benchmarks.config import Config
from benchmarks.gate_config import (
    BoundGate,
    Gate,
    GateBase,
    GradientGate,
    OracleGate,
    RatioGate,
    RecoveryGate,
)
from benchmarks.gate_evidence import (
    CannotTellError,
    Compared,
    Evidence,
    compared_to,
    counted_pairs,
    tolerances,
)
from benchmarks.gate_words import AGGREGATES, gate_text
from benchmarks.gradient_record import GradientCheck
from benchmarks.ratio_gate import capped_ratios
from benchmarks.records import Gradient, RunRecord
from benchmarks.share_gates import recovered, share_within


@dataclass(frozen=True)
class GateResult:
    """What became of one gate.

    Attributes
    ----------
    text : str
        The condition in words.
    passed : bool
        True when it holds on all its pairs.
    pairs : int
        How many pairs the gate selects.
    value : float or None
        The backend's side: the aggregate, or the value of the pair nearest to the limit; for gradients the
        smallest norm. None when the gate could not be computed.
    limit : float or None
        What ``value`` was compared with.
    oracle_value : float or None
        The oracle's side before tolerances; None for gates without an oracle.
    reason : str
        Why, in one sentence.
    """

    text: str
    passed: bool
    pairs: int
    value: float | None
    limit: float | None
    oracle_value: float | None
    reason: str


def evaluate_gates(config: Config, records: Iterable[RunRecord]) -> list[GateResult]:
    """Test every gate of a config, in its order.

    A gate fails, and says so, when it selects no pair, or when a run that it names did not end ``ok`` on one
    of its pairs in every repeat, or when the metric is undefined there. In a sweep over thread counts every gate
    is tested at each, both sides at the same.

    Parameters
    ----------
    config : Config
        Whose gates.
    records : iterable of RunRecord
        All records; of several with the same run, pair and repeat the last counts.
    """
    if not config.gates:
        return []
    found = list(records)
    counts = thread_counts(found)
    if len(counts) < 2:
        evidence = Evidence(config, pair_results(found))
        return [_evaluate(gate, evidence) for gate in config.gates]
    sweep = {n: Evidence(config, pair_results(at_threads(found, n))) for n in counts}
    results = [(n, _evaluate(gate, evidence)) for gate in config.gates for n, evidence in sweep.items()]
    return [replace(result, text=f"{result.text}, at threads={n}") for n, result in results]


def _evaluate(gate: Gate, evidence: Evidence) -> GateResult:
    runs = _runs_named(gate, evidence)
    selected = sorted({key for run in runs for key in evidence.pairs(gate, _with_oracle(gate, run))})
    try:
        if not selected:
            raise CannotTellError("the gate selects no pair")
        match gate:
            case OracleGate():
                compared = _against_oracle(gate, evidence, selected)
            case BoundGate():
                compared = _against_bound(gate, evidence, runs)
            case RatioGate():
                compared = [capped_ratios(gate, evidence, selected)]
            case GradientGate():
                compared = _gradients(gate, evidence, selected)
            case RecoveryGate():
                compared = [recovered(gate, evidence, selected)]
    except CannotTellError as refusal:
        return GateResult(gate_text(gate), False, len(selected), None, None, None, str(refusal))
    worst = min(compared, key=lambda one: (one.holds, one.slack))
    return GateResult(
        gate_text(gate), worst.holds, len(selected), worst.value, worst.limit, worst.oracle_value, worst.what
    )


def _runs_named(gate: Gate, evidence: Evidence) -> list[str]:
    if isinstance(gate, GradientGate):
        return [gate.differentiable]
    if isinstance(gate, RecoveryGate):
        return [gate.recovers]
    return evidence.competitors() if gate.backend == "*" else [gate.backend]


def _with_oracle(gate: GateBase, run: str) -> list[str]:
    return [run, gate.oracle] if isinstance(gate, OracleGate | RatioGate) else [run]


def _directed(name: str) -> Metric:
    metric = METRICS[name]
    if metric.better == "neither":
        raise CannotTellError(f"{name} has no better direction: nothing can be demanded of it")
    return metric


def _against_oracle(gate: OracleGate, evidence: Evidence, pairs: Sequence[PairKey]) -> list[Compared]:
    metric = _directed(gate.metric)
    ours = evidence.values(gate.backend, pairs, metric)
    theirs = evidence.values(gate.oracle, pairs, _directed(gate.oracle_metric or gate.metric))

    def compare(what: str, value: float, oracle: float) -> Compared:
        factor, offset = tolerances(gate, metric)
        limit = factor * oracle + offset
        words = f"{what}: {gate.backend} {value:.5g}, {gate.oracle} {oracle:.5g}, limit {limit:.5g}"
        return compared_to(words, metric, value, limit, oracle)

    if gate.aggregate == "each":
        return [compare(f"nearest to the limit is {key}", ours[key], theirs[key]) for key in pairs]
    reduce = _reduction(gate.aggregate, metric)
    what = f"{AGGREGATES[gate.aggregate]} of {counted_pairs(len(pairs))}"
    return [compare(what, reduce(list(ours.values())), reduce(list(theirs.values())))]


def _reduction(aggregate: str, metric: Metric) -> Callable[[Sequence[float]], float]:
    match aggregate:
        case "mean":
            return fmean
        case "median":
            return median
        case _:
            return max if metric.better == "lower" else min


def _against_bound(gate: BoundGate, evidence: Evidence, runs: Sequence[str]) -> list[Compared]:
    metric = _directed(gate.metric)
    if gate.share < 1:
        return [share_within(gate, metric, evidence, run) for run in runs if evidence.pairs(gate, [run])]
    compared = []
    for run in runs:
        for key, value in evidence.values(run, evidence.pairs(gate, [run]), metric).items():
            words = f"nearest to the bound is {run} on {key}: {value:.5g}, bound {gate.bound:.5g}"
            compared.append(compared_to(words, metric, value, gate.bound))
    return compared


def _gradients(gate: GradientGate, evidence: Evidence, pairs: Sequence[PairKey]) -> list[Compared]:
    completed = evidence.completed(gate.differentiable, pairs)
    norms = [
        _smallest_norm(gate.differentiable, key, record.gradient)
        for key, result in completed.items()
        for record in result.repeats
    ]
    if gate.min_cosine is None and gate.max_norm_deviation is None:
        return norms
    asked = [
        (key, record.gradient_check)
        for key, result in completed.items()
        for record in result.repeats
        if record.identity.gradient_check
    ]
    if not asked:
        raise CannotTellError(f"no gradient of {gate.differentiable} was checked: set gradient_check.pairs")
    checks = [one for key, check in asked for one in _against_differences(gate, key, check)]
    return [one for one in norms if not one.holds] + checks


def _against_differences(gate: GradientGate, key: PairKey, check: GradientCheck | None) -> list[Compared]:
    cosine, ratio = (check.cosine, check.norm_ratio) if check else (None, None)
    if cosine is None or ratio is None:
        why = check.note if check and check.note else "the check has no result"
        raise CannotTellError(f"the gradient of {gate.differentiable} on {key}: {why}")
    what = f"nearest to the limit is {key}: cosine {cosine:.5g}, norm ratio {ratio:.5g}"
    compared = []
    if gate.min_cosine is not None:
        slack = cosine - gate.min_cosine
        compared.append(Compared(what, cosine, gate.min_cosine, slack, slack >= 0))
    if gate.max_norm_deviation is not None:
        slack = gate.max_norm_deviation - abs(ratio - 1)
        limit = 1 + math.copysign(gate.max_norm_deviation, ratio - 1)
        compared.append(Compared(what, ratio, limit, slack, slack >= 0))
    return compared


def _smallest_norm(run: str, key: PairKey, gradient: Gradient | None) -> Compared:
    if gradient is None:
        raise CannotTellError(f"{run} returned no gradient on {key}")
    if not gradient.finite:
        raise CannotTellError(f"{run} returned a gradient that is not finite on {key}")
    norms = {"moving image": gradient.moving_norm or 0.0, "parameters": gradient.parameters_norm or 0.0}
    what, norm = min(norms.items(), key=lambda item: item[1])
    words = f"smallest norm, to the {what} on {key}: {norm:.5g}"
    return Compared(words, norm, limit=0.0, slack=norm, holds=gradient.usable)
