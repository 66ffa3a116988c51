"""Image grids in physical space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of samples placed in physical space.

    Attributes
    ----------
    shape : tuple of int
        Samples along each axis, in tensor axis order.
    affine : Tensor
        Shape (dim + 1, dim + 1), float64: homogeneous map from index, in tensor axis order, to millimetres.
    """

    shape: tuple[int, ...]
    affine: Tensor

    @classmethod
    def from_spacing(
        cls, shape: Sequence[int], spacing_mm: Sequence[float], device: torch.device | None = None
    ) -> Grid:
        """Grid with its first sample at the origin and its axes along those of physical space."""
        scale = torch.tensor([*spacing_mm, 1.0], dtype=torch.float64, device=device)
        return cls(tuple(shape), torch.diag(scale))

    @property
    def dim(self) -> int:
        """Number of spatial axes."""
        return len(self.shape)

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Distance between neighbouring samples along each axis."""
        lengths = torch.linalg.vector_norm(self.affine[: self.dim, : self.dim], dim=0)
        return tuple(lengths.tolist())

    @property
    def centre_mm(self) -> Tensor:
        """Physical position of the middle of the grid, shape (dim,)."""
        middle = [(samples - 1) / 2 for samples in self.shape]
        index = torch.tensor([*middle, 1.0], dtype=torch.float64, device=self.affine.device)
        return (self.affine @ index)[: self.dim]

    def resized(self, shape: Sequence[int]) -> Grid:
        """Grid of another size over the same extent: the corner samples coincide.

        An axis of a single sample keeps its spacing.
        """
        factors = [
            (old - 1) / (new - 1) if new > 1 else 1.0 for old, new in zip(self.shape, shape, strict=True)
        ]
        scale = torch.tensor([*factors, 1.0], dtype=torch.float64, device=self.affine.device)
        return Grid(tuple(shape), self.affine * scale)

    def coarsened(self, spacing_mm: float, minimum_samples: int = 8) -> Grid:
        """Grid over the same extent whose spacing is about ``spacing_mm`` along every axis.

        No axis gets finer than it is, and none falls below ``minimum_samples`` unless it starts there.
        """
        shape = []
        for samples, spacing in zip(self.shape, self.spacing_mm, strict=True):
            wanted = round((samples - 1) * spacing / spacing_mm) + 1
            shape.append(min(samples, max(wanted, minimum_samples)))
        return self.resized(shape)

    def index_map(self, target: Grid, transform_mm: Tensor) -> Tensor:
        """Homogeneous map from this grid's index to ``target``'s, through a transform of physical space.

        Parameters
        ----------
        target : Grid
            Grid whose index is wanted.
        transform_mm : Tensor
            Shape (dim + 1, dim + 1), float64: maps millimetres of this grid to millimetres of ``target``.

        Returns
        -------
        Tensor
            Shape (dim + 1, dim + 1), float64.
        """
        return torch.linalg.solve(target.affine, transform_mm @ self.affine)

    def normalised_to_index(self) -> Tensor:
        """Homogeneous map to the index from coordinates that run from -1 to 1 along each axis."""
        half = torch.tensor(
            [(samples - 1) / 2 for samples in self.shape], dtype=torch.float64, device=self.affine.device
        )
        matrix = torch.eye(self.dim + 1, dtype=torch.float64, device=self.affine.device)
        matrix[: self.dim, : self.dim] = torch.diag(half)
        matrix[: self.dim, self.dim] = half
        return matrix
