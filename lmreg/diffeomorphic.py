"""The diffeomorphic model: coarse to fine, then the displacement at the nodes of full resolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch import Tensor

from lmreg.bspline import BSplineLevel
from lmreg.composition import Schedule, relaxed
from lmreg.differences import central_gradient, with_neighbours
from lmreg.elasticity import SMALLEST_JACOBIAN, Elasticity, determinant
from lmreg.fields import affine_positions
from lmreg.grid import Grid
from lmreg.model import Level, Model, followed_by_linear
from lmreg.nodes import NodeGrid

UNFOLDINGS = 20


@dataclass(frozen=True)
class Diffeomorphic:
    """Options of the diffeomorphic model.

    Attributes
    ----------
    node_spacing : float
        Distance of the nodes that carry the displacement, in voxels of each level.
    membrane : float
        Weight of the squared derivatives of the displacement, per voxel; dimensionless.
    volume : float
        Weight of ``cosh log J - 1``, with J the Jacobian determinant, per voxel: keeps the deformation from folding.
    damping : float
        Weight of the squared derivatives of each increment: fluid regularisation, which changes the path and not
        the goal.
    relaxation : float
        Factor on each increment, between 0 and 2.
    momentum : float
        Share of an increment that is added to the next one while the cost falls, at least 0 and below 1.
    inner_iterations : int
        Conjugate gradient iterations per increment.
    iterations : tuple of int
        Most increments at full resolution, at half of it, and so on; the last number goes for all coarser levels.
    tolerance : float
        A level ends when an increment brings the cost down by less than this share.
    polish : int
        Most Levenberg-Marquardt steps at the end, on the objective itself with its exact gradient and Hessian, which
        ``Implicit`` needs: some tens of steps until they converge. Without them gradients pass through the
        increments (``Unroll``, ``Truncated``): the derivative of what was computed, which itself jumps where the
        displacement comes close to folding and is smoothed.
    """

    node_spacing: float = 2.0
    membrane: float = 0.05
    volume: float = 0.12
    damping: float = 0.05
    relaxation: float = 1.5
    momentum: float = 0.5
    inner_iterations: int = 3
    iterations: tuple[int, ...] = (8, 10, 12, 15)
    tolerance: float = 5e-3
    polish: int = 0

    def __post_init__(self) -> None:
        if not self.node_spacing >= 1:
            raise ValueError(f"Diffeomorphic node_spacing must be at least 1 voxel (got {self.node_spacing})")
        for name in ("membrane", "volume", "damping", "tolerance"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"Diffeomorphic {name} must be > 0 (got {getattr(self, name)})")
        if not 0 < self.relaxation < 2:
            raise ValueError(f"Diffeomorphic relaxation must be between 0 and 2 (got {self.relaxation})")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"Diffeomorphic momentum must be at least 0 and below 1 (got {self.momentum})")
        if self.inner_iterations < 1 or not self.iterations or min(self.iterations) < 1 or self.polish < 0:
            raise ValueError(f"Diffeomorphic iterations must be at least 1, polish at least 0 (got {self})")

    def schedule(self, level: int) -> Schedule:
        """Schedule of a pyramid level, 0 being full resolution."""
        iterations = self.iterations[min(level, len(self.iterations) - 1)]
        return Schedule(
            iterations, self.tolerance, self.damping, self.relaxation, self.momentum, self.inner_iterations
        )


@dataclass(frozen=True, eq=False)
class NodalDisplacement(Model):
    """Displacement by nodes at full resolution, followed by a fixed linear map.

    Attributes
    ----------
    options : Diffeomorphic
        Spacing of the nodes and weights of the regularisation.
    fixed : Grid
        Full-resolution fixed grid.
    initial_mm : Tensor
        The linear map: from fixed to moving millimetres.
    displacement_at_nodes : Tensor
        Where to begin, shape (dim, *nodes), in voxels.
    voxels : float
        Sum of the voxels' weights.
    """

    options: Diffeomorphic
    fixed: Grid
    initial_mm: Tensor
    displacement_at_nodes: Tensor
    voxels: float

    def start(self, coarsest: Level) -> Tensor:  # noqa: ARG002
        return self.displacement_at_nodes.double()

    def at(self, level: Level, like: Tensor) -> BSplineLevel:
        dim = self.fixed.dim
        index_map = level.fixed.index_map(level.moving, self.initial_mm)
        return BSplineLevel(
            nodes_of(self.options, level.fixed, like).interpolating,
            affine_positions(level.fixed.shape, index_map, like),
            index_map[:dim, :dim],
        )

    def carry(self, state: Tensor, coarse: Level, fine: Level) -> Tensor:  # noqa: ARG002
        return state

    def regularisation(self, level: Level, bending: Tensor) -> Elasticity:
        nodes = nodes_of(self.options, level.fixed, bending)
        return elasticity_of(self.options, level.fixed, nodes, 1 / self.voxels)

    def displacement(self, state: Tensor, like: Tensor) -> Tensor:
        basis = nodes_of(self.options, self.fixed, like).interpolating
        return followed_by_linear(basis.evaluate(state.to(like.dtype)), self.fixed, self.initial_mm)

    def matrix(self, state: Tensor) -> Tensor:  # noqa: ARG002
        return self.initial_mm


def unfolded(nodes: NodeGrid, displacement: Tensor) -> Tensor:
    """Smooth the displacement at nodes until the interpolated field is far from folding in every voxel."""
    for _ in range(UNFOLDINGS):
        folded = partial(_folded, nodes, displacement.detach())
        near = nodes.smooth.adjoint_of(folded) > 0
        if not bool(near.any()):
            break
        displacement = relaxed(nodes, displacement, near.to(displacement.dtype))
    return displacement


def _folded(nodes: NodeGrid, displacement: Tensor, rows: slice) -> Tensor:
    """One where the interpolated field nearly folds and zero elsewhere, on a range of rows of voxels."""
    wider, inside = with_neighbours(rows, nodes.samples[0])
    slope = central_gradient(nodes.interpolating.evaluate_rows(displacement, wider))[:, :, inside]
    dim = len(displacement)
    jacobian = determinant([[slope[a, b].add_(float(a == b)) for b in range(dim)] for a in range(dim)])
    return (jacobian < SMALLEST_JACOBIAN).to(displacement.dtype)


def nodes_of(options: Diffeomorphic, grid: Grid, like: Tensor) -> NodeGrid:
    """Nodes of a level: as far apart, in millimetres, along every axis as along that of the smallest voxels."""
    extended = [mm for n, mm in zip(grid.shape, grid.spacing_mm, strict=True) if n > 1]
    finest = min(extended, default=1.0)
    spacing = tuple(max(options.node_spacing * finest / mm, 1.0) for mm in grid.spacing_mm)
    return NodeGrid.spread(grid.shape, spacing, like)


def elasticity_of(options: Diffeomorphic, grid: Grid, nodes: NodeGrid, share: float) -> Elasticity:
    """Regularisation of the displacement at the nodes of a level."""
    return Elasticity(options.membrane, options.volume, share, nodes.spacing, grid.spacing_mm)
