"""Inversion of displacement fields."""

from __future__ import annotations

import torch
from torch import Tensor

from lmreg.blocks import block_points
from lmreg.elasticity import determinant
from lmreg.fields import affine_positions, grid_indices
from lmreg.grid import Grid
from lmreg.sampling import Interpolant, sample_jet

ITERATIONS = 30
TOLERANCE_VOXELS = 1e-3
LONGEST_STEP_VOXELS = 4.0
SMALLEST_VOLUME = 1e-4


def invert_displacement(displacement: Tensor, fixed: Grid, moving: Grid, matrix_mm: Tensor) -> Tensor:
    """Invert a displacement field by Newton's method with step halving, each voxel by itself.

    The fixed-point iteration that is common for this (Chen et al. 2008) converges only where the displacement changes
    by less than a voxel from one voxel to the next, which a deformation that stretches tissue does not keep to.

    Parameters
    ----------
    displacement : Tensor
        Shape (dim, *fixed shape), in voxels of the fixed grid.
    fixed, moving : Grid
        Where the displacement and its inverse live.
    matrix_mm : Tensor
        Linear part of the transform, from fixed to moving millimetres.

    Returns
    -------
    Tensor
        Shape (dim, *moving shape), in voxels of the moving grid. Where the displacement has no inverse, the place that
        it maps closest of those tried.
    """
    dim = fixed.dim
    identity = torch.eye(dim + 1, dtype=torch.float64, device=matrix_mm.device)
    # T(x) = L(x + v(x)) with a linear L, so that x + v(x) = L⁻¹y: what is iterated is free of the linear part.
    linear = torch.linalg.solve(fixed.affine, matrix_mm.detach() @ fixed.affine)
    total = displacement + grid_indices(fixed.shape, displacement)
    inverse_linear = torch.linalg.inv(linear)
    deformation = _apply(inverse_linear, total) - grid_indices(fixed.shape, displacement)
    field = Interpolant.from_image(deformation, "linear")
    goal = affine_positions(moving.shape, inverse_linear @ moving.index_map(fixed, identity), displacement)
    flat = goal.reshape(dim, -1)
    position = torch.cat(
        [_solve(field, part) for part in flat.split(block_points(flat.device), dim=1)], dim=1
    )
    there = _apply(fixed.index_map(moving, identity), position.reshape(goal.shape))
    return there - grid_indices(moving.shape, displacement)


def _solve(deformation: Interpolant, goal: Tensor) -> Tensor:
    """Positions x with x + v(x) = goal, shape (dim, points)."""
    solution = goal.clone()
    # Of the points that are still on their way: which they are, where they are, how far from the goal, and what to try.
    index = torch.arange(goal.shape[1], device=goal.device)
    position, step, miss = goal, torch.zeros_like(goal), torch.full_like(goal[0], torch.inf)
    for _ in range(ITERATIONS):
        trial = position + step
        value, slope = sample_jet(deformation, trial, derivatives=1)
        error = trial + value - goal
        trial_miss = error.square().sum(dim=0)
        better = trial_miss < miss
        position = torch.where(better, trial, position)
        miss = torch.where(better, trial_miss, miss)
        step = torch.where(better, _newton_step(slope, error), step / 2)
        solution[:, index] = position
        left = (miss > TOLERANCE_VOXELS**2).nonzero()[:, 0]
        if not len(left):
            break
        index, goal, position, step, miss = (
            index[left],
            goal[:, left],
            position[:, left],
            step[:, left],
            miss[left],
        )
    return solution


def _newton_step(slope: Tensor, error: Tensor) -> Tensor:
    """−(I + ∇v)⁻¹ error by Cramer's rule, shape (dim, points), shortened to the longest step."""
    dim = len(error)
    matrix = [[slope[a, b] + 1 if a == b else slope[a, b] for b in range(dim)] for a in range(dim)]
    volume = determinant(matrix)
    steps = [
        determinant([[error[a] if b == axis else matrix[a][b] for b in range(dim)] for a in range(dim)])
        for axis in range(dim)
    ]
    # Where voxels vanish or fold, the derivative leads nowhere.
    guided = volume > SMALLEST_VOLUME
    step = torch.where(guided, torch.stack(steps) / torch.where(guided, volume, 1.0), error)
    return step * -(LONGEST_STEP_VOXELS / step.norm(dim=0)).clamp_max(1.0)


def _apply(matrix: Tensor, positions: Tensor) -> Tensor:
    dim = positions.shape[0]
    linear, offset = matrix[:dim, :dim].to(positions), matrix[:dim, dim].to(positions)
    return torch.einsum("ab,b...->a...", linear, positions) + offset.reshape(dim, *(1,) * dim)
