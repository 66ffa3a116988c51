"""Matrices whose rows vanish outside a narrow band."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Of the narrower side of a matrix: fewer make products too small to be fast, more take in too many zeros.
BLOCK = 16


@dataclass(frozen=True, eq=False)
class BandedMatrix:
    """A matrix as blocks of rows, each without the columns at either end that vanish in all of its rows.

    Attributes
    ----------
    columns : tuple of slice
        For each block the columns that it has.
    blocks : tuple of Tensor
        Shape (rows, columns) each, from the first row to the last.
    """

    columns: tuple[slice, ...]
    blocks: tuple[Tensor, ...]

    @classmethod
    def of(cls, matrix: Tensor) -> BandedMatrix:
        """Split a matrix; on a graphics card, where few large products are faster, it stays whole."""
        rows, columns = matrix.shape
        step = max(1, round(BLOCK * max(1.0, rows / columns)))
        if matrix.device.type != "cpu" or min(rows, columns) <= 2 * BLOCK:
            return cls((slice(0, columns),), (matrix,))
        first, last = support_of_rows(matrix)
        ranges = [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
        held = tuple(slice(min(first[part]), max(last[part]) + 1) for part in ranges)
        blocks = tuple(matrix[part, some].contiguous() for part, some in zip(ranges, held, strict=True))
        return cls(held, blocks)

    def along(self, tensor: Tensor, position: int) -> Tensor:
        """Multiply the axis at ``position``, counted from the first, by the matrix."""
        parts = [
            apply_along_axis(tensor.narrow(position, some.start, some.stop - some.start), block, position)
            for some, block in zip(self.columns, self.blocks, strict=True)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=position)


def support_of_rows(matrix: Tensor) -> tuple[list[int], list[int]]:
    """For each row the first and the last column that does not vanish."""
    marks = (matrix != 0).to(torch.uint8)
    first, last = marks.argmax(1), matrix.shape[1] - 1 - marks.flip(1).argmax(1)
    return first.tolist(), last.tolist()


def apply_along_axis(tensor: Tensor, matrix: Tensor, position: int) -> Tensor:
    """Multiply the axis at ``position``, counted from the first, by a matrix of shape (rows, columns)."""
    if position == tensor.ndim - 1:
        return tensor @ matrix.mT
    shape = tensor.shape
    trailing = tensor.reshape(*shape[: position + 1], -1)
    return (matrix @ trailing).reshape(*shape[:position], matrix.shape[0], *shape[position + 1 :])
