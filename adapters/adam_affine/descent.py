"""Adam (Kingma and Ba 2015, algorithm 1) as a chain of states that can be gone through again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from adapters.adam_affine.objective import Objective

MEAN_DECAY, SQUARE_DECAY = 0.9, 0.999
# Inside the root, where textbooks have it outside: the derivative of a step is finite where a gradient is zero.
EPSILON = 1e-8


@dataclass(frozen=True, eq=False)
class AdamState:
    """Parameters, and the moving averages of their gradient and of its square.

    Attributes
    ----------
    parameters, mean, square : Tensor
        Shape (unknowns,), float64.
    steps : int
        Steps taken so far at this level.
    """

    parameters: Tensor
    mean: Tensor
    square: Tensor
    steps: int

    @classmethod
    def at(cls, parameters: Tensor) -> AdamState:
        """The state before the first step."""
        return cls(parameters, torch.zeros_like(parameters), torch.zeros_like(parameters), 0)

    def advanced(self, gradient: Tensor, learning_rate: float) -> AdamState:
        """The state after one step."""
        steps = self.steps + 1
        mean = MEAN_DECAY * self.mean + (1 - MEAN_DECAY) * gradient
        square = SQUARE_DECAY * self.square + (1 - SQUARE_DECAY) * gradient.square()
        unbiased_mean = mean / (1 - MEAN_DECAY**steps)
        unbiased_square = square / (1 - SQUARE_DECAY**steps)
        step = learning_rate * unbiased_mean / (unbiased_square + EPSILON**2).sqrt()
        return AdamState(self.parameters - step, mean, square, steps)


@dataclass(frozen=True)
class Schedule:
    """How a level is gone through.

    Attributes
    ----------
    steps : int
        Most steps.
    learning_rate : float
        About how far a step moves the border of the image, in units of half its longest side.
    tolerance, patience : float, int
        The level ends when the least cost has fallen by less than this share in so many steps.
    """

    steps: int
    learning_rate: float
    tolerance: float
    patience: int


@dataclass(frozen=True, eq=False)
class Descent:
    """What happened at one level.

    Attributes
    ----------
    objective : Objective
        What was minimised.
    learning_rate : float
        Of all its steps.
    states : tuple of AdamState
        Before each step, and after the last.
    costs : tuple of float
        Before each step.
    """

    objective: Objective
    learning_rate: float
    states: tuple[AdamState, ...]
    costs: tuple[float, ...]

    @property
    def parameters(self) -> Tensor:
        """Where it ended."""
        return self.states[-1].parameters


def descend(objective: Objective, start: Tensor, schedule: Schedule) -> Descent:
    """Take Adam's steps until they no longer gain anything; keeps no graph.

    Parameters
    ----------
    objective : Objective
        What is minimised.
    start : Tensor
        Shape (unknowns,), float64.
    schedule : Schedule
        How far, how long.

    Returns
    -------
    Descent
    """
    states, costs = [AdamState.at(start.detach())], list[float]()
    with torch.no_grad():
        while len(costs) < schedule.steps and not _settled(costs, schedule):
            cost, gradient = objective.cost_and_gradient(states[-1].parameters)
            costs.append(float(cost))
            states.append(states[-1].advanced(gradient, schedule.learning_rate))
    return Descent(objective, schedule.learning_rate, tuple(states), tuple(costs))


def _settled(costs: list[float], schedule: Schedule) -> bool:
    if len(costs) <= schedule.patience:
        return False
    before, now = min(costs[: -schedule.patience]), min(costs)
    return before - now < schedule.tolerance * abs(before)
