"""Images in the coordinates that the networks see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.pyramid import downsample, level_grid, level_spacing_mm
from lmreg.sampling import Interpolant, sample


@dataclass(frozen=True, eq=False)
class Frame:
    """Isotropic coordinates: 0 in the middle of the fixed image, ±1 at the ends of its longest side.

    Attributes
    ----------
    centre_mm : Tensor
        Shape (dim,), float64, LPS.
    scale_mm : float
        Millimetres per unit, along every axis.
    """

    centre_mm: Tensor
    scale_mm: float

    @classmethod
    def of(cls, fixed: Grid) -> Frame:
        """The frame of a fixed image."""
        sides_mm = [(n - 1) * spacing for n, spacing in zip(fixed.shape, fixed.spacing_mm, strict=True)]
        return cls(fixed.centre_mm, 0.5 * max(*sides_mm, *fixed.spacing_mm))

    def of_index(self, grid: Grid) -> tuple[Tensor, Tensor]:
        """Matrix (dim, dim) and offset (dim,) from a grid's index to these coordinates, float64."""
        dim = grid.dim
        return (
            grid.affine[:dim, :dim] / self.scale_mm,
            (grid.affine[:dim, dim] - self.centre_mm) / self.scale_mm,
        )


@dataclass(frozen=True, eq=False)
class FramedImage:
    """An image that is sampled in the coordinates of a frame.

    Attributes
    ----------
    interpolant : Interpolant
        Its intensities, one channel; beyond its border the edge value continues.
    matrix, offset : Tensor
        Shapes (dim, dim) and (dim,), float64: from index to coordinates.
    """

    interpolant: Interpolant
    matrix: Tensor
    offset: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each axis."""
        return self.interpolant.stencil.shape

    @property
    def spacing(self) -> float:
        """Smallest distance between neighbouring samples."""
        return float(torch.linalg.vector_norm(self.matrix, dim=0).min())

    def values(self, points: Tensor) -> Tensor:
        """Intensities at points of shape (*points, dim); shape (*points), differentiable in them once."""
        inverse = torch.linalg.inv(self.matrix)
        index = points @ inverse.mT.to(points) - (inverse @ self.offset).to(points)
        return sample(self.interpolant, index.movedim(-1, 0))[0]

    def draw(self, count: int, random: torch.Generator) -> Tensor:
        """Draw points evenly from the image's extent, shape (count, dim); the generator is one of the CPU."""
        share = torch.rand(count, len(self.shape), generator=random, dtype=torch.float64)
        index = share.to(self.matrix.device) * (torch.tensor(self.shape, device=self.matrix.device) - 1)
        return (index @ self.matrix.mT + self.offset).to(self.interpolant.coefficients)

    def sample_points(self) -> Tensor:
        """Coordinates of all samples, shape (*shape, dim)."""
        device = self.matrix.device
        axes = [torch.arange(n, dtype=torch.float64, device=device) for n in self.shape]
        index = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        return (index @ self.matrix.mT + self.offset).to(self.interpolant.coefficients)


@dataclass(frozen=True, eq=False)
class FramedPair:
    """Both images at one resolution.

    Attributes
    ----------
    fixed, moving : FramedImage
        In one frame.
    """

    fixed: FramedImage
    moving: FramedImage

    @classmethod
    def at_level(cls, images: tuple[Tensor, Tensor], grids: tuple[Grid, Grid], level: int) -> FramedPair:
        """Bring images of shape (1, *spatial), fixed and moving, to a resolution; level 0 is their own."""
        frame = Frame.of(grids[0])
        spacing_mm = level_spacing_mm(*grids, level)
        framed = []
        for image, grid in zip(images, grids, strict=True):
            coarse = level_grid(grid, spacing_mm, level)
            interpolant = Interpolant.from_image(downsample(image, coarse.shape), "linear")
            framed.append(FramedImage(interpolant, *frame.of_index(coarse)))
        return cls(*framed)
