"""Ways to differentiate through a solve. None of them changes what the solve returns."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lmreg.levenberg_marquardt import Status, repeat
from lmreg.normal import DenseEquations, MatrixFreeEquations
from lmreg.objective import Evaluation, Objective, contract, contract_axes
from lmreg.problem import Images, Problem, Solution
from lmreg.sampling import Interpolant, sample_jet, sample_with_gradient
from lmreg.similarity import Hessian

SINGULAR_EIGENVALUE = 1e-12
SOLVE_ITERATIONS = 500
SOLVE_TOLERANCE = 1e-10


class SingularHessianWarning(UserWarning):
    """The Hessian at the solution is not positive definite: the gradient there is not well defined."""


class UnconvergedWarning(UserWarning):
    """The solve ended before a solution: the implicit gradient is that of a solution nearby."""


class Adjoint(ABC):
    """Turns gradients at the solution into gradients at the images."""

    @property
    @abstractmethod
    def last_steps(self) -> float:
        """How many of the last steps of a solve gradients pass through; infinity: all of them."""

    @abstractmethod
    def surrogate(
        self, problem: Problem, solution: Solution, images: Images, by_state: Tensor, by_warped: Tensor
    ) -> Tensor:
        """Scalar whose gradient in ``images`` is that of the loss.

        Parameters
        ----------
        problem, solution : Problem, Solution
            What was solved.
        images : Images
            Leaves of the graph to build.
        by_state : Tensor
            Gradient of the loss in the final state, float64.
        by_warped : Tensor
            Gradient of the loss in the warped image, shape (1, *spatial).
        """


@dataclass(frozen=True)
class Implicit(Adjoint):
    """Implicit function theorem at the solution of the last level, in memory flat in the iterations.

    With E the objective, c the state and v the gradient of the loss in c, ``H z = v`` is solved once; the gradient is
    that of ``-⟨z, ∂E/∂c⟩`` at constant z and c.

    Attributes
    ----------
    hessian : "exact" or "gauss_newton"
        H. Gauss-Newton leaves out the second derivatives of the moving image: right only where the residual is small.
    """

    hessian: Hessian = "exact"

    @property
    def last_steps(self) -> float:
        """None: the solution alone decides."""
        return 0

    def __post_init__(self) -> None:
        if self.hessian not in ("exact", "gauss_newton"):
            raise ValueError(f"hessian must be 'exact' or 'gauss_newton' (got {self.hessian!r})")

    def surrogate(
        self, problem: Problem, solution: Solution, images: Images, by_state: Tensor, by_warped: Tensor
    ) -> Tensor:
        if solution.status is not Status.CONVERGED:
            warnings.warn(
                f"the solve ended as {solution.status.value}, not converged; the implicit gradient there may be "
                "wrong: allow more iterations, raise the regularisation, or choose Unroll() or Truncated(steps)",
                UnconvergedWarning,
                stacklevel=2,
            )
        state, threshold = solution.evaluation.state, solution.evaluation.threshold
        objective = problem.final_objective(images)
        transform = objective.transform
        with torch.no_grad():
            positions = transform.positions(state)
        features, slope = sample_with_gradient(objective.moving, positions)
        if problem.warps_image:
            warped, image_slope = features, solution.evaluation.slope
        else:
            interpolant = Interpolant.from_image(images.moving, problem.stages[-1].interpolation)
            warped, image_slope = sample_with_gradient(interpolant, positions)
        with torch.no_grad():
            moments = transform.basis.adjoint(contract(by_warped, image_slope))
            right = transform.pull_state(state, by_state) + transform.pull(state, moments)
            multiplier = self._solve(objective, solution.evaluation, right)
            field = transform.basis.evaluate(transform.push(state, multiplier))
        force = objective.term.compare(features, threshold, "gauss_newton").force
        total = (by_warped * warped).sum() - (force * contract_axes(slope, field)).sum()
        if objective.regularisation is not None:
            pull_back = objective.regularisation.evaluate(state)[1].reshape(-1)
            total = total.double() - torch.dot(pull_back, multiplier)
        return total

    def _solve(self, objective: Objective, evaluation: Evaluation, right: Tensor) -> Tensor:
        closed_form = self.hessian == "gauss_newton" or objective.term.exact
        evaluation = self._with_hessian(objective, evaluation)
        if objective.dense and (closed_form or objective.spectral):
            equations = (
                objective.hessian_at(evaluation)
                if closed_form
                else DenseEquations(objective.probed(evaluation))
            )
            solution = equations.solve(right, 0.0)
            return _indefinite(equations, right) if solution is None else solution
        return _iterate(objective, evaluation, right, closed_form)

    def _with_hessian(self, objective: Objective, evaluation: Evaluation) -> Evaluation:
        """The evaluation with the second derivatives that this adjoint asks for."""
        if self.hessian == objective.hessian:
            return objective.bent(evaluation)
        match = objective.term.compare(evaluation.warped, evaluation.threshold, self.hessian)
        bend = None
        if self.hessian == "exact":
            bend = sample_jet(objective.moving, objective.transform.positions(evaluation.state), 2)[2]
        return replace(evaluation, match=match, bend=bend)


@dataclass(frozen=True)
class Truncated(Adjoint):
    """Backpropagation through the last accepted steps, from a constant state.

    Attributes
    ----------
    steps : int
        How many.
    """

    steps: int = 5

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1 (got {self.steps})")

    @property
    def last_steps(self) -> float:
        """As many as were asked for."""
        return self.steps

    def surrogate(
        self, problem: Problem, solution: Solution, images: Images, by_state: Tensor, by_warped: Tensor
    ) -> Tensor:
        first = max(len(solution.steps) - self.steps, 0)
        return _unrolled(problem, solution, images, by_state, by_warped, first)


@dataclass(frozen=True)
class Unroll(Adjoint):
    """Backpropagation through every accepted step of every level, in memory linear in their number.

    Which steps were accepted and the matrices of their normal equations are taken as constants; what that leaves out
    vanishes as the steps do. Increments of the diffeomorphic model are differentiated as they are, one after the other
    computed again: what lies in memory of each is the displacement.
    """

    @property
    def last_steps(self) -> float:
        """All."""
        return math.inf

    def surrogate(
        self, problem: Problem, solution: Solution, images: Images, by_state: Tensor, by_warped: Tensor
    ) -> Tensor:
        return _unrolled(problem, solution, images, by_state, by_warped, first=0)


def adjoint_for(adjoint: Adjoint | None, *, converges: bool, tracked: bool) -> Adjoint:
    """The adjoint of a solve, checked; None: the one that fits.

    Raises
    ------
    ValueError
        For what is no adjoint, and where gradients are wanted at a solution that the solve does not approach.
    """
    if adjoint is None:
        return Implicit() if converges else Unroll()
    if not isinstance(adjoint, Adjoint):
        raise ValueError(f"adjoint: expected Implicit(), Truncated(steps) or Unroll() (got {adjoint!r})")
    if tracked and not converges and isinstance(adjoint, Implicit):
        raise ValueError(
            f"adjoint: {adjoint} needs a solve that converges, but diffeomorphic increments stop early: leave adjoint "
            "out (Unroll()), take Truncated(steps), polish the solution, as in Diffeomorphic(polish=50), or detach "
            "the images"
        )
    return adjoint


def differentiable(
    problem: Problem, solution: Solution, images: Images, adjoint: Adjoint
) -> tuple[Tensor, Tensor]:
    """Final state and warped image of a solution, as part of the graph of the images it came from."""
    state, warped = _Attach.apply(  # type: ignore[no-untyped-call]
        images.fixed, images.moving, images.bending, images.start, problem, solution, adjoint
    )
    return state, warped


class _Attach(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        fixed: Tensor,
        moving: Tensor,
        bending: Tensor,
        start: Tensor | None,
        problem: Problem,
        solution: Solution,
        adjoint: Adjoint,
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(fixed, moving, bending, start)
        ctx.problem, ctx.solution, ctx.adjoint = problem, solution, adjoint
        return solution.state.clone(), solution.warped.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_state: Tensor, by_warped: Tensor) -> tuple[Tensor | None, ...]:
        leaves: list[Any] = [
            None if tensor is None else tensor.detach().requires_grad_(needed)
            for tensor, needed in zip(ctx.saved_tensors, ctx.needs_input_grad[:4], strict=True)
        ]
        wanted = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
        with torch.enable_grad():
            total = ctx.adjoint.surrogate(ctx.problem, ctx.solution, Images(*leaves), by_state, by_warped)
        found = iter(torch.autograd.grad(total, wanted, allow_unused=True))
        gradients = [next(found) if leaf is not None and leaf.requires_grad else None for leaf in leaves]
        return (*gradients, None, None, None)


def _unrolled(
    problem: Problem, solution: Solution, images: Images, by_state: Tensor, by_warped: Tensor, first: int
) -> Tensor:
    steps = solution.steps[first:]
    begin = steps[0][0] if steps else len(problem.stages) - 1
    state = steps[0][1].state if steps else solution.state
    if first == 0 and images.start is not None:
        state = images.start
    for number, objective in enumerate(problem.objectives(images)):
        if number < begin:
            continue
        if number > begin:
            state = problem.model.carry(state, problem.stages[number - 1].level, problem.stages[number].level)
        for stage, step in steps:
            if stage == number:
                state = repeat(objective, state, step)
    features = sample_with_gradient(objective.moving, objective.transform.positions(state))[0]
    warped = problem.warp(objective, images, features, state)
    return (by_state * state).sum() + (by_warped * warped).sum()


def _indefinite(equations: Any, right: Tensor) -> Tensor:
    """Solve on the part of the spectrum that is not singular, and say so."""
    assert isinstance(equations, DenseEquations)
    values, vectors = torch.linalg.eigh(equations.matrix)
    limit = SINGULAR_EIGENVALUE * values.abs().max()
    _warn(
        f"{int((values < -limit).sum())} negative and {int((values.abs() <= limit).sum())} zero eigenvalues"
    )
    inverse = torch.where(values.abs() > limit, 1 / values, 0.0)
    return vectors @ (inverse * (vectors.mT @ right))


def _iterate(objective: Objective, evaluation: Evaluation, right: Tensor, closed_form: bool) -> Tensor:
    """Conjugate gradients on the exact Hessian, that of the similarity by automatic differentiation if need be."""
    guide = objective.hessian_at(objective.gauss_newton(evaluation))
    product = (
        (lambda vector: objective.product(evaluation, vector))
        if closed_form
        else objective.automatic_product(evaluation)
    )
    equations = MatrixFreeEquations(product, guide.damping(), SOLVE_ITERATIONS, SOLVE_TOLERANCE)
    solution = equations.solve(right, 0.0)
    if solution is None:
        _warn("negative curvature met by conjugate gradients; Gauss-Newton is used instead")
        equations = MatrixFreeEquations(guide.product, guide.damping(), SOLVE_ITERATIONS, SOLVE_TOLERANCE)
        solution = equations.solve(right, 0.0)
    if solution is None:
        raise RuntimeError("the Hessian at the solution is singular: no gradient exists there")
    return solution


def _warn(what: str) -> None:
    warnings.warn(
        f"the Hessian at the solution is not positive definite ({what}); the gradient is unreliable: "
        "raise the regularisation, lower the tolerance, or choose another adjoint",
        SingularHessianWarning,
        stacklevel=2,
    )
