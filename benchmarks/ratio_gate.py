"""The score of a benchmark of many cases: how a backend compares with an oracle, averaged over pairs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from benchmarks.aggregation import PairKey, PairResult
from benchmarks.catalogue import METRICS
from benchmarks.gate_config import RatioGate
from benchmarks.gate_evidence import CannotTellError, Compared, Evidence, counted_pairs, some
from benchmarks.names import nearest_hint


def capped_ratios(gate: RatioGate, evidence: Evidence, pairs: Sequence[PairKey]) -> Compared:
    """Compare the mean of the capped ratios with the gate's bound.

    Raises
    ------
    CannotTellError
        When one of the runs has no record, or the oracle a value on no pair.
    """
    for run in (gate.backend, gate.oracle):
        if run not in evidence.runs():
            raise CannotTellError(f"no record of a run {run!r}{nearest_hint(run, evidence.runs())}")
    ratios: list[float] = []
    failed, without_oracle = [], []
    for key in pairs:
        ours, theirs = (
            _value(evidence.results[key].get(run), gate.metric) for run in (gate.backend, gate.oracle)
        )
        if ours is None:
            failed.append(str(key))
            ratios.append(gate.cap)
        elif theirs is None:
            without_oracle.append(str(key))
        else:
            ratios.append(min(gate.cap, max(ours, gate.floor) / max(theirs, gate.floor)))
    if len(pairs) == len(failed) + len(without_oracle):
        raise CannotTellError(
            f"{gate.backend} and {gate.oracle} have {METRICS[gate.metric].title} together on no pair"
        )
    score = fmean(ratios)
    said = f"mean ratio over {counted_pairs(len(ratios))} {score:.4g}, bound {gate.bound:g}"
    if at_cap := sum(ratio == gate.cap for ratio in ratios):
        said += f"; {at_cap} at the cap of {gate.cap:g}"
    if failed:
        said += f"; {gate.backend} has no value, which counts as the cap, on {some(failed, len(pairs))}"
    if without_oracle:
        said += f"; left out, because {gate.oracle} has no value, {some(without_oracle, len(pairs))}"
    return Compared(said, score, gate.bound, gate.bound - score, score <= gate.bound)


def _value(result: PairResult | None, metric: str) -> float | None:
    return result.value(metric) if result else None
