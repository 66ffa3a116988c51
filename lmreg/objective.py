"""The objective at one level, and its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from lmreg.normal import (
    BlendedEquations,
    DenseEquations,
    MatrixFreeEquations,
    NewtonEquations,
    NormalEquations,
    SpectralEquations,
)
from lmreg.penalty import Regularisation
from lmreg.sampling import Interpolant, sample_jet, sample_with_gradient
from lmreg.separable import symmetric_pairs
from lmreg.similarity import Hessian, Match, Term
from lmreg.transform import LevelTransform

SPECTRAL_UNKNOWNS = 600
PROBED_UNKNOWNS = 100
DENSE_UNKNOWNS = 2000


@dataclass(frozen=True)
class InnerSolver:
    """Conjugate gradients of a step, where the unknowns are too many for a dense factorisation.

    Attributes
    ----------
    iterations : int
        Most iterations per step.
    tolerance : float
        Relative residual at which they end.
    hessian : "gauss_newton" or "exact"
        Which Hessian they solve with; where the exact one curves downwards, a step is one of Gauss-Newton.
    """

    iterations: int = 10
    tolerance: float = 0.1
    hessian: Hessian = "gauss_newton"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective and its first derivatives at a state.

    Attributes
    ----------
    state : Tensor
        Where; float64.
    cost : Tensor
        Scalar, float64.
    warped : Tensor
        Features of the moving image at the sampled positions, shape (channels, *spatial).
    slope : Tensor
        Their gradient per voxel of the moving level, shape (channels, dim, *spatial).
    bend : Tensor or None
        Their second derivatives, shape (channels, pairs, *spatial); where the exact Hessian is asked for.
    match : Match
        Comparison with the fixed image.
    moments : Tensor
        Gradient of the data term over the coefficients of the transform's basis, shape (dim, *functions).
    gradient : Tensor
        Gradient over steps, shape (unknowns,), float64.
    threshold : Tensor or None
        Threshold of the robust loss that was used.
    """

    state: Tensor
    cost: Tensor
    warped: Tensor
    slope: Tensor
    bend: Tensor | None
    match: Match
    moments: Tensor
    gradient: Tensor
    threshold: Tensor | None

    def detached(self) -> Evaluation:
        """The same numbers, outside any graph."""
        parts = (self.state, self.cost, self.warped, self.slope, self.moments, self.gradient)
        state, cost, warped, slope, moments, gradient = (part.detach() for part in parts)
        bend = None if self.bend is None else self.bend.detach()
        return Evaluation(
            state, cost, warped, slope, bend, self.match.detached(), moments, gradient, self.threshold
        )


@dataclass(frozen=True, eq=False)
class Objective:
    """``similarity(fixed, moving ∘ transform(state)) + regularisation(state)`` on the grid of one level.

    Attributes
    ----------
    moving : Interpolant
        Features of the moving image.
    term : Term
        Similarity bound to the fixed image.
    transform : LevelTransform
        The model.
    regularisation : Regularisation or None
        Of an additive model.
    hessian : "gauss_newton" or "exact"
        Which Hessian the steps use. The exact one gives way to Gauss-Newton where it is not positive definite.
    inner : InnerSolver
        For many unknowns.
    """

    moving: Interpolant
    term: Term
    transform: LevelTransform
    regularisation: Regularisation | None
    hessian: Hessian
    inner: InnerSolver

    @property
    def dense(self) -> bool:
        """Whether the Hessian is worth forming."""
        assembled = self.regularisation is None or self.regularisation.assembled
        return assembled and self.transform.unknowns <= DENSE_UNKNOWNS

    @property
    def spectral(self) -> bool:
        """Whether the exact Hessian is formed for each step, and its eigenvalues looked at."""
        limit = SPECTRAL_UNKNOWNS if self.term.exact else PROBED_UNKNOWNS
        return self.hessian == "exact" and self.dense and self.transform.unknowns <= limit

    def length(self, step: Tensor) -> float:
        """How far a step moves control points, in voxels of full resolution.

        Zero where that tells nothing of convergence: where no direction is weak, or where steps of Gauss-Newton would
        follow it forever.
        """
        return float(step.abs().max()) if self.spectral and self.regularisation is not None else 0.0

    def evaluate(self, state: Tensor, threshold: Tensor | None, *, bent: bool) -> Evaluation:
        """Objective and gradient at a state; with ``bent`` the image's second derivatives, where steps use them."""
        positions = self.transform.positions(state)
        bent = bent and self.hessian == "exact"
        if torch.is_grad_enabled():
            warped, slope = sample_with_gradient(self.moving, positions)
            bend = sample_jet(self.moving, positions, 2)[2] if bent else None
        else:
            jet = sample_jet(self.moving, positions, 2 if bent else 1)
            warped, slope = jet[:2]
            bend = jet[2] if bent else None
        if threshold is None:
            threshold = self.term.scale(warped)
        return self._compare(state, warped, slope, bend, threshold)

    def bent(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation with the image's second derivatives, where it came without."""
        if self.hessian != "exact" or evaluation.bend is not None:
            return evaluation
        positions = self.transform.positions(evaluation.state)
        return replace(evaluation, bend=sample_jet(self.moving, positions, 2)[2])

    def rescaled(self, evaluation: Evaluation) -> Evaluation:
        """The same state with the threshold of the robust loss brought up to date."""
        if evaluation.threshold is None:
            return evaluation
        threshold = self.term.scale(evaluation.warped)
        return self._compare(
            evaluation.state, evaluation.warped, evaluation.slope, evaluation.bend, threshold
        )

    def _compare(
        self, state: Tensor, warped: Tensor, slope: Tensor, bend: Tensor | None, threshold: Tensor | None
    ) -> Evaluation:
        match = self.term.compare(warped, threshold, self.hessian)
        moments = self.transform.basis.adjoint_of(partial(_pulled, match.force, slope))
        gradient = self.transform.pull(state, moments)
        cost = match.cost.double()
        if self.regularisation is not None:
            energy, pull_back = self.regularisation.evaluate(state)
            gradient = gradient + pull_back.reshape(-1)
            cost = cost + energy
        return Evaluation(state, cost, warped, slope, bend, match, moments, gradient, threshold)

    def equations(self, evaluation: Evaluation) -> NormalEquations:
        """Normal equations of a step."""
        evaluation = self.bent(evaluation)
        if self.spectral:
            guide = self._matrix(self.gauss_newton(evaluation))
            matrix = self._matrix(evaluation) if self.term.exact else self.probed(evaluation)
            return SpectralEquations(matrix, guide)
        fallback = self.hessian_at(self.gauss_newton(evaluation))
        if self.hessian == "gauss_newton":
            return fallback
        if isinstance(fallback, DenseEquations) and self.term.exact:
            return BlendedEquations(self._matrix(evaluation), fallback.matrix)
        if self.dense or self.inner.hessian == "gauss_newton":
            return fallback
        exact = MatrixFreeEquations(
            self.automatic_product(evaluation),
            fallback.damping(),
            self.inner.iterations,
            self.inner.tolerance,
        )
        return NewtonEquations(exact, fallback)

    def hessian_at(self, evaluation: Evaluation) -> NormalEquations:
        """The Hessian that an evaluation's match and second derivatives make up."""
        if self.dense:
            return DenseEquations(self._matrix(evaluation))
        return MatrixFreeEquations(
            lambda vector: self.product(evaluation, vector),
            self._diagonal(evaluation),
            self.inner.iterations,
            self.inner.tolerance,
        )

    def gauss_newton(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation without second derivatives of the moving image."""
        match = self.term.compare(evaluation.warped, evaluation.threshold, "gauss_newton")
        return replace(evaluation, match=match, bend=None)

    def retract(self, state: Tensor, step: Tensor) -> Tensor:
        """State after a step."""
        return self.transform.retract(state, step)

    def product(self, evaluation: Evaluation, step: Tensor) -> Tensor:
        """Hessian of the evaluation's match times a step, without forming the matrix."""
        match, state, transform = evaluation.match, evaluation.state, self.transform
        field = transform.basis.evaluate(transform.push(state, step))
        change = contract_axes(evaluation.slope, field)
        force = match.curvature * change
        if match.factors is not None and match.core is not None:
            rank = match.factors.shape[0]
            weights = match.core @ (match.factors.reshape(rank, -1) @ change.reshape(-1))
            force = force + torch.tensordot(weights, match.factors, dims=1)
        vector = contract(force, evaluation.slope)
        if evaluation.bend is not None:
            vector = vector + bend_product(match.force, evaluation.bend, field)
        return self.finish_product(evaluation, transform.pull(state, transform.basis.adjoint(vector)), step)

    def automatic_product(self, evaluation: Evaluation) -> Callable[[Tensor], Tensor]:
        """Exact Hessian as an operator on steps, that of the similarity by automatic differentiation."""
        transform, state = self.transform, evaluation.state
        with torch.enable_grad():
            warped = evaluation.warped.detach().requires_grad_()
            force = self.term.compare(warped, evaluation.threshold, "gauss_newton").force

        def product(step: Tensor) -> Tensor:
            field = transform.basis.evaluate(transform.push(state, step))
            change = contract_axes(evaluation.slope, field)
            # The Hessian in the intensities is symmetric, so its product is a vector-Jacobian product of the force.
            (curved,) = torch.autograd.grad(force, warped, change, retain_graph=True)
            vector = contract(curved, evaluation.slope)
            if evaluation.bend is not None:
                vector = vector + bend_product(evaluation.match.force, evaluation.bend, field)
            pulled = transform.pull(state, transform.basis.adjoint(vector))
            return self.finish_product(evaluation, pulled, step)

        return product

    def finish_product(self, evaluation: Evaluation, product: Tensor, step: Tensor) -> Tensor:
        """Add what the regularisation and the curved parameters contribute to a Hessian product."""
        if self.regularisation is not None:
            product = product + self.regularisation.product(
                evaluation.state, step.reshape(evaluation.state.shape)
            ).reshape(-1)
        if evaluation.bend is not None:
            bend = self.transform.bend(evaluation.state, evaluation.moments)
            product = product if bend is None else product + bend @ step
        return product

    def _matrix(self, evaluation: Evaluation) -> Tensor:
        match, state, transform = evaluation.match, evaluation.state, self.transform
        gram = transform.basis.gram(lambda rows: pair_weights(evaluation, rows))
        matrix = transform.congruence(state, gram)
        if match.factors is not None and match.core is not None:
            rows = torch.stack(
                [
                    transform.pull(
                        state, transform.basis.adjoint_of(partial(_pulled, factor, evaluation.slope))
                    )
                    for factor in match.factors
                ]
            )
            matrix = matrix + rows.mT @ match.core.double() @ rows
        if evaluation.bend is not None:
            bend = transform.bend(state, evaluation.moments)
            matrix = matrix if bend is None else matrix + bend
        if self.regularisation is not None:
            matrix = matrix + self.regularisation.matrix()
        return matrix

    def probed(self, evaluation: Evaluation) -> Tensor:
        """Exact Hessian, column by column: where a similarity has none in closed form."""
        product = self.automatic_product(evaluation)
        matrix = torch.stack(
            [product(unit) for unit in torch.eye(self.transform.unknowns).to(evaluation.gradient)]
        )
        return 0.5 * (matrix + matrix.mT)

    def _diagonal(self, evaluation: Evaluation) -> Tensor:
        transform = self.transform
        squares = (evaluation.match.curvature[:, None] * evaluation.slope.square()).sum(0)
        diagonal = transform.diagonal(evaluation.state, transform.basis.squared_adjoint(squares))
        if self.regularisation is not None:
            diagonal = diagonal + self.regularisation.diagonal(evaluation.state)
        return diagonal


def pair_weights(evaluation: Evaluation, rows: slice) -> Tensor:
    """Weight of each pair of components in the data term's Hessian, for a range of rows; (pairs, rows, ...)."""
    slope, match = evaluation.slope[:, :, rows], evaluation.match
    curvature = match.curvature if match.curvature.shape[1] == 1 else match.curvature[:, rows]
    weighted = curvature[:, None] * slope
    pairs = symmetric_pairs(slope.shape[1])
    products = torch.stack([channel_sum(weighted[:, a] * slope[:, b]) for a, b in pairs])
    if evaluation.bend is None:
        return products
    return products.add_(contract(match.force[:, rows], evaluation.bend[:, :, rows]))


def channel_sum(product: Tensor) -> Tensor:
    """Sum over channels, (channels, *spatial) to (*spatial), without a copy where there is one."""
    return product[0] if product.shape[0] == 1 else product.sum(0)


def _pulled(factor: Tensor, slope: Tensor, rows: slice) -> Tensor:
    return contract(factor[:, rows], slope[:, :, rows])


def contract(force: Tensor, derivatives: Tensor) -> Tensor:
    """Sum over channels: (channels, *spatial) with (channels, n, *spatial) to (n, *spatial)."""
    return force * derivatives[0] if force.shape[0] == 1 else (force[:, None] * derivatives).sum(0)


def contract_axes(slope: Tensor, field: Tensor) -> Tensor:
    """Derivative of the warped image along a field: (channels, dim, *spatial) with (dim, *spatial)."""
    total = slope[:, 0] * field[0]
    for axis in range(1, len(field)):
        total = torch.addcmul(total, slope[:, axis], field[axis])
    return total


def bend_product(force: Tensor, bend: Tensor, field: Tensor) -> Tensor:
    """Second derivatives, weighted by the force, times a field; shape (dim, *spatial)."""
    weighted = contract(force, bend)
    rows = [torch.zeros_like(field[0]) for _ in field]
    for number, (a, b) in enumerate(symmetric_pairs(field.shape[0])):
        rows[a] = rows[a] + weighted[number] * field[b]
        if a != b:
            rows[b] = rows[b] + weighted[number] * field[a]
    return torch.stack(rows)
