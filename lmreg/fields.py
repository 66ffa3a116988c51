"""Dense displacement fields."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.sampling import Interpolant, sample

INVERSION_ITERATIONS = 40
INVERSION_TOLERANCE_VOXELS = 1e-3


def affine_positions(shape: tuple[int, ...], index_map: Tensor, like: Tensor) -> Tensor:
    """Image of every grid index under a homogeneous index map.

    Parameters
    ----------
    shape : tuple of int
        Grid size.
    index_map : Tensor
        Shape (dim + 1, dim + 1), float64; may be part of a graph.
    like : Tensor
        Gives dtype and device.

    Returns
    -------
    Tensor
        Shape (dim, *shape).
    """
    offset, *shares = affine_shares(shape, index_map, like)
    return sum(shares, start=offset)


def affine_shares(shape: tuple[int, ...], index_map: Tensor, like: Tensor) -> tuple[Tensor, ...]:
    """What :func:`affine_positions` is the sum of: the offset, and for each axis what follows the index along it.

    Returns
    -------
    tuple of Tensor
        Shapes that broadcast to (dim, *shape): one number per component, then ``dim`` times a row along one axis.
    """
    dim = len(shape)
    shares = [index_map[:dim, dim].to(like).reshape(dim, *(1,) * dim)]
    for axis, samples in enumerate(shape):
        index = torch.arange(samples, dtype=like.dtype, device=like.device)
        column = index_map[:dim, axis].to(like)
        shares.append(
            (column[:, None] * index).reshape(dim, *(samples if a == axis else 1 for a in range(dim)))
        )
    return tuple(shares)


def grid_indices(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Index of every voxel, shape (dim, *shape)."""
    axes = [torch.arange(samples, dtype=like.dtype, device=like.device) for samples in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def per_component(values: Sequence[float], like: Tensor) -> Tensor:
    """One number per component, shaped so that it multiplies fields of the shape of ``like``, (dim, *spatial)."""
    return like.new_tensor(values).reshape(-1, *(1,) * (like.ndim - 1))


def invert_displacement(displacement: Tensor, fixed: Grid, moving: Grid, matrix_mm: Tensor) -> Tensor:
    """Invert a displacement field by fixed-point iteration (Chen et al. 2008).

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
        Shape (dim, *moving shape), in voxels of the moving grid.
    """
    dim = fixed.dim
    identity = torch.eye(dim + 1, dtype=torch.float64, device=matrix_mm.device)
    # T(x) = L(x + v(x)) with a linear L, so that x = L⁻¹y − v(x) contracts however large the linear part is.
    linear = torch.linalg.solve(fixed.affine, matrix_mm.detach() @ fixed.affine)
    total = displacement + grid_indices(fixed.shape, displacement)
    inverse_linear = torch.linalg.inv(linear)
    residual = _apply(inverse_linear, total) - grid_indices(fixed.shape, displacement)
    start = affine_positions(moving.shape, inverse_linear @ moving.index_map(fixed, identity), displacement)
    field = Interpolant.from_image(residual, "linear")
    position = start
    for _ in range(INVERSION_ITERATIONS):
        updated = start - sample(field, position)
        change = float((updated - position).abs().max())
        position = updated
        if change < INVERSION_TOLERANCE_VOXELS:
            break
    return _apply(fixed.index_map(moving, identity), position) - grid_indices(moving.shape, displacement)


def _apply(matrix: Tensor, positions: Tensor) -> Tensor:
    dim = positions.shape[0]
    linear, offset = matrix[:dim, :dim].to(positions), matrix[:dim, dim].to(positions)
    return torch.einsum("ab,b...->a...", linear, positions) + offset.reshape(dim, *(1,) * dim)
