"""Dense displacement fields."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


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
