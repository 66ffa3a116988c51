"""Nodes that carry a displacement field, evenly spread over an image grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from lmreg.separable import SeparableBasis, apply_along_axes
from lmreg.splines import basis_matrix, interpolation_matrix

NEGLIGIBLE = 1e-7


@dataclass(frozen=True)
class NodeGrid:
    """Nodes on a grid of samples; the first and the last node of an axis lie on its first and last sample.

    Attributes
    ----------
    samples : tuple of int
        Size of the image grid.
    elements : tuple of int
        Intervals between nodes along each axis.
    dtype : torch.dtype
        Of the matrices.
    device : torch.device
        Where they live.
    """

    samples: tuple[int, ...]
    elements: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def spread(cls, samples: tuple[int, ...], spacing: tuple[float, ...], like: Tensor) -> NodeGrid:
        """Nodes at most ``spacing`` samples apart."""
        elements = tuple(max(1, -int(-(n - 1) // h)) for n, h in zip(samples, spacing, strict=True))
        return cls(samples, elements, like.dtype, like.device)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of nodes along each axis."""
        return tuple(m + 1 if n > 1 else 1 for n, m in zip(self.samples, self.elements, strict=True))

    @property
    def spacing(self) -> tuple[float, ...]:
        """Samples from node to node along each axis."""
        return tuple((n - 1) / m if n > 1 else 1.0 for n, m in zip(self.samples, self.elements, strict=True))

    @cached_property
    def interpolating(self) -> SeparableBasis:
        """Cubic splines on the samples that are one at a node and zero at the others."""
        return self._basis([cardinal_matrix(*axis) for axis in self._axes()])

    @cached_property
    def smooth(self) -> SeparableBasis:
        """Cubic B-splines on the samples, one around each node, mirrored at the ends."""
        return self._basis([bump_matrix(*axis) for axis in self._axes()])

    @cached_property
    def smooth_at_nodes(self) -> SeparableBasis:
        """The same B-splines on the nodes."""
        return self._basis([bump_matrix(k, m) for k, (_, m) in zip(self.shape, self._axes(), strict=True)])

    def carried_from(self, coarse: NodeGrid, values: Tensor) -> Tensor:
        """Displacement at these nodes and in these samples, from that of a coarser level of the same extent."""
        matrices = [
            cardinal_matrix(k, m).to(values) for k, m in zip(self.shape, coarse.elements, strict=True)
        ]
        scale = [
            (new - 1) / (old - 1) if old > 1 else 1.0
            for new, old in zip(self.samples, coarse.samples, strict=True)
        ]
        factors = torch.tensor(scale, dtype=values.dtype, device=values.device)
        return apply_along_axes(values, matrices) * factors.reshape(-1, *(1,) * len(scale))

    def _axes(self) -> list[tuple[int, int]]:
        return list(zip(self.samples, self.elements, strict=True))

    def _basis(self, matrices: list[Tensor]) -> SeparableBasis:
        return SeparableBasis(tuple(matrix.to(self.device, self.dtype).contiguous() for matrix in matrices))


@lru_cache(maxsize=64)
def cardinal_matrix(samples: int, elements: int) -> Tensor:
    """Cubic spline through the nodes, evaluated at the samples; shape (samples, elements + 1), float64.

    Weights below 1e-7, of nodes far away, are left out: products of them would be denormal numbers.
    """
    if samples == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    matrix = basis_matrix(samples, elements) @ interpolation_matrix(elements + 1)
    return torch.where(matrix.abs() < NEGLIGIBLE, 0.0, matrix)


@lru_cache(maxsize=64)
def bump_matrix(samples: int, elements: int) -> Tensor:
    """Cubic B-splines around the nodes, mirrored at the ends; shape (samples, elements + 1), float64."""
    if samples == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    outside = basis_matrix(samples, elements)
    matrix = outside[:, 1:-1].clone()
    matrix[:, 1] += outside[:, 0]
    matrix[:, -2] += outside[:, -1]
    return matrix
