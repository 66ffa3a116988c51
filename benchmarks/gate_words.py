"""Gates in words."""

from __future__ import annotations

from benchmarks.catalogue import METRICS
from benchmarks.gate_config import BoundGate, Gate, GradientGate, OracleGate, RatioGate, RecoveryGate
from benchmarks.gate_evidence import tolerances

AGGREGATES = {"max": "worst", "mean": "mean", "median": "median", "each": "each pair's"}


def gate_text(gate: Gate) -> str:
    """Return the condition in words."""
    match gate:
        case OracleGate():
            metric = METRICS[gate.metric]
            how = AGGREGATES[gate.aggregate]
            sign = "≤" if metric.better == "lower" else "≥"
            factor, offset = tolerances(gate, metric)
            tail = f" {'+' if offset > 0 else '−'} {abs(offset):g}" if offset else ""
            scale = "" if gate.rel == 0 else f"{factor:g} × "
            what = f" {METRICS[gate.oracle_metric].title}" if gate.oracle_metric else ""
            text = f"{how} {metric.title} of {gate.backend} {sign} {scale}{how}{what} of {gate.oracle}{tail}"
        case BoundGate():
            metric = METRICS[gate.metric]
            who = "every run" if gate.backend == "*" else gate.backend
            sign = "≤" if metric.better == "lower" else "≥"
            where = "on each pair" if gate.share == 1 else f"on at least {gate.share:.4g} of the pairs"
            text = f"{metric.title} of {who} {sign} {gate.bound:g} {where}"
        case RatioGate():
            text = (
                f"mean over pairs of {METRICS[gate.metric].title} of {gate.backend} / {gate.oracle}, each at most "
                f"{gate.cap:g}, ≤ {gate.bound:g}"
            )
        case GradientGate():
            text = f"gradients of {gate.differentiable} finite and non-zero on each pair"
            demands = []
            if gate.min_cosine is not None:
                demands.append(f"cosine ≥ {gate.min_cosine:g}")
            if gate.max_norm_deviation is not None:
                demands.append(f"norm ratio within {gate.max_norm_deviation:g} of 1")
            if demands:
                text += f", {' and '.join(demands)} to differences of the solve where checked"
        case RecoveryGate():
            text = f"{gate.recovers} back from disturbed starts: RMSE within {gate.max_rmse_change:g}"
            if gate.max_distance_mm is not None:
                text += f", transform within {gate.max_distance_mm:g} mm"
            text += " on each" if gate.share == 1 else f" on at least {gate.share:.4g} of them"
    scope = ([gate.dataset] if gate.dataset else []) + ([", ".join(gate.pairs)] if gate.pairs else [])
    return f"{text} ({': '.join(scope)})" if scope else text
