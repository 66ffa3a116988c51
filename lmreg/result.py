"""What a registration returns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.inversion import invert_displacement
from lmreg.levenberg_marquardt import Status


@dataclass(frozen=True, eq=False)
class Result:
    """Registration of a batch of pairs.

    Attributes
    ----------
    warped : Tensor
        Moving image on the fixed grid, shape (N, 1, *fixed spatial). Part of the graph.
    parameters : Tensor
        Parameters of the last model, float64. Linear models: ``matrix``. ``bspline``: control point displacements,
        shape (N, dim, *control), in voxels of the fixed grid. Part of the graph.
    displacement : Tensor
        Shape (N, dim, *fixed spatial), components in axis order, in voxels of the fixed grid: the voxel x of the
        fixed image shows what lies at ``x + displacement(x)``, a place given in fixed voxels too. Part of the graph.
    matrix : Tensor
        Shape (N, dim + 1, dim + 1), float64: the linear part, from fixed to moving millimetres. For a deformable
        last model it is applied after the deformation. Part of the graph where the last model is linear.
    trace : tuple of tuple of tuple of float
        For each pair, for each level from coarse to fine (all models in turn), the cost at the start and after each
        accepted step. ``bspline`` with more than 600 unknowns has full resolution twice: on the linear interpolant
        first.
    status : tuple of Status
        How the last level of each pair ended.
    fixed_grid, moving_grid : Grid
        Grids of the two images.
    """

    warped: Tensor
    parameters: Tensor
    displacement: Tensor
    matrix: Tensor
    trace: tuple[tuple[tuple[float, ...], ...], ...]
    status: tuple[Status, ...]
    fixed_grid: Grid
    moving_grid: Grid

    @property
    def displacement_mm(self) -> Tensor:
        """Displacement in physical space, shape (N, dim, *fixed spatial), components as in the affines' rows."""
        dim = self.fixed_grid.dim
        linear = self.fixed_grid.affine[:dim, :dim].to(self.displacement)
        return torch.einsum("ab,nb...->na...", linear, self.displacement)

    @property
    def inverse_displacement_mm(self) -> Tensor:
        """Inverse displacement in physical space, shape (N, dim, *moving spatial)."""
        dim = self.moving_grid.dim
        linear = self.moving_grid.affine[:dim, :dim].to(self.displacement)
        return torch.einsum("ab,nb...->na...", linear, self.inverse_displacement)

    @cached_property
    def inverse_displacement(self) -> Tensor:
        """Displacement of the inverse on the moving grid, shape (N, dim, *moving spatial), without a graph.

        In voxels of the moving grid: the voxel y of the moving image comes to lie at ``y + inverse_displacement(y)``,
        a place given in moving voxels too. Where the inverse leaves the fixed image, the deformation at its
        edge continues.
        """
        with torch.no_grad():
            fields = [
                invert_displacement(field, self.fixed_grid, self.moving_grid, matrix)
                for field, matrix in zip(self.displacement, self.matrix, strict=True)
            ]
        return torch.stack(fields)
