"""Diffeomorphic registration at one level: small spline increments, composed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lmreg.differences import central_gradient_of_rows
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
    start : tuple of Tensor
        L at these voxels, in voxels of the moving level: the shares that :func:`lmreg.fields.affine_shares` gives.
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
    start: tuple[Tensor, ...]
    jacobian: Tensor
    voxels: float

    def descend(self, displacement: Tensor, schedule: Schedule, *, keep_steps: bool) -> Path:
        """Compose increments until the cost hardly falls any more."""
        costs: list[float] = []
        steps: list[Step] = []
        carried: Tensor | None = None
        for _ in range(schedule.iterations):
            warped = self._warped(displacement)
            match = self._compare(warped)
            strain = self.elasticity.strain(displacement)
            costs.append(self._cost(match, displacement, strain))
            if len(costs) > 1 and abs(costs[-2] - costs[-1]) <= schedule.tolerance * costs[-1]:
                return Path(tuple(steps), displacement, tuple(costs), Status.CONVERGED)
            rises = len(costs) > 1 and costs[-1] >= costs[-2]
            step = Step(displacement, None if rises else carried)
            if keep_steps:
                steps.append(step)
            displacement, carried = self._advance(step, match, warped, strain, schedule)
        return Path(tuple(steps), displacement, tuple(costs), Status.MAX_ITERATIONS)

    def advance(self, step: Step, schedule: Schedule) -> tuple[Tensor, Tensor]:
        """Displacement after an increment and that increment; differentiable in the step and in both images."""
        strain = self.elasticity.strain(step.displacement)
        warped = self._warped(step.displacement)
        return self._advance(step, self._compare(warped), warped, strain, schedule)

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

    def _warped(self, displacement: Tensor) -> Tensor:
        """The warped features at a displacement, shape (channels, *box)."""
        moved = (self.jacobian @ displacement.reshape(len(displacement), -1)).reshape(displacement.shape)
        return torch.cat(
            [sample(self.moving, self._positions(moved, rows)) for rows in self.interpolating.slabs], dim=1
        )

    def _positions(self, moved: Tensor, rows: slice) -> Tensor:
        """Where rows of the compared voxels are looked up, shape (dim, rows, ...), in voxels of the moving level."""
        offset, along, *others = self.start
        positions = self.interpolating.evaluate_rows(moved, rows)
        for share in (offset, along[:, rows], *others):
            positions = positions.add_(share)
        return positions

    def _compare(self, warped: Tensor) -> Match:
        return self.term.compare(warped, self.term.scale(warped), "gauss_newton")

    def _cost(self, match: Match, displacement: Tensor, strain: Strain) -> float:
        return float(match.cost) + float(self.elasticity.energy_of(displacement, strain)) / self.voxels

    def _advance(
        self, step: Step, match: Match, warped: Tensor, strain: Strain, schedule: Schedule
    ) -> tuple[Tensor, Tensor]:
        equations = self._equations(match, warped, strain, schedule.damping)
        increment = schedule.relaxation * equations.solve(schedule.inner_iterations)
        if step.carried is not None:
            increment = increment + schedule.momentum * step.carried
        return self.compose(step.displacement, increment), increment

    def _equations(self, match: Match, warped: Tensor, strain: Strain, damping: float) -> LumpedEquations:
        dim = warped.ndim - 1
        moments = self.smooth.adjoint_of(lambda rows: _densities(match, warped, rows)).mul_(self.voxels)
        force, blocks = moments[:dim], moments[dim:]
        bounded = replace(
            strain,
            forward=strain.forward.clamp_min(SMALLEST_JACOBIAN),
            backward=strain.backward.clamp_min(SMALLEST_JACOBIAN),
        )
        elastic = self.elasticity.composed_force(bounded)
        stiffness = self.elasticity.stiffness(bounded)
        return LumpedEquations(-(force + elastic), blocks, self.elasticity, stiffness, damping)


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


def _densities(match: Match, warped: Tensor, rows: slice) -> Tensor:
    """Rows of what is summed up to the data term's force and blocks, shape (dim + pairs, rows, ...)."""
    slope = central_gradient_of_rows(warped, rows)
    dim = slope.shape[1]
    curvature = match.curvature if match.curvature.shape[1] == 1 else match.curvature[:, rows]
    weighted = curvature[:, None] * slope
    force = match.force[:, rows]
    return torch.stack(
        [
            *(channel_sum(force * slope[:, axis]) for axis in range(dim)),
            *(channel_sum(weighted[:, a] * slope[:, b]) for a, b in symmetric_pairs(dim)),
        ]
    )


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
