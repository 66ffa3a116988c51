"""The levels of the pyramid, the descent through them, and the gradient back to both images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adapters.adam_affine.descent import Descent, Schedule, descend
from adapters.adam_affine.maps import LinearMap
from adapters.adam_affine.objective import Level, Objective
from adapters.adam_affine.unrolling import Unrolling, backpropagate
from lmreg.grid import Grid
from lmreg.pyramid import downsample, level_grid, level_spacing_mm
from lmreg.sampling import Interpolant, Interpolation, sample
from lmreg.start import start_matrix


@dataclass(frozen=True, eq=False)
class Images:
    """Both images in physical space.

    Attributes
    ----------
    fixed, moving : Tensor
        Shape (1, *spatial) each, of one dtype and device.
    fixed_grid, moving_grid : Grid
        Where their samples lie.
    """

    fixed: Tensor
    moving: Tensor
    fixed_grid: Grid
    moving_grid: Grid

    def level(self, number: int, interpolation: Interpolation) -> Level:
        """Both images at a resolution, 0 the full one; differentiable in the images. Coarse ones are linear."""
        spacing_mm = level_spacing_mm(self.fixed_grid, self.moving_grid, number)
        grids = [level_grid(grid, spacing_mm, number) for grid in (self.fixed_grid, self.moving_grid)]
        fixed, moving = (
            downsample(image, grid.shape)
            for image, grid in zip((self.fixed, self.moving), grids, strict=True)
        )
        interpolant = Interpolant.from_image(moving, interpolation if number == 0 else "linear")
        return Level(fixed, interpolant.coefficients, interpolant.stencil, *grids)


@dataclass(frozen=True, eq=False)
class Solution:
    """Where the solve ended, and how it came there.

    Attributes
    ----------
    images : Images
        What was registered.
    interpolation : "linear" or "cubic"
        Of the moving image at full resolution.
    descents : tuple of Descent
        Coarse to fine.
    """

    images: Images
    interpolation: Interpolation
    descents: tuple[Descent, ...]

    @property
    def parameters(self) -> Tensor:
        """The answer, shape (unknowns,), float64."""
        return self.descents[-1].parameters

    @property
    def matrix(self) -> Tensor:
        """The answer as a homogeneous matrix from fixed to moving millimetres."""
        return self.descents[-1].objective.linear_map.matrix(self.parameters)

    def warped(self, moving: Tensor, parameters: Tensor) -> Tensor:
        """A moving image on the fixed grid, shape (1, *fixed shape); differentiable in both arguments."""
        objective = self.descents[-1].objective
        positions = objective.positions(objective.index_map(parameters))
        return sample(Interpolant.from_image(moving, self.interpolation), positions)

    def squared_error(self, fixed: Tensor, moving: Tensor, parameters: Tensor) -> Tensor:
        """Mean squared difference of the fixed and the warped image, summed in double precision."""
        return (self.warped(moving, parameters).double() - fixed.double()).square().mean()


@dataclass(frozen=True, eq=False)
class ErrorGradient:
    """Gradient of the mean squared error.

    Attributes
    ----------
    fixed, moving : Tensor
        Shape of the images; through the solve.
    parameters : Tensor
        Shape (unknowns,); at the solution, the images held fixed.
    """

    fixed: Tensor
    moving: Tensor
    parameters: Tensor


def starting_parameters(images: Images, linear_map: LinearMap) -> Tensor:
    """The identity, or the translation that brings the centres of mass together where images correlate better so."""
    grid = images.fixed_grid
    start = start_matrix(grid, images.moving_grid, images.fixed, images.moving, initial=None, centre=True)
    parameters = linear_map.identity()
    parameters[: grid.dim] = start[: grid.dim, grid.dim] / linear_map.scale_mm
    return parameters


def solve(
    images: Images,
    linear_map: LinearMap,
    start: Tensor,
    l2: float,
    schedules: Sequence[Schedule],
    interpolation: Interpolation,
) -> Solution:
    """Register two images, coarse to fine.

    Parameters
    ----------
    images : Images
        What to register.
    linear_map : LinearMap
        What the moving image may do.
    start : Tensor
        Parameters to begin with, shape (unknowns,), float64.
    l2 : float
        Weight of the squared parameters other than the translation.
    schedules : sequence of Schedule
        One per level, coarse to fine; the last is full resolution.
    interpolation : "linear" or "cubic"
        Of the moving image at full resolution.

    Returns
    -------
    Solution
    """
    parameters = start
    descents: list[Descent] = []
    for number, schedule in zip(reversed(range(len(schedules))), schedules, strict=True):
        with torch.no_grad():
            level = images.level(number, interpolation)
        descents.append(descend(Objective(level, linear_map, l2), parameters, schedule))
        parameters = descents[-1].parameters
    return Solution(images, interpolation, tuple(descents))


def error_gradient(solution: Solution, unrolling: Unrolling, last_steps: int | None) -> ErrorGradient:
    """Differentiate the mean squared error through the solve; the start is held fixed.

    Parameters
    ----------
    solution : Solution
        Of :func:`solve`.
    unrolling, last_steps
        See :func:`adapters.adam_affine.unrolling.backpropagate`.

    Returns
    -------
    ErrorGradient
    """
    images = solution.images
    fixed, moving = (image.detach().requires_grad_() for image in (images.fixed, images.moving))
    parameters = solution.parameters.detach().requires_grad_()
    error = solution.squared_error(fixed, moving, parameters)
    by_fixed, by_moving, by_parameters = torch.autograd.grad(error, [fixed, moving, parameters])
    cotangents = backpropagate(solution.descents, by_parameters, unrolling, last_steps)
    tracked = Images(fixed, moving, images.fixed_grid, images.moving_grid)
    for number, cotangent in zip(reversed(range(len(cotangents))), cotangents, strict=True):
        with torch.enable_grad():
            level = tracked.level(number, solution.interpolation)
        through = torch.autograd.grad(
            [level.fixed, level.coefficients], [fixed, moving], [cotangent.fixed, cotangent.coefficients]
        )
        by_fixed, by_moving = by_fixed + through[0], by_moving + through[1]
    return ErrorGradient(by_fixed, by_moving, by_parameters)
