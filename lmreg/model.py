"""Transform models: from the options of a registration to the transform of each level."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.bspline import BSplineLevel, bspline_basis, coarser_elements, refine
from lmreg.fields import affine_positions
from lmreg.grid import Grid
from lmreg.linear import LinearLevel, LinearModel, axis_basis, generators
from lmreg.penalty import Quadratic, Regularisation, anchor, bending_energy
from lmreg.transform import LevelTransform


@dataclass(frozen=True, eq=False)
class Level:
    """One level of the pyramid.

    Attributes
    ----------
    number : int
        0 is full resolution; each level up is half as fine.
    fixed, moving : Grid
        Grids of the two images at this level.
    """

    number: int
    fixed: Grid
    moving: Grid


class Model(ABC):
    """A transform model for one pair of grids."""

    @abstractmethod
    def start(self, coarsest: Level) -> Tensor:
        """State to begin with at the coarsest level, float64."""

    @abstractmethod
    def at(self, level: Level, like: Tensor) -> LevelTransform:
        """The model on the grids of a level, computing in the dtype and on the device of ``like``."""

    @abstractmethod
    def carry(self, state: Tensor, coarse: Level, fine: Level) -> Tensor:
        """State at a finer level that describes the same transform."""

    @abstractmethod
    def regularisation(self, level: Level, bending: Tensor) -> Regularisation | None:
        """Regularisation of the state at a level; None where the model needs none."""

    @abstractmethod
    def displacement(self, state: Tensor, like: Tensor) -> Tensor:
        """Displacement of the finest state, shape (dim, *fixed spatial), in fixed voxels; differentiable."""

    @abstractmethod
    def matrix(self, state: Tensor) -> Tensor:
        """Linear part, from fixed to moving millimetres, shape (dim + 1, dim + 1), float64."""


@dataclass(frozen=True, eq=False)
class Linear(Model):
    """Translation, rigid, similarity or affine.

    Attributes
    ----------
    kind : str
        Which of them.
    fixed : Grid
        Full-resolution fixed grid.
    initial_mm : Tensor
        Where to begin: from fixed to moving millimetres.
    """

    kind: LinearModel
    fixed: Grid
    initial_mm: Tensor

    def start(self, coarsest: Level) -> Tensor:  # noqa: ARG002
        return self.initial_mm

    def at(self, level: Level, like: Tensor) -> LinearLevel:
        extent = [(n - 1) * mm / 2 for n, mm in zip(self.fixed.shape, self.fixed.spacing_mm, strict=True)]
        radius = max(sum(half**2 for half in extent) ** 0.5, 1.0)
        return LinearLevel(
            axis_basis(level.fixed.shape, like.dtype, like.device),
            level.fixed,
            level.moving,
            generators(self.kind, self.fixed.centre_mm, radius),
        )

    def carry(self, state: Tensor, coarse: Level, fine: Level) -> Tensor:  # noqa: ARG002
        return state

    def regularisation(self, level: Level, bending: Tensor) -> None:  # noqa: ARG002
        return None

    def displacement(self, state: Tensor, like: Tensor) -> Tensor:
        identity = torch.eye(self.fixed.dim + 1, dtype=torch.float64, device=state.device)
        change = self.fixed.index_map(self.fixed, state) - identity
        return affine_positions(self.fixed.shape, change, like)

    def matrix(self, state: Tensor) -> Tensor:
        return state


@dataclass(frozen=True, eq=False)
class BSpline(Model):
    """Cubic B-spline free-form deformation, followed by a fixed linear map.

    Attributes
    ----------
    elements : tuple of int
        Intervals between control points along each axis, at full resolution.
    fixed : Grid
        Full-resolution fixed grid.
    initial_mm : Tensor
        The linear map: from fixed to moving millimetres.
    """

    elements: Sequence[int]
    fixed: Grid
    initial_mm: Tensor

    @property
    def unknowns(self) -> int:
        """Number of coefficients at full resolution."""
        return self.fixed.dim * math.prod(self._control(self.elements))

    def _control(self, elements: Sequence[int]) -> list[int]:
        return [m + 3 if n > 1 else 1 for n, m in zip(self.fixed.shape, elements, strict=True)]

    def start(self, coarsest: Level) -> Tensor:
        control = self._control(coarser_elements(self.elements, coarsest.number))
        return torch.zeros(self.fixed.dim, *control, dtype=torch.float64, device=self.fixed.affine.device)

    def at(self, level: Level, like: Tensor) -> BSplineLevel:
        dim = self.fixed.dim
        elements = coarser_elements(self.elements, level.number)
        return BSplineLevel(
            bspline_basis(level.fixed.shape, elements, like.dtype, like.device),
            affine_positions(level.fixed.shape, level.fixed.index_map(level.moving, self.initial_mm), like),
            self.fixed.index_map(level.moving, self.initial_mm)[:dim, :dim],
        )

    def carry(self, state: Tensor, coarse: Level, fine: Level) -> Tensor:
        before = coarser_elements(self.elements, coarse.number)
        after = coarser_elements(self.elements, fine.number)
        return refine(state, before, after, self.fixed.shape)

    def regularisation(self, level: Level, bending: Tensor) -> Quadratic:
        elements = coarser_elements(self.elements, level.number)
        return Quadratic(bending_energy(self.fixed, elements), anchor(self.fixed, elements), bending)

    def displacement(self, state: Tensor, like: Tensor) -> Tensor:
        basis = bspline_basis(self.fixed.shape, tuple(self.elements), like.dtype, like.device)
        return followed_by_linear(basis.evaluate(state.to(like.dtype)), self.fixed, self.initial_mm)

    def matrix(self, state: Tensor) -> Tensor:  # noqa: ARG002
        return self.initial_mm


def followed_by_linear(deformed: Tensor, grid: Grid, linear_mm: Tensor) -> Tensor:
    """Displacement on a grid, in its voxels, of a displacement (dim, *spatial) and then a linear map."""
    identity = torch.eye(grid.dim + 1, dtype=torch.float64, device=linear_mm.device)
    if torch.equal(linear_mm, identity):
        return deformed
    dim, total = grid.dim, grid.index_map(grid, linear_mm)
    return torch.einsum("ab,b...->a...", total[:dim, :dim].to(deformed), deformed) + affine_positions(
        grid.shape, total - identity, deformed
    )
