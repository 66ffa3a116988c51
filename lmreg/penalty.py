"""Regularisation, and the quadratic one of control points."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.separable import apply_along_axes
from lmreg.splines import gram_matrix

ANCHOR = 1e-5


@dataclass(frozen=True, eq=False)
class QuadraticForm:
    """A form over control points (dim, *control): for each component a sum of products of one matrix per axis.

    Attributes
    ----------
    terms : tuple of tuple of Tensor
        Matrices of each term, float64, shape (functions, functions) each.
    component_weights : Tensor
        Weight of each component, shape (dim,), float64.
    """

    terms: tuple[tuple[Tensor, ...], ...]
    component_weights: Tensor

    def product(self, state: Tensor) -> Tensor:
        """The matrix times the control points, of their shape."""
        total = apply_along_axes(state, self.terms[0])
        for matrices in self.terms[1:]:
            total = total + apply_along_axes(state, matrices)
        return self.component_weights.reshape(-1, *(1,) * (state.ndim - 1)) * total

    @cached_property
    def matrix(self) -> Tensor:
        """Dense matrix over the flattened control points."""
        return torch.kron(torch.diag(self.component_weights), self._sum(self.terms))

    @cached_property
    def diagonal(self) -> Tensor:
        """Diagonal of :attr:`matrix`."""
        columns = [tuple(matrix.diagonal()[:, None] for matrix in matrices) for matrices in self.terms]
        return torch.kron(self.component_weights, self._sum(columns)[:, 0])

    @staticmethod
    def _sum(terms: Sequence[tuple[Tensor, ...]]) -> Tensor:
        products = []
        for matrices in terms:
            product = matrices[0]
            for matrix in matrices[1:]:
                product = torch.kron(product, matrix)
            products.append(product)
        return torch.stack(products).sum(0)


class Regularisation(ABC):
    """An energy of the state."""

    @property
    def assembled(self) -> bool:
        """Whether :meth:`matrix` is worth its memory."""
        return True

    @abstractmethod
    def evaluate(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Energy, and its gradient of the shape of the state."""

    @abstractmethod
    def product(self, state: Tensor, step: Tensor) -> Tensor:
        """Hessian at a state times a step, of the shape of the state."""

    @abstractmethod
    def diagonal(self, state: Tensor) -> Tensor:
        """Diagonal of the Hessian over the flattened state, or an approximation of it."""

    def matrix(self) -> Tensor:
        """Hessian over the flattened state."""
        raise NotImplementedError(f"{type(self).__name__} has no dense Hessian")


@dataclass(frozen=True, eq=False)
class Quadratic(Regularisation):
    """``½ cᵀ (weight · bending + anchor) c``.

    The anchor is too weak to move anything that the images tell; it decides where neither the images nor the
    bending energy tell control points apart.

    Attributes
    ----------
    bending, anchor : QuadraticForm
        The two forms.
    weight : Tensor
        Scalar, float64; may be part of a graph.
    """

    bending: QuadraticForm
    anchor: QuadraticForm
    weight: Tensor

    def evaluate(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Energy and gradient at the control points."""
        gradient = self.product(state, state)
        return 0.5 * torch.dot(gradient.reshape(-1), state.reshape(-1)), gradient

    def product(self, state: Tensor, step: Tensor) -> Tensor:  # noqa: ARG002
        """Hessian times a change of the control points, of their shape."""
        return self.weight * self.bending.product(step) + self.anchor.product(step)

    def matrix(self) -> Tensor:
        """Hessian over the flattened control points."""
        return self.weight * self.bending.matrix + self.anchor.matrix

    def diagonal(self, state: Tensor) -> Tensor:  # noqa: ARG002
        """Diagonal of the Hessian."""
        return self.weight * self.bending.diagonal + self.anchor.diagonal


def bending_energy(grid: Grid, elements: Sequence[int]) -> QuadraticForm:
    """Mean bending energy of a spline displacement, with all lengths in units of the control point spacing.

    ``h² Σ_ab mean (∂²u/∂x_a∂x_b)²`` (Rueckert et al. 1999, eq. 8), u and x in millimetres, h the geometric mean of the
    control point spacings: dimensionless.

    Parameters
    ----------
    grid : Grid
        Full-resolution fixed grid; control points are displacements in its voxels.
    elements : sequence of int
        Intervals of control points along each axis.
    """
    dim, device = grid.dim, grid.affine.device
    spacings = control_spacings_mm(grid, elements)

    def axis_matrix(axis: int, derivative: int) -> Tensor:
        if grid.shape[axis] == 1:
            return torch.full((1, 1), float(derivative == 0), dtype=torch.float64, device=device)
        return gram_matrix(elements[axis], derivative).to(device) / spacings[axis] ** (2 * derivative)

    terms = []
    for a, b in combinations_with_replacement(range(dim), 2):
        orders = [int(axis == a) + int(axis == b) for axis in range(dim)]
        matrices = [axis_matrix(axis, order) for axis, order in enumerate(orders)]
        matrices[0] = matrices[0] * (1.0 if a == b else 2.0)
        terms.append(tuple(matrices))
    return QuadraticForm(tuple(terms), _component_weights(grid) * mean_spacing_mm(grid, elements) ** 2)


def anchor(grid: Grid, elements: Sequence[int]) -> QuadraticForm:
    """1e-5 of the mean square of the control points, in units of the control point spacing."""
    counts = [count + 3 if samples > 1 else 1 for count, samples in zip(elements, grid.shape, strict=True)]
    matrices = tuple(
        torch.eye(count, dtype=torch.float64, device=grid.affine.device) / count for count in counts
    )
    weights = _component_weights(grid) * (ANCHOR / mean_spacing_mm(grid, elements) ** 2)
    return QuadraticForm((matrices,), weights)


def control_spacings_mm(grid: Grid, elements: Sequence[int]) -> tuple[float, ...]:
    """Distance between control points along each axis."""
    return tuple(
        max(samples - 1, 1) * voxel / count
        for samples, voxel, count in zip(grid.shape, grid.spacing_mm, elements, strict=True)
    )


def mean_spacing_mm(grid: Grid, elements: Sequence[int]) -> float:
    """Geometric mean of the control point spacings, axes of a single sample left out."""
    spacings = [
        spacing
        for spacing, samples in zip(control_spacings_mm(grid, elements), grid.shape, strict=True)
        if samples > 1
    ]
    return math.exp(sum(map(math.log, spacings)) / len(spacings)) if spacings else 1.0


def _component_weights(grid: Grid) -> Tensor:
    return torch.tensor(grid.spacing_mm, dtype=torch.float64, device=grid.affine.device) ** 2
