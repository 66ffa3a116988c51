"""One minus the correlation of two images under a linear map, with its gradient in closed form.

PyTorch cannot differentiate twice through its samplers. Here the slope of the image is a value of its own beside
the intensity, each differentiable once, so that a gradient step, which uses both, can be backpropagated through.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from adapters.adam_affine.maps import LinearMap
from lmreg.fields import affine_positions
from lmreg.grid import Grid
from lmreg.sampling import Interpolant, Stencil, sample_jet, sample_with_gradient

SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Level:
    """Both images at one resolution.

    Attributes
    ----------
    fixed : Tensor
        Shape (1, *fixed shape).
    coefficients : Tensor
        Shape (1, padded samples): those of the moving image's interpolant.
    stencil : Stencil
        How these are laid out.
    fixed_grid, moving_grid : Grid
        Where the samples lie.
    """

    fixed: Tensor
    coefficients: Tensor
    stencil: Stencil
    fixed_grid: Grid
    moving_grid: Grid


@dataclass(frozen=True, eq=False)
class Objective:
    """1 − NCC + λ·‖parameters without the translation‖² at one level.

    Attributes
    ----------
    level : Level
        The images.
    linear_map : LinearMap
        What the parameters mean.
    l2 : float
        λ, dimensionless as the parameters are.
    """

    level: Level
    linear_map: LinearMap
    l2: float

    def positions(self, index_map: Tensor) -> Tensor:
        """Where the samples of the fixed image lie in the moving one, shape (dim, *fixed shape), voxels."""
        return affine_positions(self.level.fixed_grid.shape, index_map, self.level.fixed)

    def index_map(self, parameters: Tensor) -> Tensor:
        """Homogeneous map from fixed to moving indices, float64."""
        matrix = self.linear_map.matrix(parameters)
        return self.level.fixed_grid.index_map(self.level.moving_grid, matrix)

    def cost_and_gradient(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Cost and its gradient over the parameters.

        Parameters
        ----------
        parameters : Tensor
            Shape (unknowns,), float64.

        Returns
        -------
        cost : Tensor
            Scalar.
        gradient : Tensor
            Shape (unknowns,), float64; where gradients are enabled both can be differentiated once by the
            parameters, the fixed image and the moving image's coefficients.
        """
        tracked = torch.is_grad_enabled()
        with torch.enable_grad():
            at = parameters if parameters.requires_grad else parameters.detach().requires_grad_()
            index_map = self.index_map(at)
            rows = index_map[: self.linear_map.dim]
        positions = self.positions(index_map)
        moving = Interpolant(self.level.stencil, self.level.coefficients)
        warped, slope = (
            sample_with_gradient(moving, positions) if tracked else sample_jet(moving, positions, 1)
        )
        mismatch, force = _mismatch(self.level.fixed, warped)
        by_index_map = _contract(force * slope[0])
        (gradient,) = torch.autograd.grad(rows, at, by_index_map, create_graph=tracked)
        deformation = self.linear_map.deformation(at if tracked else parameters)
        pull = torch.cat([torch.zeros_like(gradient[: self.linear_map.dim]), 2 * self.l2 * deformation])
        return mismatch + self.l2 * deformation.square().sum(), gradient + pull


def _mismatch(fixed: Tensor, warped: Tensor) -> tuple[Tensor, Tensor]:
    """One minus the correlation, and its derivative by every sample of the warped image."""
    standard_fixed, _ = _standardised(fixed)
    standard_warped, deviation = _standardised(warped)
    correlation = (standard_fixed * standard_warped).mean()
    force = (correlation * standard_warped - standard_fixed) / (deviation * warped.numel())
    return 1 - correlation, force


def _standardised(image: Tensor) -> tuple[Tensor, Tensor]:
    centred = image - image.mean()
    deviation = (centred.square().mean() + SMALLEST_VARIANCE).sqrt()
    return centred / deviation, deviation


def _contract(force: Tensor) -> Tensor:
    """Derivative by an index map of what has this derivative by the positions.

    Parameters
    ----------
    force : Tensor
        Shape (dim, *shape).

    Returns
    -------
    Tensor
        Shape (dim, dim + 1), float64.
    """
    dim = force.shape[0]
    columns = []
    for axis in range(1, dim + 1):
        others = [other for other in range(1, dim + 1) if other != axis]
        profile = force.sum(others, dtype=torch.float64)
        index = torch.arange(profile.shape[1], dtype=torch.float64, device=force.device)
        columns.append(profile @ index)
    columns.append(profile.sum(1))
    return torch.stack(columns, dim=1)
