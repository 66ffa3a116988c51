"""Cubic B-spline free-form deformation (Rueckert et al. 1999)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.separable import SeparableBasis, apply_along_axes
from lmreg.splines import basis_matrix, refinement_matrix
from lmreg.transform import LevelTransform


@lru_cache(maxsize=16)
def bspline_basis(
    shape: tuple[int, ...], elements: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> SeparableBasis:
    """Cubic B-splines over a whole grid, ``elements`` intervals along each axis; memoised with its index tables."""
    return SeparableBasis(
        tuple(basis_matrix(n, m).to(device, dtype) for n, m in zip(shape, elements, strict=True))
    )


def elements_from_spacing(grid: Grid, control_spacing_mm: Sequence[float]) -> tuple[int, ...]:
    """Intervals along each axis whose length is closest to the wanted control point spacing."""
    return tuple(
        max(1, round((samples - 1) * spacing / wanted))
        for samples, spacing, wanted in zip(grid.shape, grid.spacing_mm, control_spacing_mm, strict=True)
    )


def coarser_elements(elements: Sequence[int], level: int) -> tuple[int, ...]:
    """Intervals at a pyramid level: half as many per level, at least one."""
    return tuple(max(1, -(-count // 2**level)) for count in elements)


def refine(state: Tensor, coarse: Sequence[int], fine: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Carry control points of shape (dim, *control) over to a finer grid of control points."""
    if tuple(coarse) == tuple(fine):
        return state
    matrices = [
        refinement_matrix(old, new).to(state) if samples > 1 else torch.ones(1, 1).to(state)
        for old, new, samples in zip(coarse, fine, shape, strict=True)
    ]
    return apply_along_axes(state, matrices)


@dataclass(frozen=True, eq=False)
class BSplineLevel(LevelTransform):
    """Displacement by control points, added to a fixed starting map.

    The state holds the displacement of each control point, shape (dim, *control), in voxels of the full-resolution
    fixed grid.

    Attributes
    ----------
    basis : SeparableBasis
        B-splines on the grid of the fixed level.
    start : Tensor
        Positions for a state of zero, shape (dim, *spatial), in voxels of the moving level.
    jacobian : Tensor
        Shape (dim, dim), float64: voxels of the moving level per voxel of the full-resolution fixed grid.
    """

    basis: SeparableBasis
    start: Tensor
    jacobian: Tensor

    @property
    def unknowns(self) -> int:
        return self.jacobian.shape[0] * self.basis.size

    def positions(self, state: Tensor) -> Tensor:
        return self.basis.evaluate(self._to_moving(state)).add_(self.start)

    def push(self, state: Tensor, step: Tensor) -> Tensor:
        return self._to_moving(step.reshape(state.shape))

    def pull(self, state: Tensor, moments: Tensor) -> Tensor:  # noqa: ARG002
        return (self.jacobian.mT @ moments.double().reshape(moments.shape[0], -1)).reshape(-1)

    def congruence(self, state: Tensor, gram: Tensor) -> Tensor:  # noqa: ARG002
        dim, size = self.jacobian.shape[0], self.basis.size
        half = self.jacobian.mT @ gram.reshape(dim, -1)
        half = half.reshape(dim * size, dim, size).transpose(0, 1).reshape(dim, -1)
        whole = self.jacobian.mT @ half
        return whole.reshape(dim, dim * size, size).transpose(0, 1).reshape(dim * size, dim * size)

    def diagonal(self, state: Tensor, squares: Tensor) -> Tensor:  # noqa: ARG002
        squared = self.jacobian.square().mT
        return (squared @ squares.double().reshape(squares.shape[0], -1)).reshape(-1)

    def retract(self, state: Tensor, step: Tensor) -> Tensor:
        return state + step.reshape(state.shape)

    def pull_state(self, state: Tensor, cotangent: Tensor) -> Tensor:  # noqa: ARG002
        return cotangent.double().reshape(-1)

    def _to_moving(self, coefficients: Tensor) -> Tensor:
        moved = self.jacobian @ coefficients.reshape(coefficients.shape[0], -1)
        return moved.reshape(coefficients.shape).to(self.start.dtype)
