"""What a config file may say of its gates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from benchmarks.catalogue import METRICS
from benchmarks.names import nearest_hint
from benchmarks.recovery import RMSE_BACK
from benchmarks.section import Section


class GateBase(Section):
    """Where a gate applies.

    Attributes
    ----------
    dataset : str or None
        Dataset name; None takes all.
    pairs : tuple of str or None
        Glob patterns of pair ids; None takes all.
    """

    dataset: str | None = None
    pairs: tuple[str, ...] | None = None


class MetricGate(GateBase):
    """Base of the gates on a metric of the catalogue."""

    metric: str

    @field_validator("metric", "oracle_metric", check_fields=False)
    @classmethod
    def _known_metric(cls, name: str | None) -> str | None:
        if name is not None:
            check_metric(name)
        return name


class OracleGate(MetricGate):
    """A backend must not be worse than an oracle.

    For a metric where lower is better: agg(backend) ≤ (1 + rel)·agg(oracle) + abs;
    where higher is better: agg(backend) ≥ (1 − rel)·agg(oracle) − abs.

    Attributes
    ----------
    metric : str
        A name from the catalogue.
    backend, oracle : str
        Run labels; they may be the same when ``oracle_metric`` is another metric.
    oracle_metric : str or None
        What is read of the oracle; None takes ``metric``. ``metric: backward_s, oracle_metric: forward_s``
        compares the backward with the forward time.
    aggregate : {"max", "mean", "median", "each"}
        Over pairs, repeats averaged first (times: median); ``max`` is the worst pair, ``each`` compares pair
        by pair.
    rel, abs : float
        Tolerances; negative ``rel`` demands a lead (``rel: -0.4`` of a time: at most 0.6 of the oracle's).
    """

    backend: str
    oracle: str
    oracle_metric: str | None = None
    aggregate: Literal["max", "mean", "median", "each"] = "max"
    rel: float = 0.0
    abs: float = 0.0


Share = Annotated[float, Field(gt=0, le=1)]


class BoundGate(MetricGate):
    """A backend must stay within an absolute bound on every pair, or on a share of them.

    Attributes
    ----------
    metric : str
        A name from the catalogue.
    backend : str
        Run label, or ``*`` for every run that is no reference row.
    bound : float
        Largest (lower is better) or smallest (higher is better) value allowed.
    share : float
        Smallest share of the pairs that have to be within the bound. Below 1, a pair that did not end ok, or where the
        metric is undefined, counts as outside; at 1 it fails the gate by itself.
    """

    backend: str
    bound: float
    share: Share = 1.0


class RecoveryGate(GateBase):
    """A backend must come back to its own solution from the disturbed starts of a dataset.

    It is back when RMSE and transform are those that it reaches from the undisturbed start of the same two images. A
    start counts as not back where either solve did not end ok.

    Attributes
    ----------
    recovers : str
        Run label.
    max_rmse_change : float
        Largest difference of RMSE, in normalised intensities.
    max_distance_mm : float or None
        Largest root mean square distance between the two solutions over some points of the fixed mask.
    share : float
        Smallest share of the disturbed starts from which it is back.
    """

    recovers: str
    max_rmse_change: Annotated[float, Field(ge=0)] = RMSE_BACK
    max_distance_mm: Annotated[float, Field(ge=0)] | None = None
    share: Share = 1.0


class RatioGate(MetricGate):
    """A backend must on average be hardly worse than an oracle, whatever single pairs do.

    The score is the mean over pairs of max(backend, floor) / max(oracle, floor), each ratio at most ``cap``. A pair on
    which the backend has no value counts as the cap. One on which the oracle alone has none has no ratio: it is left
    out, and named.

    Attributes
    ----------
    metric : str
        A name from the catalogue, one of which less is better.
    backend, oracle : str
        Run labels.
    aggregate : {"mean_ratio"}
        How pairs are brought together.
    cap : float
        Largest value of a ratio, so that no pair outweighs all others.
    bound : float
        Largest score allowed.
    floor : float
        Values below it count as this much: where both are next to nothing they are equal.
    """

    backend: str
    oracle: str
    aggregate: Literal["mean_ratio"]
    cap: Annotated[float, Field(gt=1, allow_inf_nan=False)] = 2.0
    bound: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    floor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-4

    @field_validator("metric")
    @classmethod
    def _lower_is_better(cls, name: str) -> str:
        if METRICS[name].better != "lower":
            raise ValueError(f"a mean_ratio needs a metric of which less is better, not {name!r}")
        return name


class GradientGate(GateBase):
    """A backend must return finite, non-zero gradients on every pair, and right ones where that was checked.

    With ``min_cosine`` or ``max_norm_deviation`` at least one pair has to be checked (see ``gradient_check``),
    and a check that tells nothing fails the gate.

    Attributes
    ----------
    differentiable : str
        Run label.
    min_cosine : float or None
        Smallest cosine between the gradient and central differences of the solve.
    max_norm_deviation : float or None
        Largest deviation of the ratio of their norms from 1.
    """

    differentiable: str
    min_cosine: Annotated[float, Field(ge=-1, le=1)] | None = None
    max_norm_deviation: Annotated[float, Field(ge=0)] | None = None


def _gate_kind(data: Any) -> str:
    """Return the tag of the kind of gate that a mapping asks for; of what is no gate at all any will refuse it."""
    given = dict(data) if isinstance(data, dict | GateBase) else {}
    if "differentiable" in given:
        return "<differentiable>"
    if "recovers" in given:
        return "<recovers>"
    if given.get("aggregate") == "mean_ratio":
        return "<ratio>"
    return "<bound>" if "bound" in given else "<oracle>"


# The tags tell the kinds of gates apart; first_problem leaves them out of the place.
Gate = Annotated[
    Annotated[OracleGate, Tag("<oracle>")]
    | Annotated[BoundGate, Tag("<bound>")]
    | Annotated[RatioGate, Tag("<ratio>")]
    | Annotated[GradientGate, Tag("<differentiable>")]
    | Annotated[RecoveryGate, Tag("<recovers>")],
    Discriminator(_gate_kind),
]


def runs_named(gate: Gate) -> tuple[str, ...]:
    """Return the run labels that a gate names; ``*``, which stands for many, is none."""
    match gate:
        case OracleGate(backend=backend, oracle=oracle) | RatioGate(backend=backend, oracle=oracle):
            return backend, oracle
        case BoundGate(backend=backend):
            return () if backend == "*" else (backend,)
        case GradientGate(differentiable=run) | RecoveryGate(recovers=run):
            return (run,)


def check_metric(name: str) -> None:
    """Refuse a name that the catalogue of metrics does not have, and hint at the nearest one."""
    if name not in METRICS:
        raise ValueError(f"no metric named {name!r}{nearest_hint(name, METRICS)}")
