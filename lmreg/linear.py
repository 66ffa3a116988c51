"""Translation, rigid, similarity and affine transforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.separable import SeparableBasis
from lmreg.transform import LevelTransform

LinearModel = Literal["translation", "rigid", "similarity", "affine"]


def generators(model: LinearModel, centre_mm: Tensor, radius_mm: float) -> Tensor:
    """Basis of the Lie algebra of a group of linear maps about a centre.

    Parameters
    ----------
    model : str
        Which group.
    centre_mm : Tensor
        Shape (dim,), float64: rotations and scalings leave it in place.
    radius_mm : float
        Length at which a unit of every parameter moves points by about a millimetre.

    Returns
    -------
    Tensor
        Shape (parameters, dim + 1, dim + 1), float64: translations first, then rotations, then the rest.
    """
    dim = len(centre_mm)
    basis: list[Tensor] = []

    def add(*entries: tuple[int, int, float]) -> None:
        matrix = torch.zeros(dim + 1, dim + 1, dtype=torch.float64, device=centre_mm.device)
        for row, column, value in entries:
            matrix[row, column] = value
        basis.append(matrix)

    for axis in range(dim):
        add((axis, dim, 1.0))
    scale = 1 / radius_mm
    pairs = [(a, b) for a in range(dim) for b in range(a + 1, dim)]
    if model != "translation":
        for a, b in pairs:
            add((a, b, -scale), (b, a, scale))
    if model == "similarity":
        add(*((axis, axis, scale) for axis in range(dim)))
    if model == "affine":
        for axis in range(dim):
            add((axis, axis, scale))
        for a, b in pairs:
            add((a, b, scale), (b, a, scale))
    to_centre = torch.eye(dim + 1, dtype=torch.float64, device=centre_mm.device)
    to_centre[:dim, dim] = centre_mm
    from_centre = torch.eye(dim + 1, dtype=torch.float64, device=centre_mm.device)
    from_centre[:dim, dim] = -centre_mm
    return to_centre @ torch.stack(basis) @ from_centre


def axis_basis(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> SeparableBasis:
    """Products of 1 and a coordinate that runs from -1 to 1, for each axis: 2^dim functions."""
    matrices = []
    for samples in shape:
        coordinate = (
            torch.linspace(-1, 1, samples, dtype=dtype) if samples > 1 else torch.zeros(1, dtype=dtype)
        )
        matrices.append(torch.stack([torch.ones_like(coordinate), coordinate], dim=1).to(device))
    return SeparableBasis(tuple(matrices))


@dataclass(frozen=True, eq=False)
class LinearLevel(LevelTransform):
    """A matrix that is multiplied, on the right, by the exponential of each step.

    The state is the homogeneous map from fixed to moving millimetres, shape (dim + 1, dim + 1). Its derivative at
    the current state is that of the compositional Lucas-Kanade method (Baker and Matthews 2004).

    Attributes
    ----------
    basis : SeparableBasis
        See :func:`axis_basis`.
    fixed, moving : Grid
        Grids of the level.
    generators : Tensor
        See :func:`generators`.
    """

    basis: SeparableBasis
    fixed: Grid
    moving: Grid
    generators: Tensor

    @property
    def unknowns(self) -> int:
        return self.generators.shape[0]

    def positions(self, state: Tensor) -> Tensor:
        return self.basis.evaluate(self._spread(self._left(state) @ self._right))

    def push(self, state: Tensor, step: Tensor) -> Tensor:
        return self._spread(self._left(state) @ torch.tensordot(step, self.generators, dims=1) @ self._right)

    def pull(self, state: Tensor, moments: Tensor) -> Tensor:
        return torch.tensordot(self._derivative(state), self._gather(moments.double()), dims=2)

    def congruence(self, state: Tensor, gram: Tensor) -> Tensor:
        dim = self.fixed.dim
        select = self._functions
        blocks = gram.reshape(dim, self.basis.size, dim, self.basis.size)[:, select][..., select]
        derivative = self._derivative(state).reshape(self.unknowns, -1)
        return derivative @ blocks.reshape(dim * (dim + 1), -1) @ derivative.mT

    def diagonal(self, state: Tensor, squares: Tensor) -> Tensor:
        return torch.tensordot(self._derivative(state).square(), self._gather(squares.double()), dims=2)

    def retract(self, state: Tensor, step: Tensor) -> Tensor:
        return state @ torch.linalg.matrix_exp(torch.tensordot(step, self.generators, dims=1))

    def pull_state(self, state: Tensor, cotangent: Tensor) -> Tensor:
        return torch.tensordot(state @ self.generators, cotangent.double(), dims=2)

    def bend(self, state: Tensor, moments: Tensor) -> Tensor:
        products = self.generators[:, None] @ self.generators[None]
        second = self._left(state) @ (0.5 * (products + products.transpose(0, 1))) @ self._right
        return torch.tensordot(second[..., : self.fixed.dim, :], self._gather(moments.double()), dims=2)

    @property
    def _right(self) -> Tensor:
        return self.fixed.affine @ self.fixed.normalised_to_index()

    @property
    def _functions(self) -> list[int]:
        """Position in the basis of the coordinates and of the constant, in this order."""
        dim = self.fixed.dim
        return [2 ** (dim - 1 - axis) for axis in range(dim)] + [0]

    def _left(self, state: Tensor) -> Tensor:
        return torch.linalg.solve(self.moving.affine, state)

    def _derivative(self, state: Tensor) -> Tensor:
        return (self._left(state) @ self.generators @ self._right)[:, : self.fixed.dim]

    def _gather(self, moments: Tensor) -> Tensor:
        return moments.reshape(moments.shape[0], -1)[:, self._functions]

    def _spread(self, matrix: Tensor) -> Tensor:
        dim = self.fixed.dim
        coefficients = matrix.new_zeros(dim, self.basis.size)
        coefficients[:, self._functions] = matrix[:dim]
        return coefficients.reshape(dim, *self.basis.shape).to(self.basis.matrices[0].dtype)
