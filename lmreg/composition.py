"""Diffeomorphic registration at one level: small spline increments, composed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lmreg.differences import central_gradient
from lmreg.elasticity import SMALLEST_JACOBIAN, Elasticity, Strain
from lmreg.fields import grid_indices, per_component
from lmreg.levenberg_marquardt import Status
from lmreg.nodes import NodeGrid
from lmreg.objective import channel_sum
from lmreg.sampling import Interpolant, sample
from lmreg.separable import SeparableBasis, symmetric_pairs
from lmreg.similarity import Match, Term

LONGEST_INCREMENT = 0.4
TIGHTEST_JACOBIAN = 0.1
REPAIRS = 5
REPAIR_REACH = 8.0
NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Schedule:
    """How the increments of a level are found.

    Attributes
    ----------
    iterations : int
        Most increments.
    tolerance : float
        The level has converged when an increment brings the cost down by less than this share.
    damping : float
        Fluid regularisation: weight of the membrane energy of an increment.
    relaxation : float
        Factor on each increment. The lumped Hessian overestimates the true one, so more than 1 pays.
    momentum : float
        Share of an increment that is added to the next one while the cost falls (Polyak 1964). Makes up for the
        lumped Hessian, which is slow along what is smooth.
    inner_iterations : int
        Conjugate gradient iterations per increment.
    """

    iterations: int
    tolerance: float
    damping: float
    relaxation: float
    momentum: float
    inner_iterations: int


@dataclass(frozen=True, eq=False)
class Step:
    """What an increment is computed from.

    Attributes
    ----------
    displacement : Tensor
        At the nodes.
    carried : Tensor or None
        Coefficients of the increment before, a share of which is added; None for the first one of a level and after
        one that raised the cost.
    """

    displacement: Tensor
    carried: Tensor | None


@dataclass(frozen=True, eq=False)
class Path:
    """The increments of one level.

    Attributes
    ----------
    steps : tuple of Step
        One for each increment, or none where they were not asked for.
    displacement : Tensor
        At the nodes, after the last increment.
    costs : tuple of float
        Before each increment, per voxel; at the end too where the level converged.
    status : Status
        How the level ended.
    """

    steps: tuple[Step, ...]
    displacement: Tensor
    costs: tuple[float, ...]
    status: Status


@dataclass(frozen=True, eq=False)
class CompositionLevel:
    """``φ ← φ∘(id + δ)`` on the grid of one level, each δ a cubic B-spline field from a Gauss-Newton step.

    ``φ = L∘(id + u)`` with a linear map L and a displacement u that is kept at nodes, in voxels. The data term's normal
    equations are lumped: a symmetric matrix per node. With B-splines of the same spacing that keeps δ from
    folding (Rueckert et al. 2006: no coefficient above 0.4 node spacings), composition keeps u from folding, too.

    Attributes
    ----------
    nodes : NodeGrid
        Where u is kept.
    interpolating, smooth : SeparableBasis
        Functions that carry u and δ from the nodes to the voxels that are compared, a box of the level.
    elasticity : Elasticity
        Regularisation of u, per voxel.
    term : Term
        Similarity, bound to the fixed image.
    moving : Interpolant
        Features of the moving image.
    start : Tensor
        L at these voxels, shape (dim, *box), in voxels of the moving level.
    jacobian : Tensor
        Shape (dim, dim): voxels of the moving level per voxel of the fixed level.
    voxels : float
        Sum of these voxels' weights: turns the term's mean into a sum.
    """

    nodes: NodeGrid
    interpolating: SeparableBasis
    smooth: SeparableBasis
    elasticity: Elasticity
    term: Term
    moving: Interpolant
    start: Tensor
    jacobian: Tensor
    voxels: float

    def descend(self, displacement: Tensor, schedule: Schedule, *, keep_steps: bool) -> Path:
        """Compose increments until the cost hardly falls any more."""
        costs: list[float] = []
        steps: list[Step] = []
        carried: Tensor | None = None
        for _ in range(schedule.iterations):
            match, slope = self._compare(displacement)
            strain = self.elasticity.strain(displacement)
            costs.append(self._cost(match, displacement, strain))
            if len(costs) > 1 and abs(costs[-2] - costs[-1]) <= schedule.tolerance * costs[-1]:
                return Path(tuple(steps), displacement, tuple(costs), Status.CONVERGED)
            rises = len(costs) > 1 and costs[-1] >= costs[-2]
            step = Step(displacement, None if rises else carried)
            if keep_steps:
                steps.append(step)
            displacement, carried = self._advance(step, match, slope, strain, schedule)
        return Path(tuple(steps), displacement, tuple(costs), Status.MAX_ITERATIONS)

    def advance(self, step: Step, schedule: Schedule) -> tuple[Tensor, Tensor]:
        """Displacement after an increment and that increment; differentiable in the step and in both images."""
        strain = self.elasticity.strain(step.displacement)
        return self._advance(step, *self._compare(step.displacement), strain, schedule)

    def compose(self, displacement: Tensor, coefficients: Tensor) -> Tensor:
        """Displacement of ``(id + u)∘(id + δ)`` at the nodes, with coefficients of δ bounded in length."""
        spacing = per_component(self.nodes.spacing, displacement)
        square = (coefficients / spacing).square().sum(0)
        bounded = coefficients * (LONGEST_INCREMENT * square.clamp_min(LONGEST_INCREMENT**2).rsqrt())
        increment = self.nodes.smooth_at_nodes.evaluate(_without_traces(bounded))
        positions = grid_indices(self.nodes.shape, increment) + increment / spacing
        moved = sample(Interpolant.from_image(displacement, "linear"), positions)
        return self.repaired(_without_traces(increment + moved))

    def repaired(self, displacement: Tensor) -> Tensor:
        """Smooth the displacement where it nearly folds; interpolation of a composition can bring that about."""
        for _ in range(REPAIRS):
            forward, backward = self.elasticity.jacobians(displacement.detach())
            tight = torch.minimum(forward, backward) < TIGHTEST_JACOBIAN
            if not bool(tight.any()):
                break
            displacement = relaxed(self.nodes, displacement, tight.to(displacement.dtype))
        return displacement

    def _compare(self, displacement: Tensor) -> tuple[Match, Tensor]:
        """Comparison at a displacement, and the slope of the warped features."""
        warped = sample(self.moving, self._positions(displacement))
        match = self.term.compare(warped, self.term.scale(warped), "gauss_newton")
        return match, central_gradient(warped)

    def _positions(self, displacement: Tensor) -> Tensor:
        """Where the compared voxels are looked up, shape (dim, *box), in voxels of the moving level."""
        moved = (self.jacobian @ displacement.reshape(len(displacement), -1)).reshape(displacement.shape)
        return torch.stack(
            [
                self.interpolating.evaluate(component).add_(start)
                for component, start in zip(moved, self.start, strict=True)
            ]
        )

    def _cost(self, match: Match, displacement: Tensor, strain: Strain) -> float:
        return float(match.cost) + float(self.elasticity.energy_of(displacement, strain)) / self.voxels

    def _advance(
        self, step: Step, match: Match, slope: Tensor, strain: Strain, schedule: Schedule
    ) -> tuple[Tensor, Tensor]:
        equations = self._equations(match, slope, strain, schedule.damping)
        increment = schedule.relaxation * equations.solve(schedule.inner_iterations)
        if step.carried is not None:
            increment = increment + schedule.momentum * step.carried
        return self.compose(step.displacement, increment), increment

    def _equations(self, match: Match, slope: Tensor, strain: Strain, damping: float) -> LumpedEquations:
        dim = slope.shape[1]
        force = self._moments(lambda axis: match.force * slope[:, axis], dim)
        pairs = symmetric_pairs(dim)
        weighted = match.curvature[:, None] * slope
        blocks = self._moments(
            lambda pair: weighted[:, pairs[pair][0]] * slope[:, pairs[pair][1]], len(pairs)
        )
        bounded = replace(
            strain,
            forward=strain.forward.clamp_min(SMALLEST_JACOBIAN),
            backward=strain.backward.clamp_min(SMALLEST_JACOBIAN),
        )
        elastic = self.elasticity.composed_force(bounded)
        stiffness = self.elasticity.stiffness(bounded)
        return LumpedEquations(-(force + elastic), blocks, self.elasticity, stiffness, damping)

    def _moments(self, density: Callable[[int], Tensor], count: int) -> Tensor:
        """Sums of the B-splines times fields, field by field: blocks of memory stay small enough to be reused."""
        rows = [self.smooth.adjoint(channel_sum(density(number))) for number in range(count)]
        return torch.stack(rows).mul_(self.voxels)


@dataclass(frozen=True, eq=False)
class LumpedEquations:
    """Normal equations of an increment at the nodes.

    Attributes
    ----------
    right : Tensor
        Shape (dim, *nodes).
    blocks : Tensor
        The data term's matrix at each node, shape (pairs, *nodes), as :func:`symmetric_pairs` orders them.
    elasticity : Elasticity
        Regularisation.
    stiffness : tuple of Tensor
        See :meth:`Elasticity.stiffness`.
    damping : float
        Weight of the increment's own membrane energy.
    """

    right: Tensor
    blocks: Tensor
    elasticity: Elasticity
    stiffness: tuple[Tensor, Tensor]
    damping: float

    def product(self, step: Tensor) -> Tensor:
        """The matrix times an increment."""
        product = self.elasticity.laplacian(step).mul_(self.elasticity.membrane + self.damping)
        for number, (a, b) in enumerate(symmetric_pairs(len(step))):
            product[a].addcmul_(self.blocks[number], step[b])
            if a != b:
                product[b].addcmul_(self.blocks[number], step[a])
        return product.add_(self.elasticity.composed_product(step, self.stiffness))

    def diagonal(self) -> Tensor:
        """Diagonal of the matrix, shape (dim, *nodes); that of the barrier as if nothing were deformed."""
        pairs = symmetric_pairs(len(self.right))
        data = torch.stack([self.blocks[pairs.index((a, a))] for a in range(len(self.right))])
        return data + self.elasticity.diagonal(self.right, self.damping).reshape(self.right.shape)

    def solve(self, iterations: int) -> Tensor:
        """Increment after a few conjugate gradient iterations."""
        inverse = 1 / self.diagonal()
        residual = _without_traces(self.right)
        solution = torch.zeros_like(residual)
        direction = preconditioned = inverse * residual
        product = (residual * preconditioned).sum()
        for _ in range(iterations):
            image = self.product(direction)
            length = product / (direction * image).sum()
            solution = solution.addcmul_(length, direction)
            residual = residual - length * image
            preconditioned = inverse * residual
            previous, product = product, (residual * preconditioned).sum()
            direction = preconditioned + (product / previous) * direction
        return solution


def relaxed(nodes: NodeGrid, displacement: Tensor, where: Tensor) -> Tensor:
    """Displacement smoothed around the nodes that ``where`` marks, shape (*nodes)."""
    reach = (
        nodes.smooth_at_nodes.evaluate(nodes.smooth_at_nodes.evaluate(where)).mul_(REPAIR_REACH).clamp_(max=1)
    )
    smooth = nodes.smooth_at_nodes.evaluate(nodes.smooth_at_nodes.evaluate(displacement))
    return displacement + reach * (smooth - displacement)


def _without_traces(field: Tensor) -> Tensor:
    """Exact zeros far from where anything happens: denormal numbers are a hundred times as slow."""
    kept: Tensor = _WithoutTraces.apply(field)  # type: ignore[no-untyped-call]
    return kept


class _WithoutTraces(torch.autograd.Function):
    """As a rounding, this has the derivative of what it rounds: forces that are zero still have derivatives."""

    @staticmethod
    def forward(ctx: Any, field: Tensor) -> Tensor:  # noqa: ARG004
        return torch.nn.functional.hardshrink(field, NEGLIGIBLE)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        return gradient
