"""Linear operators that act on one axis after the other.

Each axis has a small dense matrix and is applied as a matrix product: on a CPU this is several times as fast as a
convolution, and the adjoint is the product with the transposes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lmreg.banded import BandedMatrix, apply_along_axis, support_of_rows
from lmreg.blocks import slabs


def apply_along_axes(tensor: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply the last axes of a tensor by one matrix each.

    Parameters
    ----------
    tensor : Tensor
        Shape (..., *columns).
    matrices : sequence of Tensor
        One matrix of shape (rows, columns) for each of the last axes.

    Returns
    -------
    Tensor
        Shape (..., *rows).
    """
    dim = len(matrices)
    # The axes that shrink most come first: what follows then works on less.
    order = sorted(range(dim), key=lambda axis: matrices[axis].shape[0] / matrices[axis].shape[1])
    for axis in order:
        tensor = apply_along_axis(tensor, matrices[axis], tensor.ndim - dim + axis)
    return tensor


def symmetric_pairs(dim: int) -> tuple[tuple[int, int], ...]:
    """Pairs of axes (a, b) with a ≤ b, row by row: the distinct entries of a symmetric matrix."""
    return tuple((a, b) for a in range(dim) for b in range(a, dim))


@dataclass(frozen=True, eq=False)
class SeparableBasis:
    """Functions on a grid that are products of one-dimensional functions.

    Attributes
    ----------
    matrices : tuple of Tensor
        For each axis the functions sampled on the grid, shape (samples, functions).
    """

    matrices: tuple[Tensor, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of functions along each axis."""
        return tuple(matrix.shape[1] for matrix in self.matrices)

    @property
    def size(self) -> int:
        """Number of functions."""
        return math.prod(self.shape)

    @property
    def slabs(self) -> list[slice]:
        """Ranges of rows along the first axis of the grid that are worth treating at once."""
        return slabs([len(matrix) for matrix in self.matrices], self.matrices[0].device)

    def restricted(self, box: Sequence[slice]) -> SeparableBasis:
        """The same functions on a part of the grid."""
        return SeparableBasis(tuple(matrix[rows] for matrix, rows in zip(self.matrices, box, strict=True)))

    def evaluate(self, coefficients: Tensor) -> Tensor:
        """Fields of shape (..., *samples) from coefficients of shape (..., *functions)."""
        return apply_along_axes(coefficients, self.matrices)

    def evaluate_rows(self, coefficients: Tensor, rows: slice) -> Tensor:
        """:meth:`evaluate` on a range of rows along the first axis; skips the functions that vanish there."""
        first, last = self._support
        functions = slice(min(first[rows]), max(last[rows]) + 1)
        dim = len(self.matrices)
        coefficients = coefficients.narrow(-dim, functions.start, functions.stop - functions.start)
        fields = apply_along_axis(coefficients, self.matrices[0][rows, functions], coefficients.ndim - dim)
        return _along_axes(fields, enumerate(self._banded, start=1), dim)

    def adjoint(self, fields: Tensor) -> Tensor:
        """Sums of the functions times fields of shape (..., *samples); shape (..., *functions)."""
        return apply_along_axes(fields, self._transposed)

    def squared_adjoint(self, fields: Tensor) -> Tensor:
        """Like :meth:`adjoint`, with the functions squared: the diagonal of a normal matrix."""
        return apply_along_axes(fields, self._squared)

    def adjoint_of(self, density: Callable[[slice], Tensor]) -> Tensor:
        """:meth:`adjoint` of fields that are computed slab by slab, and so never lie in memory as a whole.

        Parameters
        ----------
        density : callable
            Fields of shape (..., rows, *other samples) for a range of rows along the first axis.
        """
        return self._accumulate(density, self._banded_transposed)

    def gram(self, density: Callable[[slice], Tensor]) -> Tensor:
        """Dense normal matrix of a field with one component per axis.

        Parameters
        ----------
        density : callable
            Weight of each pair of components, as :func:`symmetric_pairs` orders them, for a range of rows
            along the first axis: shape (pairs, rows, *other samples).

        Returns
        -------
        Tensor
            Shape (dim * size, dim * size), float64: entry (a i, b j) is ``sum_x w_ab(x) f_i(x) f_j(x)``.
        """
        products = self._accumulate(density, self._pair_products)
        # Functions without common support point to the zero that is appended here.
        table = torch.cat([products.reshape(-1), products.new_zeros(1)])
        unknowns = len(self.matrices) * self.size
        return table.index_select(0, self._gram_index).reshape(unknowns, unknowns).double()

    def _accumulate(self, density: Callable[[slice], Tensor], matrices: tuple[BandedMatrix, ...]) -> Tensor:
        first, *others = enumerate(matrices)
        ranges = self.slabs
        if len(ranges) == 1:
            # The first axis first: what follows works on rows that lie together.
            return _along_axes(density(ranges[0]), [first, *others], len(matrices))
        parts = [_along_axes(density(rows), others, len(matrices)) for rows in ranges]
        return _along_axes(torch.cat(parts, dim=-len(matrices)), [first], len(matrices))

    @cached_property
    def _support(self) -> tuple[list[int], list[int]]:
        """For each sample along the first axis, the first and the last function that does not vanish there."""
        return support_of_rows(self.matrices[0])

    @cached_property
    def _banded(self) -> tuple[BandedMatrix, ...]:
        """The matrices of all axes but the first."""
        return tuple(BandedMatrix.of(matrix) for matrix in self.matrices[1:])

    @cached_property
    def _banded_transposed(self) -> tuple[BandedMatrix, ...]:
        return tuple(BandedMatrix.of(matrix) for matrix in self._transposed)

    @cached_property
    def _transposed(self) -> tuple[Tensor, ...]:
        return tuple(matrix.mT.contiguous() for matrix in self.matrices)

    @cached_property
    def _squared(self) -> tuple[Tensor, ...]:
        return tuple((matrix * matrix).mT.contiguous() for matrix in self.matrices)

    @cached_property
    def _axis_pairs(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """Unordered pairs of functions of each axis that overlap on the grid, as two index vectors."""
        pairs = []
        for matrix in self.matrices:
            support = (matrix != 0).to(matrix.dtype)
            overlap = torch.triu(support.mT @ support) > 0
            first, second = overlap.nonzero(as_tuple=True)
            pairs.append((first, second))
        return tuple(pairs)

    @cached_property
    def _pair_products(self) -> tuple[BandedMatrix, ...]:
        return tuple(
            BandedMatrix.of((matrix[:, first] * matrix[:, second]).mT.contiguous())
            for matrix, (first, second) in zip(self.matrices, self._axis_pairs, strict=True)
        )

    @cached_property
    def _gram_index(self) -> Tensor:
        """Position of each entry of the normal matrix in the flattened pair products; the last where it is zero."""
        device = self.matrices[0].device
        flat = torch.zeros(1, 1, dtype=torch.int64, device=device)
        for functions, (first, second) in zip(self.shape, self._axis_pairs, strict=True):
            axis = torch.full((functions, functions), -1, dtype=torch.int64, device=device)
            number = torch.arange(len(first), device=device)
            axis[first, second] = number
            axis[second, first] = number
            outer, inner = flat[:, None, :, None], axis[None, :, None, :]
            combined = torch.where((outer >= 0) & (inner >= 0), outer * len(first) + inner, -1)
            flat = combined.reshape(flat.shape[0] * functions, -1)
        dim = len(self.matrices)
        products = math.prod(len(first) for first, _ in self._axis_pairs)
        channels = torch.zeros(dim, dim, dtype=torch.int64, device=device)
        for number_of_pair, (a, b) in enumerate(symmetric_pairs(dim)):
            channels[a, b] = channels[b, a] = number_of_pair
        index = channels[:, None, :, None] * products + flat[None, :, None, :]
        last = len(symmetric_pairs(dim)) * products
        return torch.where(flat[None, :, None, :] >= 0, index, last).reshape(-1)


def _along_axes(tensor: Tensor, matrices: Iterable[tuple[int, BandedMatrix]], dim: int) -> Tensor:
    """Multiply some of the last ``dim`` axes of a tensor, given by number, by a matrix each."""
    for axis, matrix in matrices:
        tensor = matrix.along(tensor, tensor.ndim - dim + axis)
    return tensor
