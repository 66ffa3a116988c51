from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from lmreg.levenberg_marquardt import Status, minimise
from lmreg.normal import DenseEquations
from lmreg.objective import Evaluation
from lmreg.similarity import Match


@dataclass(frozen=True)
class Rosenbrock:
    """Residuals (1 - x, 10 (y - x²)): minimum 0 at (1, 1)."""

    singular: bool = False
    offset: float = 0.0

    def evaluate(self, state: Tensor, threshold: Tensor | None, *, bent: bool) -> Evaluation:
        x, y = state
        residual = torch.stack([1 - x, 10 * (y - x * x)])
        jacobian = torch.stack(
            [
                torch.stack([-torch.ones_like(x), torch.zeros_like(x)]),
                torch.stack([-20 * x, 10 * torch.ones_like(x)]),
            ]
        )
        cost = 0.5 * residual @ residual + self.offset
        match = Match(cost, residual, torch.ones(1))
        return Evaluation(
            state, cost, residual, jacobian, None, match, residual, jacobian.T @ residual, threshold
        )

    def rescaled(self, evaluation: Evaluation) -> Evaluation:
        return evaluation

    def equations(self, evaluation: Evaluation) -> DenseEquations:
        matrix = evaluation.slope.T @ evaluation.slope
        return DenseEquations(-matrix if self.singular else matrix)

    def length(self, step: Tensor) -> float:
        return 0.0

    def retract(self, state: Tensor, step: Tensor) -> Tensor:
        return state + step


START = torch.tensor([-1.2, 1.0], dtype=torch.float64)


def test_finds_the_minimum_of_a_curved_valley():
    descent = minimise(Rosenbrock(offset=1.0), START, iterations=100, tolerance=1e-14)
    assert descent.status is Status.CONVERGED
    torch.testing.assert_close(
        descent.evaluation.state, torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-6
    )


def test_the_trace_never_rises_and_names_every_accepted_step():
    descent = minimise(Rosenbrock(offset=1.0), START, iterations=100, tolerance=1e-10)
    assert all(after <= before for before, after in zip(descent.trace, descent.trace[1:], strict=False))
    assert len(descent.trace) == len(descent.steps) + 1
    assert descent.trace[-1] == float(descent.evaluation.cost)


def test_running_out_of_iterations_is_said():
    assert minimise(Rosenbrock(), START, iterations=2, tolerance=1e-10).status is Status.MAX_ITERATIONS


def test_unsolvable_equations_are_said():
    assert (
        minimise(Rosenbrock(singular=True), START, iterations=100, tolerance=1e-10).status is Status.SINGULAR
    )


def test_a_gradient_that_lies_is_a_stall():
    @dataclass(frozen=True)
    class Uphill(Rosenbrock):
        def evaluate(self, state: Tensor, threshold: Tensor | None, *, bent: bool) -> Evaluation:
            honest = super().evaluate(state, threshold, bent=bent)
            return Evaluation(
                state,
                honest.cost,
                honest.warped,
                honest.slope,
                None,
                honest.match,
                honest.moments,
                -honest.gradient,
                None,
            )

    descent = minimise(Uphill(offset=1.0), START, iterations=100, tolerance=1e-10)
    assert descent.status is Status.STALLED
    assert descent.trace == (
        pytest.approx(float(Rosenbrock(offset=1.0).evaluate(START, None, bent=True).cost)),
    )


def test_a_weak_direction_is_followed_to_its_end():
    weak = 1e-2

    @dataclass(frozen=True)
    class Valley(Rosenbrock):
        """Flat along y, where the minimum lies 0.1 away at hardly any cost."""

        def evaluate(self, state: Tensor, threshold: Tensor | None, *, bent: bool) -> Evaluation:
            x, y = state
            residual = torch.stack([x, weak * (y - 0.1)])
            jacobian = torch.diag(torch.tensor([1.0, weak], dtype=torch.float64))
            cost = 0.5 * residual @ residual + 1.0
            match = Match(cost, residual, torch.ones(1))
            return Evaluation(
                state, cost, residual, jacobian, None, match, residual, jacobian.T @ residual, threshold
            )

    @dataclass(frozen=True)
    class Measured(Valley):
        def length(self, step: Tensor) -> float:
            return float(step.abs().max())

    start = torch.zeros(2, dtype=torch.float64)
    plain, measured = (
        minimise(objective, start, iterations=100, tolerance=1e-6) for objective in (Valley(), Measured())
    )
    assert plain.status is measured.status is Status.CONVERGED
    assert not plain.steps
    assert float(measured.evaluation.state[1]) == pytest.approx(0.1, abs=0.01)
