"""Backpropagation through the steps of a descent: reverse-mode differentiation of the solve as it was run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from adapters.adam_affine.descent import AdamState, Descent

Unrolling = Literal["unroll", "checkpointed"]


@dataclass(frozen=True, eq=False)
class LevelCotangent:
    """Gradient over what a level was made of.

    Attributes
    ----------
    fixed : Tensor
        Shape (1, *fixed shape).
    coefficients : Tensor
        Shape (1, padded samples), of the moving image's interpolant.
    """

    fixed: Tensor
    coefficients: Tensor


def backpropagate(
    descents: Sequence[Descent], cotangent: Tensor, unrolling: Unrolling, last_steps: int | None
) -> list[LevelCotangent]:
    """Go back through the steps of all levels. How many there were, and the start, are taken as constants.

    Parameters
    ----------
    descents : sequence of Descent
        Coarse to fine; each started where the one before it ended, with Adam's averages at zero.
    cotangent : Tensor
        Gradient over the final parameters, shape (unknowns,), float64.
    unrolling : "unroll" or "checkpointed"
        ``unroll`` builds the graph of all steps of a level, in memory linear in their number. ``checkpointed`` builds
        that of one step after the other: the same gradient in the memory of a single step (Griewank and Walther
        2000, with a checkpoint at every step, which is a few numbers here).
    last_steps : int or None
        Go back through so many steps only, which leaves a part of the gradient out; None takes all.

    Returns
    -------
    list of LevelCotangent
        Gradient over the images of each level, in the order of ``descents``.
    """
    remaining = sum(len(descent.costs) for descent in descents) if last_steps is None else last_steps
    cotangents = []
    for descent in reversed(descents):
        taken = min(remaining, len(descent.costs))
        remaining -= taken
        size = 1 if unrolling == "checkpointed" else max(taken, 1)
        level, cotangent = _through_level(descent, cotangent, taken, size)
        cotangents.append(level)
    return cotangents[::-1]


def _through_level(
    descent: Descent, cotangent: Tensor, taken: int, size: int
) -> tuple[LevelCotangent, Tensor]:
    level = descent.objective.level
    fixed, coefficients = (part.detach().requires_grad_() for part in (level.fixed, level.coefficients))
    objective = replace(descent.objective, level=replace(level, fixed=fixed, coefficients=coefficients))
    total = LevelCotangent(torch.zeros_like(fixed), torch.zeros_like(coefficients))
    by_state = (cotangent, torch.zeros_like(cotangent), torch.zeros_like(cotangent))
    for first, last in _pieces(len(descent.costs) - taken, len(descent.costs), size):
        parts = (descent.states[first].parameters, descent.states[first].mean, descent.states[first].square)
        parameters, mean, square = leaves = [part.detach().requires_grad_() for part in parts]
        state = AdamState(parameters, mean, square, descent.states[first].steps)
        with torch.enable_grad():
            for _ in range(first, last):
                _, gradient = objective.cost_and_gradient(state.parameters)
                state = state.advanced(gradient, descent.learning_rate)
        *by_state_parts, by_fixed, by_coefficients = torch.autograd.grad(
            [state.parameters, state.mean, state.square], [*leaves, fixed, coefficients], by_state
        )
        by_state = (by_state_parts[0], by_state_parts[1], by_state_parts[2])
        total.fixed.add_(by_fixed)
        total.coefficients.add_(by_coefficients)
    return total, by_state[0]


def _pieces(first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of at most ``size`` steps that cover ``first`` to ``last``, from the end."""
    while last > first:
        yield max(first, last - size), last
        last -= size
