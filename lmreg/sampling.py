"""Sampling an image at arbitrary positions: value, gradient and Hessian from the same taps.

Positions are processed in blocks, on a processor of what fits its cache, each tap of the stencil being one gather
from a shifted view of the flattened image. Beyond the image its edge value continues.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from lmreg.blocks import block_points
from lmreg.separable import apply_along_axes, symmetric_pairs
from lmreg.splines import cubic_weights, interpolation_matrix

Interpolation = Literal["linear", "cubic"]
Orders = tuple[int, ...]


@dataclass(frozen=True)
class Stencil:
    """Where the taps of an interpolation kernel lie in the flattened, padded coefficients.

    Attributes
    ----------
    interpolation : "linear" or "cubic"
        Multilinear, or cubic B-spline: twice continuously differentiable.
    shape : tuple of int
        Samples of the image along each axis.
    """

    interpolation: Interpolation
    shape: tuple[int, ...]

    @property
    def taps(self) -> int:
        """Taps along each axis."""
        return 4 if self.interpolation == "cubic" else 2

    @cached_property
    def padded_shape(self) -> tuple[int, ...]:
        """Coefficients along each axis: enough for the taps of the last base position."""
        return tuple(max(samples - 1, 1) + self.taps - 1 for samples in self.shape)

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """Distance in the flattened coefficients between neighbours along each axis."""
        return tuple(math.prod(self.padded_shape[axis + 1 :]) for axis in range(len(self.shape)))

    @cached_property
    def span(self) -> int:
        """Number of base positions: what remains of the coefficients behind the largest tap offset."""
        return math.prod(self.padded_shape) - (self.taps - 1) * sum(self.strides)

    def weights(self, t: Tensor, derivatives: int) -> tuple[tuple[Tensor, ...], ...]:
        """Weight of each tap, and its derivatives, at positions ``t`` in [0, 1] within the cell."""
        if self.interpolation == "cubic":
            return cubic_weights(t, derivatives)
        one = torch.ones_like(t)
        zero = torch.zeros_like(t)
        return ((1 - t, t), (-one, one), (zero, zero))[: derivatives + 1]


@dataclass(frozen=True, eq=False)
class Interpolant:
    """An image prepared for sampling.

    Attributes
    ----------
    stencil : Stencil
        The kernel and the layout of the coefficients.
    coefficients : Tensor
        Shape (channels, padded samples): flattened, padded coefficients.
    """

    stencil: Stencil
    coefficients: Tensor

    @classmethod
    def from_image(cls, image: Tensor, interpolation: Interpolation) -> Interpolant:
        """Prepare an image of shape (channels, *spatial); differentiable in the image."""
        shape = tuple(image.shape[1:])
        stencil = Stencil(interpolation, shape)
        if interpolation == "cubic":
            image = apply_along_axes(image, [interpolation_matrix(n).to(image) for n in shape])
        else:
            for axis, samples in enumerate(shape, start=1):
                if samples == 1:
                    image = torch.cat([image, image], dim=axis)
        return cls(stencil, image.reshape(image.shape[0], -1))


def sample(interpolant: Interpolant, positions: Tensor) -> Tensor:
    """Values at positions.

    Parameters
    ----------
    interpolant : Interpolant
        The image.
    positions : Tensor
        Shape (dim, *points), in voxels of the image.

    Returns
    -------
    Tensor
        Shape (channels, *points); differentiable in the coefficients and the positions.
    """
    values: Tensor = _Values.apply(interpolant.coefficients, positions, interpolant.stencil)  # type: ignore[no-untyped-call]
    return values


def sample_with_gradient(interpolant: Interpolant, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Values and their gradients at positions, both differentiable once in coefficients and positions.

    Returns
    -------
    values : Tensor
        Shape (channels, *points).
    gradients : Tensor
        Shape (channels, dim, *points), per voxel of the image.
    """
    values, gradients = _Sample.apply(interpolant.coefficients, positions, interpolant.stencil)  # type: ignore[no-untyped-call]
    return values, gradients


def sample_jet(interpolant: Interpolant, positions: Tensor, derivatives: int) -> tuple[Tensor, ...]:
    """Values, gradients and Hessians at positions, without a graph.

    Parameters
    ----------
    interpolant : Interpolant
        The image.
    positions : Tensor
        Shape (dim, *points), in voxels of the image.
    derivatives : int
        Highest derivative wanted: 0, 1 or 2.

    Returns
    -------
    tuple of Tensor
        Values (channels, *points); gradients (channels, dim, *points); Hessians (channels, pairs, *points), the
        pairs of axes in the order of :func:`lmreg.separable.symmetric_pairs`.
    """
    stencil, dim = interpolant.stencil, positions.shape[0]
    points = tuple(positions.shape[1:])
    flat = positions.detach().reshape(dim, -1)
    coefficients = interpolant.coefficients.detach()
    channels = coefficients.shape[0]
    orders = _orders(dim, derivatives)
    output = flat.new_empty(len(orders), channels, flat.shape[1])
    with torch.no_grad():
        for block in _blocks(flat):
            cell = _Cell.locate(stencil, flat[:, block], derivatives)
            for channel in range(channels):
                rows = {order: output[row, channel, block] for row, order in enumerate(orders)}
                cell.gather(coefficients[channel], rows)
    split = [1, dim, dim * (dim + 1) // 2][: derivatives + 1]
    parts = [part.transpose(0, 1) for part in output.split(split)]
    shaped = [part.reshape(*part.shape[:2], *points) for part in parts]
    return (shaped[0][:, 0], *shaped[1:])


def _blocks(positions: Tensor) -> Iterator[slice]:
    """Parts of positions of shape (dim, points) that are sampled together."""
    points, block = positions.shape[1], block_points(positions.device)
    for start in range(0, points, block):
        yield slice(start, min(start + block, points))


def _orders(dim: int, derivatives: int) -> list[Orders]:
    """Multi-indices of derivatives: the value, each first derivative, each pair of second ones."""
    unit = [tuple(int(a == axis) for a in range(dim)) for axis in range(dim)]
    second = [tuple(x + y for x, y in zip(unit[a], unit[b], strict=True)) for a, b in symmetric_pairs(dim)]
    return [(0,) * dim, *(unit if derivatives >= 1 else []), *(second if derivatives >= 2 else [])]


@dataclass(frozen=True, eq=False)
class _Cell:
    """The interpolation cells that hold a block of positions."""

    stencil: Stencil
    base: Tensor
    weights: tuple[tuple[tuple[Tensor, ...], ...], ...]
    inside: tuple[Tensor, ...]
    derivatives: int

    @classmethod
    def locate(cls, stencil: Stencil, positions: Tensor, derivatives: int) -> _Cell:
        base: Tensor | None = None
        weights, inside = [], []
        for axis, samples in enumerate(stencil.shape):
            clamped = positions[axis].clamp(0, samples - 1)
            if derivatives:
                inside.append((clamped == positions[axis]).to(clamped.dtype))
            floor = clamped.floor().clamp_(max=max(samples - 2, 0))
            weights.append(stencil.weights(clamped.sub_(floor), derivatives))
            offset = floor.to(torch.int32)
            if stencil.strides[axis] != 1:
                offset.mul_(stencil.strides[axis])
            base = offset if base is None else base.add_(offset)
        assert base is not None
        return cls(stencil, base, tuple(weights), tuple(inside), derivatives)

    def gather(self, coefficients: Tensor, rows: dict[Orders, Tensor]) -> None:
        """Write interpolated derivatives of the orders that ``rows`` names into its tensors."""
        self._gather(coefficients, axis=0, offset=0, sums=rows, fresh=set(rows))
        for orders, row in rows.items():
            # Beyond the edge the image is constant: no slope there.
            for axis, order in enumerate(orders):
                if order:
                    row.mul_(self.inside[axis])

    def _gather(
        self, coefficients: Tensor, axis: int, offset: int, sums: dict[Orders, Tensor], fresh: set[Orders]
    ) -> None:
        """Add the taps of the axes from ``axis`` on to ``sums``; those in ``fresh`` hold nothing yet."""
        stencil = self.stencil
        last = axis + 1 == len(stencil.shape)
        for tap in range(stencil.taps):
            shift = offset + tap * stencil.strides[axis]
            inner: dict[Orders, Tensor] = {}
            if last:
                inner[()] = coefficients[shift : shift + stencil.span].index_select(0, self.base)
            else:
                self._gather(coefficients, axis + 1, shift, inner, set())
            for orders, values in inner.items():
                for order in range(self.derivatives + 1 - sum(orders)):
                    key, weight = (order, *orders), self.weights[axis][order][tap]
                    if key in fresh:
                        fresh.discard(key)
                        torch.mul(weight, values, out=sums[key])
                    elif key in sums:
                        sums[key].addcmul_(weight, values)
                    else:
                        sums[key] = weight * values

    def scatter(self, cotangents: dict[Orders, Tensor], target: Tensor) -> None:
        """Adjoint of :meth:`gather`: add cotangents of the given orders to the coefficients."""
        inside = {
            orders: values * self.inside[orders.index(1)] if any(orders) else values
            for orders, values in cotangents.items()
        }
        self._scatter(inside, target, axis=0, offset=0)

    def _scatter(self, cotangents: dict[Orders, Tensor], target: Tensor, axis: int, offset: int) -> None:
        stencil = self.stencil
        if axis == len(stencil.shape):
            target[offset : offset + stencil.span].index_add_(0, self.base, cotangents[()])
            return
        for tap in range(stencil.taps):
            inner: dict[Orders, Tensor] = {}
            for orders, values in cotangents.items():
                key, weight = orders[1:], self.weights[axis][orders[0]][tap]
                inner[key] = inner[key].addcmul_(weight, values) if key in inner else weight * values
            self._scatter(inner, target, axis + 1, offset + tap * stencil.strides[axis])


class _Values(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coefficients: Tensor, positions: Tensor, stencil: Stencil) -> Tensor:
        ctx.save_for_backward(coefficients, positions)
        ctx.stencil = stencil
        return sample_jet(Interpolant(stencil, coefficients), positions, derivatives=0)[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, values: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        coefficients, positions = ctx.saved_tensors
        interpolant = Interpolant(ctx.stencil, coefficients)
        by_coefficients = by_positions = None
        if ctx.needs_input_grad[0]:
            by_coefficients = _scatter(interpolant, positions, values, None)
        if ctx.needs_input_grad[1]:
            slope = sample_jet(interpolant, positions, derivatives=1)[1]
            by_positions = (values[:, None] * slope).sum(0)
        return by_coefficients, by_positions, None


class _Sample(torch.autograd.Function):
    """Values and gradients; the backward pass needs second derivatives of the interpolant and nothing else."""

    @staticmethod
    def forward(ctx: Any, coefficients: Tensor, positions: Tensor, stencil: Stencil) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(coefficients, positions)
        ctx.stencil = stencil
        values, gradients = sample_jet(Interpolant(stencil, coefficients), positions, derivatives=1)
        return values, gradients

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, values: Tensor, gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        coefficients, positions = ctx.saved_tensors
        interpolant = Interpolant(ctx.stencil, coefficients)
        by_coefficients = by_positions = None
        if ctx.needs_input_grad[0]:
            by_coefficients = _scatter(interpolant, positions, values, gradients)
        if ctx.needs_input_grad[1]:
            _, slope, curvature = sample_jet(interpolant, positions, derivatives=2)
            by_positions = (values[:, None] * slope).sum(0)
            for number, (a, b) in enumerate(symmetric_pairs(positions.shape[0])):
                by_positions[a] += (gradients[:, b] * curvature[:, number]).sum(0)
                if a != b:
                    by_positions[b] += (gradients[:, a] * curvature[:, number]).sum(0)
        return by_coefficients, by_positions, None


def _scatter(interpolant: Interpolant, positions: Tensor, values: Tensor, gradients: Tensor | None) -> Tensor:
    """Cotangents of the values, and of the gradients if there are any, as one of the coefficients."""
    dim = positions.shape[0]
    flat = positions.reshape(dim, -1)
    derivatives = 0 if gradients is None else 1
    rows = values[:, None] if gradients is None else torch.cat([values[:, None], gradients], dim=1)
    rows = rows.reshape(*rows.shape[:2], -1)
    target = torch.zeros_like(interpolant.coefficients)
    orders = _orders(dim, derivatives)
    for block in _blocks(flat):
        cell = _Cell.locate(interpolant.stencil, flat[:, block], derivatives)
        for channel, parts in enumerate(rows):
            cell.scatter(dict(zip(orders, parts[:, block], strict=True)), target[channel])
    return target
