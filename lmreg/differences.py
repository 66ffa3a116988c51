"""One-sided differences along an axis, zero where the neighbour is missing, and their adjoints."""

from __future__ import annotations

import torch
from torch import Tensor


def forward_difference(field: Tensor, axis: int) -> Tensor:
    """Next sample minus each sample; zero at the last sample."""
    return torch.cat([field.diff(dim=axis), torch.zeros_like(field.narrow(axis, 0, 1))], dim=axis)


def backward_difference(field: Tensor, axis: int) -> Tensor:
    """Each sample minus the one before; zero at the first sample."""
    return torch.cat([torch.zeros_like(field.narrow(axis, 0, 1)), field.diff(dim=axis)], dim=axis)


def forward_adjoint(field: Tensor, axis: int) -> Tensor:
    """Adjoint of :func:`forward_difference`."""
    return _difference_adjoint(field.narrow(axis, 0, field.shape[axis] - 1), axis)


def backward_adjoint(field: Tensor, axis: int) -> Tensor:
    """Adjoint of :func:`backward_difference`."""
    return _difference_adjoint(field.narrow(axis, 1, field.shape[axis] - 1), axis)


def central_gradient(image: Tensor) -> Tensor:
    """Central differences of images, one-sided at the ends, without a graph.

    Parameters
    ----------
    image : Tensor
        Shape (channels, *spatial).

    Returns
    -------
    Tensor
        Shape (channels, dim, *spatial), per sample.
    """
    channels, *spatial = image.shape
    gradient = image.new_empty(channels, len(spatial), *spatial)
    for axis, samples in enumerate(spatial):
        row, source = gradient[:, axis], axis + 1
        if samples == 1:
            row.zero_()
            continue
        inner = row.narrow(source, 1, samples - 2)
        torch.sub(image.narrow(source, 2, samples - 2), image.narrow(source, 0, samples - 2), out=inner)
        inner.mul_(0.5)
        for end, inside in ((0, 0), (samples - 1, samples - 2)):
            torch.sub(
                image.narrow(source, inside + 1, 1),
                image.narrow(source, inside, 1),
                out=row.narrow(source, end, 1),
            )
    return gradient


def _difference_adjoint(edges: Tensor, axis: int) -> Tensor:
    shape = list(edges.shape)
    shape[axis] = 1
    zero = edges.new_zeros(shape)
    return torch.cat([zero, edges], dim=axis).sub_(torch.cat([edges, zero], dim=axis))
