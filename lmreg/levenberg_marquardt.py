"""Levenberg-Marquardt iterations with Marquardt's scaling of the damping."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import torch
from torch import Tensor

from lmreg.normal import NormalEquations
from lmreg.objective import Evaluation

DAMPING_START = 1e-3
DAMPING_FACTOR = 10.0
DAMPING_FLOOR = 1e-12
DAMPING_CEILING = 1e8
TRUSTED_GAIN = 0.25
SETTLED_LENGTH = 1e4
SHORTEST_LENGTH = 1e-7
CLOSING_SHARE = 1e-3
ENDING_FACTOR = 1e3
ENDING_LENGTHS = 10
ENDING_SHARE = 0.5
QUADRATIC_MISS = 0.1
ROUNDING = 8.0


class Status(Enum):
    """How a solve ended.

    ``CONVERGED``: the next step promises less than the tolerance. ``MAX_ITERATIONS``: the iterations were used up.
    ``STALLED``: no damping brought the cost down although a step promised to. ``SINGULAR``: the normal
    equations could not be solved at any damping.
    """

    CONVERGED = "converged"
    MAX_ITERATIONS = "max_iterations"
    STALLED = "stalled"
    SINGULAR = "singular"


@dataclass(frozen=True)
class Step:
    """An accepted step: it can be repeated from where it started.

    Attributes
    ----------
    state : Tensor
        Where the step began.
    damping : float
        Damping with which it was accepted.
    threshold : Tensor or None
        Threshold of the robust loss, where there is one.
    """

    state: Tensor
    damping: float
    threshold: Tensor | None


@dataclass(frozen=True)
class Descent:
    """Result of the iterations on one objective.

    Attributes
    ----------
    evaluation : Evaluation
        At the last accepted state.
    steps : tuple of Step
        The accepted steps in turn.
    trace : tuple of float
        Cost at the start and after each accepted step.
    status : Status
        How the iterations ended.
    """

    evaluation: Evaluation
    steps: tuple[Step, ...]
    trace: tuple[float, ...]
    status: Status


class Solvable(Protocol):
    """What the iterations ask of an objective."""

    def evaluate(self, state: Tensor, threshold: Tensor | None, *, bent: bool) -> Evaluation:
        """Objective and gradient; the threshold of the robust loss is the given one, or follows the residuals.

        With ``bent`` the second derivatives that equations need are computed on the way, which is cheaper than later.
        """

    def rescaled(self, evaluation: Evaluation) -> Evaluation:
        """The same state with the threshold of the robust loss brought up to date."""

    def equations(self, evaluation: Evaluation) -> NormalEquations:
        """Normal equations of a step."""

    def length(self, step: Tensor) -> float:
        """How far a step moves things, in voxels; zero where the cost alone tells of convergence."""

    def retract(self, state: Tensor, step: Tensor) -> Tensor:
        """State after a step."""


def minimise(objective: Solvable, state: Tensor, *, iterations: int, tolerance: float) -> Descent:
    """Minimise an objective from a state.

    Damping starts at 1e-3 of the diagonal. A rejected step multiplies it by 10, and brings it back to the start at
    least; an accepted one divides it by 10 where it gained at least a quarter of what it promised.

    Parameters
    ----------
    objective : Solvable
        What is minimised.
    state : Tensor
        Where to begin, float64.
    iterations : int
        Most trial steps.
    tolerance : float
        The iterations have converged when the decrease that a step promises, or brings, is at most this share of the
        cost, and that step is short: at most 0.01 voxels at 1e-6, and in proportion. Weak directions lead far at
        hardly any cost.
    """
    current = objective.evaluate(state, None, bent=True)
    cost = float(current.cost)
    trace, steps = [cost], []
    damping, equations = DAMPING_START, None
    status = Status.MAX_ITERATIONS
    noise = ROUNDING * torch.finfo(current.warped.dtype).eps
    # The cost of images that agree to rounding; a share of it would never be reached.
    perfect = (ROUNDING * noise) ** 2
    longest = max(SETTLED_LENGTH * tolerance, SHORTEST_LENGTH)
    for _ in range(iterations):
        if equations is None:
            equations = objective.equations(current)
        step = equations.solve(-current.gradient, damping)
        if step is None:
            damping *= DAMPING_FACTOR
            status = Status.SINGULAR
            if damping > DAMPING_CEILING:
                break
            continue
        promised = equations.promise(-current.gradient, step)
        length = objective.length(step)
        settled = damping > 1 or length <= longest
        if promised <= tolerance * cost + perfect and settled:
            status = Status.CONVERGED if damping <= 1 else Status.STALLED
            break
        # Rounding may keep steps from getting short: then this is the last one.
        closing = promised <= CLOSING_SHARE * tolerance * cost + perfect
        # Newton's steps end suddenly: then second derivatives at the end would be for nothing.
        small = promised <= ENDING_FACTOR * tolerance * cost and length <= ENDING_LENGTHS * longest
        ending = small and damping <= 1
        trial = objective.evaluate(objective.retract(current.state, step), current.threshold, bent=not ending)
        trial_cost = float(trial.cost)
        # Differences below rounding decide nothing: near the minimum the step is trusted, not the cost.
        if not trial_cost <= cost * (1 + noise):
            if closing:
                status = Status.CONVERGED
                break
            damping = max(damping * DAMPING_FACTOR, DAMPING_START)
            status = Status.STALLED
            if damping > DAMPING_CEILING:
                break
            continue
        steps.append(Step(current.state, damping, current.threshold))
        gain = cost - trial_cost
        last, equations = equations, None
        current = objective.rescaled(trial)
        cost = float(current.cost) if current.threshold is not None else trial_cost
        trace.append(cost)
        if gain >= TRUSTED_GAIN * promised:
            damping = max(damping / DAMPING_FACTOR, DAMPING_FLOOR)
        status = Status.MAX_ITERATIONS
        if closing or (tolerance > noise and gain <= tolerance * cost and settled):
            status = Status.CONVERGED
            break
        if ending and abs(gain - promised) <= QUADRATIC_MISS * promised:
            # The step gained what it promised: the equations just used can tell that there is nothing left to gain.
            further = last.solve(-current.gradient, damping)
            if (
                further is not None
                and last.promise(-current.gradient, further) <= ENDING_SHARE * tolerance * cost
                and objective.length(further) <= longest
            ):
                status = Status.CONVERGED
                break
    return Descent(current, tuple(steps), tuple(trace), status)


def repeat(objective: Solvable, state: Tensor, step: Step) -> Tensor:
    """Take an accepted step again from a state that may be part of a graph.

    The matrix of the normal equations is a constant there: what it leaves out vanishes with the step.
    """
    evaluation = objective.evaluate(state, step.threshold, bent=True)
    equations = objective.equations(evaluation.detached())
    change = equations.solve(-evaluation.gradient, step.damping)
    if change is None:
        raise RuntimeError("an accepted step cannot be repeated: its normal equations are singular")
    return objective.retract(state, change)
