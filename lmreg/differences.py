"""Differences between neighbouring samples: where they belong, and central ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def leading(field: Tensor, axis: int) -> Tensor:
    """The samples that have a next one along an axis: where the difference to it belongs, seen forward."""
    return field.narrow(axis, 0, field.shape[axis] - 1)


def trailing(field: Tensor, axis: int) -> Tensor:
    """The samples that have one before them: where the same difference belongs, seen backward."""
    return field.narrow(axis, 1, field.shape[axis] - 1)


def central_gradient(image: Tensor) -> Tensor:
    """Central differences of images, one-sided at the ends; differentiable.

    Parameters
    ----------
    image : Tensor
        Shape (channels, *spatial).

    Returns
    -------
    Tensor
        Shape (channels, dim, *spatial), per sample.
    """
    gradient: Tensor = _CentralGradient.apply(image)  # type: ignore[no-untyped-call]
    return gradient


def central_gradient_of_rows(image: Tensor, rows: slice) -> Tensor:
    """:func:`central_gradient` on a range of rows along the first axis, shape (channels, dim, rows, ...)."""
    wider, inside = with_neighbours(rows, image.shape[1])
    return central_gradient(image[:, wider])[:, :, inside]


def with_neighbours(rows: slice, samples: int) -> tuple[slice, slice]:
    """A range of rows together with the rows next to it, and where it lies within them."""
    start, stop = max(rows.start - 1, 0), min(rows.stop + 1, samples)
    return slice(start, stop), slice(rows.start - start, rows.stop - start)


class _CentralGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:  # noqa: ARG004
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
            for end, inside in _ends(samples):
                torch.sub(
                    image.narrow(source, inside + 1, 1),
                    image.narrow(source, inside, 1),
                    out=row.narrow(source, end, 1),
                )
        return gradient

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        total = torch.zeros_like(gradient[:, 0])
        for axis, samples in enumerate(total.shape[1:]):
            if samples == 1:
                continue
            row, target = gradient[:, axis], axis + 1
            inner = row.narrow(target, 1, samples - 2)
            total.narrow(target, 2, samples - 2).add_(inner, alpha=0.5)
            total.narrow(target, 0, samples - 2).sub_(inner, alpha=0.5)
            for end, inside in _ends(samples):
                total.narrow(target, inside + 1, 1).add_(row.narrow(target, end, 1))
                total.narrow(target, inside, 1).sub_(row.narrow(target, end, 1))
        return total


def _ends(samples: int) -> tuple[tuple[int, int], ...]:
    """The first and the last sample, and the sample where the difference that stands for each begins."""
    return (0, 0), (samples - 1, samples - 2)
