"""What gates look at, and what they find."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from benchmarks.aggregation import PairKey, PairResult, config_label
from benchmarks.catalogue import Metric
from benchmarks.config import Config
from benchmarks.gate_config import GateBase, OracleGate
from benchmarks.names import nearest_hint

# Pairs that a message names before it only counts.
NAMED = 3


class CannotTellError(Exception):
    """The records do not carry the gate: it fails, and the message says why."""


# Binary fractions make 1.15 x 0.1 a hair less than 0.115; such a tie is no failure.
TIE = 1e-12


@dataclass(frozen=True)
class Compared:
    """One value beside its limit.

    Attributes
    ----------
    what : str
        Both in words.
    value, limit : float
        The two.
    slack : float
        What is left before the limit, negative beyond it.
    holds : bool
        Whether the condition is met.
    oracle_value : float or None
        What the limit was derived from.
    """

    what: str
    value: float
    limit: float
    slack: float
    holds: bool
    oracle_value: float | None = None


@dataclass(frozen=True)
class Evidence:
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
        """Return the labels of all runs with records."""
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
            raise CannotTellError(f"no record of a run {run!r}{nearest_hint(run, self.runs())}")
        found = {key: self.results[key].get(run) for key in pairs}
        lacking = [f"{key} ({r.status if r else 'not run'})" for key, r in found.items() if not (r and r.ok)]
        if lacking:
            raise CannotTellError(f"{run} is not ok on {some(lacking, len(pairs))}")
        return {key: result for key, result in found.items() if result}

    def values(self, run: str, pairs: Sequence[PairKey], metric: Metric) -> dict[PairKey, float]:
        """Return the run's value on each pair; refuse when one is missing or undefined."""
        values = {key: result.value(metric.name) for key, result in self.completed(run, pairs).items()}
        undefined = [str(key) for key, value in values.items() if value is None]
        if undefined:
            raise CannotTellError(f"{metric.name} of {run} is undefined on {some(undefined, len(pairs))}")
        return {key: value for key, value in values.items() if value is not None}

    def _datasets_of(self, run: str) -> tuple[str, ...] | None:
        label = config_label(run)
        return next((entry.datasets for entry in self.config.runs if entry.label == label), None)


def compared_to(
    what: str, metric: Metric, value: float, limit: float, oracle_value: float | None = None
) -> Compared:
    """Hold a value of a metric against its limit."""
    slack = limit - value if metric.better == "lower" else value - limit
    holds = slack >= 0 or math.isclose(value, limit, rel_tol=TIE)
    return Compared(what, value, limit, slack, holds, oracle_value)


def tolerances(gate: OracleGate, metric: Metric) -> tuple[float, float]:
    """Return factor and offset that turn the oracle's value into the limit."""
    return (1 + gate.rel, gate.abs) if metric.better == "lower" else (1 - gate.rel, -gate.abs)


def some(names: Sequence[str], of: int) -> str:
    """Count pairs and name the first of them."""
    return f"{len(names)} of {counted_pairs(of)}: {first(names)}"


def first(names: Sequence[str]) -> str:
    """Name the first of some pairs."""
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def counted_pairs(pairs: int) -> str:
    """Return a number of pairs in words."""
    return "1 pair" if pairs == 1 else f"{pairs} pairs"
