"""Gates: the conditions of a config, tested on the records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from statistics import fmean, median

from benchmarks.aggregation import (
    PairKey,
    PairResult,
    at_threads,
    config_label,
    pair_results,
    thread_counts,
)
from benchmarks.catalogue import METRICS, Metric
from benchmarks.config import Config
from benchmarks.gate_config import BoundGate, GateBase, GradientGate, OracleGate, RecoveryGate
from benchmarks.gradient_record import GradientCheck
from benchmarks.names import nearest_hint
from benchmarks.records import Gradient, RunRecord
from benchmarks.recovery import recoveries

AnyGate = OracleGate | BoundGate | GradientGate | RecoveryGate
# Binary fractions make 1.15 x 0.1 a hair less than 0.115; such a tie is no failure.
TIE = 1e-12
# Pairs that a message names before it only counts.
NAMED = 3


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


class _CannotTellError(Exception):
    """The records do not carry the gate: it fails, and the message says why."""


@dataclass(frozen=True)
class _Compared:
    """One value beside its limit; ``slack`` is what is left before the limit, negative beyond it."""

    what: str
    value: float
    limit: float
    slack: float
    holds: bool
    oracle_value: float | None = None


@dataclass(frozen=True)
class _Evidence:
    """The records that gates look at.

    Attributes
    ----------
    config : Config
        Says which runs are restricted to which datasets.
    results : mapping
        Results by pair and run label.
    """

    config: Config
    results: Mapping[PairKey, Mapping[str, PairResult]]

    def runs(self) -> list[str]:
        return sorted({run for by_run in self.results.values() for run in by_run})

    def competitors(self) -> list[str]:
        """Labels of all runs that are no reference rows."""
        return sorted(
            {
                run
                for by_run in self.results.values()
                for run, result in by_run.items()
                if result.repeats[0].identity.track != "reference"
            }
        )

    def pairs(self, gate: GateBase, runs: Iterable[str]) -> list[PairKey]:
        """Return the gate's pairs, less the datasets that the config keeps from one of the runs."""
        restrictions = [self._datasets_of(run) for run in runs]
        return [
            key
            for key in self.results
            if gate.dataset in (None, key.dataset)
            and (gate.pairs is None or any(fnmatchcase(key.pair_id, pattern) for pattern in gate.pairs))
            and all(datasets is None or key.dataset in datasets for datasets in restrictions)
        ]

    def completed(self, run: str, pairs: Sequence[PairKey]) -> dict[PairKey, PairResult]:
        """Return the run's results on the pairs; refuse when one of them is not ok."""
        if run not in self.runs():
            raise _CannotTellError(f"no record of a run {run!r}{nearest_hint(run, self.runs())}")
        found = {key: self.results[key].get(run) for key in pairs}
        lacking = [f"{key} ({r.status if r else 'not run'})" for key, r in found.items() if not (r and r.ok)]
        if lacking:
            raise _CannotTellError(f"{run} is not ok on {_some(lacking, len(pairs))}")
        return {key: result for key, result in found.items() if result}

    def values(self, run: str, pairs: Sequence[PairKey], metric: Metric) -> dict[PairKey, float]:
        """Return the run's value on each pair; refuse when one is missing or undefined."""
        values = {key: result.value(metric.name) for key, result in self.completed(run, pairs).items()}
        undefined = [str(key) for key, value in values.items() if value is None]
        if undefined:
            raise _CannotTellError(f"{metric.name} of {run} is undefined on {_some(undefined, len(pairs))}")
        return {key: value for key, value in values.items() if value is not None}

    def _datasets_of(self, run: str) -> tuple[str, ...] | None:
        label = config_label(run)
        return next((entry.datasets for entry in self.config.runs if entry.label == label), None)


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
        evidence = _Evidence(config, pair_results(found))
        return [_evaluate(gate, evidence) for gate in config.gates]
    sweep = {n: _Evidence(config, pair_results(at_threads(found, n))) for n in counts}
    results = [(n, _evaluate(gate, evidence)) for gate in config.gates for n, evidence in sweep.items()]
    return [replace(result, text=f"{result.text}, at threads={n}") for n, result in results]


def _evaluate(gate: AnyGate, evidence: _Evidence) -> GateResult:
    runs = _runs_named(gate, evidence)
    selected = sorted({key for run in runs for key in evidence.pairs(gate, _with_oracle(gate, run))})
    try:
        if not selected:
            raise _CannotTellError("the gate selects no pair")
        match gate:
            case OracleGate():
                compared = _against_oracle(gate, evidence, selected)
            case BoundGate():
                compared = _against_bound(gate, evidence, runs)
            case GradientGate():
                compared = _gradients(gate, evidence, selected)
            case RecoveryGate():
                compared = [_recovered(gate, evidence, selected)]
    except _CannotTellError as refusal:
        return GateResult(gate_text(gate), False, len(selected), None, None, None, str(refusal))
    worst = min(compared, key=lambda one: (one.holds, one.slack))
    return GateResult(
        gate_text(gate), worst.holds, len(selected), worst.value, worst.limit, worst.oracle_value, worst.what
    )


def _runs_named(gate: AnyGate, evidence: _Evidence) -> list[str]:
    if isinstance(gate, GradientGate):
        return [gate.differentiable]
    if isinstance(gate, RecoveryGate):
        return [gate.recovers]
    return evidence.competitors() if gate.backend == "*" else [gate.backend]


def _with_oracle(gate: GateBase, run: str) -> list[str]:
    return [run, gate.oracle] if isinstance(gate, OracleGate) else [run]


def _directed(name: str) -> Metric:
    metric = METRICS[name]
    if metric.better == "neither":
        raise _CannotTellError(f"{name} has no better direction: nothing can be demanded of it")
    return metric


def _compare(
    what: str, metric: Metric, value: float, limit: float, oracle_value: float | None = None
) -> _Compared:
    slack = limit - value if metric.better == "lower" else value - limit
    holds = slack >= 0 or math.isclose(value, limit, rel_tol=TIE)
    return _Compared(what, value, limit, slack, holds, oracle_value)


def _against_oracle(gate: OracleGate, evidence: _Evidence, pairs: Sequence[PairKey]) -> list[_Compared]:
    metric = _directed(gate.metric)
    ours = evidence.values(gate.backend, pairs, metric)
    theirs = evidence.values(gate.oracle, pairs, _directed(gate.oracle_metric or gate.metric))

    def compare(what: str, value: float, oracle: float) -> _Compared:
        factor, offset = _tolerances(gate, metric)
        limit = factor * oracle + offset
        words = f"{what}: {gate.backend} {value:.5g}, {gate.oracle} {oracle:.5g}, limit {limit:.5g}"
        return _compare(words, metric, value, limit, oracle)

    if gate.aggregate == "each":
        return [compare(f"nearest to the limit is {key}", ours[key], theirs[key]) for key in pairs]
    reduce = _reduction(gate.aggregate, metric)
    what = f"{_AGGREGATES[gate.aggregate]} of {_counted(len(pairs))}"
    return [compare(what, reduce(list(ours.values())), reduce(list(theirs.values())))]


def _tolerances(gate: OracleGate, metric: Metric) -> tuple[float, float]:
    """Return factor and offset that turn the oracle's value into the limit."""
    return (1 + gate.rel, gate.abs) if metric.better == "lower" else (1 - gate.rel, -gate.abs)


def _reduction(aggregate: str, metric: Metric) -> Callable[[Sequence[float]], float]:
    match aggregate:
        case "mean":
            return fmean
        case "median":
            return median
        case _:
            return max if metric.better == "lower" else min


def _against_bound(gate: BoundGate, evidence: _Evidence, runs: Sequence[str]) -> list[_Compared]:
    metric = _directed(gate.metric)
    if gate.share < 1:
        return [_share_within(gate, metric, evidence, run) for run in runs if evidence.pairs(gate, [run])]
    compared = []
    for run in runs:
        for key, value in evidence.values(run, evidence.pairs(gate, [run]), metric).items():
            words = f"nearest to the bound is {run} on {key}: {value:.5g}, bound {gate.bound:.5g}"
            compared.append(_compare(words, metric, value, gate.bound))
    return compared


def _share_within(gate: BoundGate, metric: Metric, evidence: _Evidence, run: str) -> _Compared:
    pairs = evidence.pairs(gate, [run])
    values = {key: r.value(metric.name) for key in pairs if (r := evidence.results[key].get(run))}
    within = {
        key
        for key, value in values.items()
        if value is not None and _compare("", metric, value, gate.bound).holds
    }
    outside = [str(key) for key in pairs if key not in within]
    what = f"{run} is within the bound on {len(within)} of {_counted(len(pairs))}"
    return _share(what, len(within) / len(pairs), outside, gate.share)


def _recovered(gate: RecoveryGate, evidence: _Evidence, pairs: Sequence[PairKey]) -> _Compared:
    run = gate.recovers
    found = recoveries(evidence.results, run, pairs)
    if not found:
        raise _CannotTellError(f"no record of {run} from a disturbed start")
    lost = [one.key for one in found if not one.within(gate.max_rmse_change, gate.max_distance_mm)]
    back = len(found) - len(lost)
    what = f"{run} is back from {back} of {len(found)} disturbed starts"
    return _share(what, back / len(found), list(map(str, lost)), gate.share)


def _share(what: str, share: float, missing: Sequence[str], least: float) -> _Compared:
    words = f"{what}: {share:.1%}, at least {least:.4g} asked"
    if missing:
        words += f"; missing {_first(missing)}"
    return _Compared(words, share, least, share - least, share >= least or math.isclose(share, least))


def _gradients(gate: GradientGate, evidence: _Evidence, pairs: Sequence[PairKey]) -> list[_Compared]:
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
        raise _CannotTellError(f"no gradient of {gate.differentiable} was checked: set gradient_check.pairs")
    checks = [one for key, check in asked for one in _against_differences(gate, key, check)]
    return [one for one in norms if not one.holds] + checks


def _against_differences(gate: GradientGate, key: PairKey, check: GradientCheck | None) -> list[_Compared]:
    cosine, ratio = (check.cosine, check.norm_ratio) if check else (None, None)
    if cosine is None or ratio is None:
        why = check.note if check and check.note else "the check has no result"
        raise _CannotTellError(f"the gradient of {gate.differentiable} on {key}: {why}")
    what = f"nearest to the limit is {key}: cosine {cosine:.5g}, norm ratio {ratio:.5g}"
    compared = []
    if gate.min_cosine is not None:
        slack = cosine - gate.min_cosine
        compared.append(_Compared(what, cosine, gate.min_cosine, slack, slack >= 0))
    if gate.max_norm_deviation is not None:
        slack = gate.max_norm_deviation - abs(ratio - 1)
        limit = 1 + math.copysign(gate.max_norm_deviation, ratio - 1)
        compared.append(_Compared(what, ratio, limit, slack, slack >= 0))
    return compared


def _smallest_norm(run: str, key: PairKey, gradient: Gradient | None) -> _Compared:
    if gradient is None:
        raise _CannotTellError(f"{run} returned no gradient on {key}")
    if not gradient.finite:
        raise _CannotTellError(f"{run} returned a gradient that is not finite on {key}")
    norms = {"moving image": gradient.moving_norm or 0.0, "parameters": gradient.parameters_norm or 0.0}
    what, norm = min(norms.items(), key=lambda item: item[1])
    words = f"smallest norm, to the {what} on {key}: {norm:.5g}"
    return _Compared(words, norm, limit=0.0, slack=norm, holds=gradient.usable)


_AGGREGATES = {"max": "worst", "mean": "mean", "median": "median", "each": "each pair's"}


def gate_text(gate: AnyGate) -> str:
    """Return the condition in words."""
    match gate:
        case OracleGate():
            metric = METRICS[gate.metric]
            how = _AGGREGATES[gate.aggregate]
            sign = "≤" if metric.better == "lower" else "≥"
            factor, offset = _tolerances(gate, metric)
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


def _some(names: Sequence[str], of: int) -> str:
    return f"{len(names)} of {_counted(of)}: {_first(names)}"


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def _counted(pairs: int) -> str:
    return "1 pair" if pairs == 1 else f"{pairs} pairs"
