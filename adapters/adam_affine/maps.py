"""Rigid, similarity and affine maps of physical space by a few dimensionless parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lmreg.grid import Grid

LinearModel = Literal["rigid", "similarity", "affine"]


@dataclass(frozen=True, eq=False)
class LinearMap:
    """x ↦ c + L(x − c) + h·t, from fixed to moving millimetres.

    Attributes
    ----------
    model : "rigid", "similarity" or "affine"
        ``L`` is exp(R) with a skew-symmetric R, exp(s)·exp(R), or I + M.
    centre_mm : Tensor
        Shape (dim,), float64: c, the middle of the fixed image.
    scale_mm : float
        h, half the longest side of the fixed image: a step of equal size in any parameter moves the image's
        border by about equal lengths, which Adam's one learning rate for all asks for.
    """

    model: LinearModel
    centre_mm: Tensor
    scale_mm: float

    @classmethod
    def about(cls, model: LinearModel, fixed: Grid) -> LinearMap:
        """The map in the units of a fixed image's grid."""
        sides_mm = [(n - 1) * spacing for n, spacing in zip(fixed.shape, fixed.spacing_mm, strict=True)]
        return cls(model, fixed.centre_mm, 0.5 * max(*sides_mm, *fixed.spacing_mm))

    @property
    def dim(self) -> int:
        """Number of spatial axes."""
        return int(self.centre_mm.shape[0])

    @property
    def unknowns(self) -> int:
        """Number of parameters: the translation, then rotations, then the rest."""
        rotations = self.dim * (self.dim - 1) // 2
        return self.dim + {"rigid": rotations, "similarity": rotations + 1, "affine": self.dim**2}[self.model]

    def identity(self) -> Tensor:
        """Parameters of the identity, shape (unknowns,), float64."""
        return self.centre_mm.new_zeros(self.unknowns)

    def deformation(self, parameters: Tensor) -> Tensor:
        """The parameters without the translation: what the penalty holds small."""
        return parameters[self.dim :]

    def matrix(self, parameters: Tensor) -> Tensor:
        """Homogeneous matrix of parameters, shape (dim + 1, dim + 1); differentiable any number of times."""
        dim = self.dim
        linear = self._linear(self.deformation(parameters))
        offset = self.centre_mm - linear @ self.centre_mm + self.scale_mm * parameters[:dim]
        last_row = parameters.new_zeros(1, dim + 1)
        last_row[0, dim] = 1
        return torch.cat([torch.cat([linear, offset[:, None]], dim=1), last_row])

    def _linear(self, deformation: Tensor) -> Tensor:
        dim = self.dim
        if self.model == "affine":
            identity = torch.eye(dim, dtype=deformation.dtype, device=deformation.device)
            return identity + deformation.reshape(dim, dim)
        rows, columns = torch.triu_indices(dim, dim, offset=1, device=deformation.device)
        upper = deformation.new_zeros(dim, dim).index_put((rows, columns), deformation[: len(rows)])
        turned: Tensor = torch.linalg.matrix_exp(upper - upper.mT)
        return turned * deformation[-1].exp() if self.model == "similarity" else turned
