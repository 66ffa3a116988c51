"""Elastic energy of a displacement field that is given at nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.differences import leading, trailing
from lmreg.fields import per_component
from lmreg.penalty import Regularisation

SMALLEST_JACOBIAN = 0.05


@dataclass(frozen=True, eq=False)
class Strain:
    """First and second differences of a displacement at the nodes.

    Attributes
    ----------
    laplacian : Tensor
        See :meth:`Elasticity.laplacian`.
    forward, backward : Tensor
        Jacobian determinants, see :meth:`Elasticity.jacobians`.
    """

    laplacian: Tensor
    forward: Tensor
    backward: Tensor


@dataclass(frozen=True, eq=False)
class Elasticity(Regularisation):
    """Membrane energy and a barrier against changes of volume.

    ``share · Σ_nodes V (½ membrane Σ_ab (∂u_a/∂x_b)² + volume (cosh log J - 1))``, with V the voxels per node, u and x
    in millimetres and J the Jacobian determinant of ``x + u``. The barrier treats expansion and compression alike and
    has no bound as J approaches 0; a parabola continues it below J = 0.05. J comes from forward differences and
    from backward ones, half a share each, so that no oscillation between nodes goes unseen.

    Attributes
    ----------
    membrane, volume : float
        Weights of the terms, dimensionless.
    share : float
        Weight of a voxel, such as one over their number.
    spacing : tuple of float
        Voxels from node to node along each axis. Displacements are in voxels too.
    voxel_mm : tuple of float
        Size of a voxel along each axis.
    """

    membrane: float
    volume: float
    share: float
    spacing: tuple[float, ...]
    voxel_mm: tuple[float, ...]

    @property
    def assembled(self) -> bool:
        """False: there is no dense matrix."""
        return False

    def evaluate(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Energy and its gradient, the latter differentiable where ``state`` is."""
        tracked = torch.is_grad_enabled() and state.requires_grad
        with torch.enable_grad():
            variable = state if tracked else state.detach().requires_grad_()
            energy = self.energy(variable)
            (gradient,) = torch.autograd.grad(energy, variable, create_graph=tracked)
        return energy.detach(), gradient

    def product(self, state: Tensor, step: Tensor) -> Tensor:
        """Hessian at a state times a step."""
        with torch.enable_grad():
            variable = state.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.energy(variable), variable, create_graph=True)
            (product,) = torch.autograd.grad(gradient, variable, step.reshape(state.shape))
        return product

    def diagonal(self, state: Tensor, damping: float = 0.0) -> Tensor:
        """Diagonal of the Hessian where nothing is deformed, as at inner nodes; damping adds to the membrane."""
        by_component = []
        for a, h in enumerate(self.spacing):
            axes = [b for b in range(len(state)) if state.shape[b + 1] > 1]
            stiffness = sum(self._stiffness(a, b) for b in axes)
            by_component.append(
                2 * (self.membrane + damping) * stiffness + 2 * self.volume / h**2 * (a in axes)
            )
        scale = state.new_tensor(by_component).mul_(self.share * self.voxels_per_node)
        return scale.repeat_interleave(state[0].numel())

    def energy(self, state: Tensor) -> Tensor:
        """The energy, a scalar, twice differentiable."""
        return self.energy_of(state, self.strain(state))

    def energy_of(self, state: Tensor, strain: Strain) -> Tensor:
        """The energy of a displacement whose strain is known."""
        volume = 0.5 * (barrier(strain.forward) + barrier(strain.backward)).sum()
        membrane = 0.5 * (state * strain.laplacian).sum()
        return self.share * (self.membrane * membrane + self.volume * self.voxels_per_node * volume)

    def strain(self, state: Tensor) -> Strain:
        """What energy and forces are made of."""
        return Strain(self.laplacian(state), *self.jacobians(state))

    def laplacian(self, state: Tensor) -> Tensor:
        """Derivative of the membrane term without its weights: minus the Laplacian, times the voxels per node."""
        total = torch.zeros_like(state)
        for axis in range(len(state)):
            weights = [self._stiffness(a, axis) * self.voxels_per_node for a in range(len(state))]
            edges = state.diff(dim=axis + 1) * per_component(weights, state)
            trailing(total, axis + 1).add_(edges)
            leading(total, axis + 1).sub_(edges)
        return total

    def composed_force(self, strain: Strain) -> Tensor:
        """Gradient by an increment δ of ``(id + u)∘(id + δ)``, given the strain of u with positive determinants.

        Of the membrane term the gradient by u is taken; the determinants of a composition multiply, so that
        their logarithms change by div δ.
        """
        scale = 0.25 * self.volume * self.voxels_per_node
        forces = [(jacobian - 1 / jacobian) * scale for jacobian in (strain.forward, strain.backward)]
        return self.divergences_adjoint(*forces).add_(strain.laplacian, alpha=self.membrane)

    def stiffness(self, strain: Strain) -> tuple[Tensor, Tensor]:
        """Second derivatives of the barrier by the two divergences of an increment (Gauss-Newton)."""
        scale = 0.25 * self.volume * self.voxels_per_node
        forward, backward = (
            (jacobian + 1 / jacobian) * scale for jacobian in (strain.forward, strain.backward)
        )
        return forward, backward

    def composed_product(self, step: Tensor, stiffness: tuple[Tensor, Tensor]) -> Tensor:
        """Gauss-Newton Hessian of the barrier by an increment, times a step."""
        ahead, behind = self.divergences(step)
        return self.divergences_adjoint(ahead * stiffness[0], behind * stiffness[1])

    def jacobians(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Jacobian determinant of ``x + u`` at the nodes, by forward and by backward differences."""
        ahead: list[Tensor] = []
        behind: list[Tensor] = []
        for axis, h in enumerate(self.spacing):
            edges = state.diff(dim=axis + 1) * (1 / h)
            end = (0, 0) * (state.ndim - 2 - axis)
            for columns, padding in ((ahead, (0, 1)), (behind, (1, 0))):
                column = torch.nn.functional.pad(edges, (*end, *padding))
                column[axis].add_(1)
                columns.append(column)
        forward, backward = (
            determinant([[column[a] for column in columns] for a in range(len(state))])
            for columns in (ahead, behind)
        )
        return forward, backward

    def divergences(self, field: Tensor) -> tuple[Tensor, Tensor]:
        """Divergence at the nodes, by forward and by backward differences."""
        forward, backward = torch.zeros_like(field[0]), torch.zeros_like(field[0])
        for axis, h in enumerate(self.spacing):
            edges = field[axis].diff(dim=axis)
            leading(forward, axis).add_(edges, alpha=1 / h)
            trailing(backward, axis).add_(edges, alpha=1 / h)
        return forward, backward

    def divergences_adjoint(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Adjoint of :meth:`divergences`, shape (dim, *nodes)."""
        total = forward.new_zeros(len(self.spacing), *forward.shape)
        for axis, h in enumerate(self.spacing):
            edges = leading(forward, axis) + trailing(backward, axis)
            trailing(total[axis], axis).add_(edges, alpha=1 / h)
            leading(total[axis], axis).sub_(edges, alpha=1 / h)
        return total

    @property
    def voxels_per_node(self) -> float:
        """How many voxels a node stands for."""
        return math.prod(self.spacing)

    def _stiffness(self, component: int, axis: int) -> float:
        """Square of the strain that a difference of one voxel between nodes means."""
        strain = self.voxel_mm[component] / (self.voxel_mm[axis] * self.spacing[axis])
        return strain * strain


def determinant(rows: list[list[Tensor]]) -> Tensor:
    """Determinant of a 2×2 or 3×3 matrix of fields."""
    if len(rows) == 2:
        return torch.addcmul(rows[0][0] * rows[1][1], rows[0][1], rows[1][0], value=-1)
    minors = [
        torch.addcmul(
            rows[1][(a + 1) % 3] * rows[2][(a + 2) % 3], rows[1][(a + 2) % 3], rows[2][(a + 1) % 3], value=-1
        )
        for a in range(3)
    ]
    total = rows[0][0] * minors[0]
    for a in (1, 2):
        total = torch.addcmul(total, rows[0][a], minors[a])
    return total


def barrier(jacobian: Tensor) -> Tensor:
    """``cosh log J - 1``, continued by its parabola below the smallest Jacobian that is told apart from zero."""
    floor = SMALLEST_JACOBIAN
    bounded = jacobian.clamp_min(floor)
    below = jacobian - bounded
    slope, curvature = 0.5 * (1 - floor**-2), floor**-3
    return 0.5 * (bounded + 1 / bounded) - 1 + below * (slope + 0.5 * curvature * below)
