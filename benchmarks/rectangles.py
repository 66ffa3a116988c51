"""The largest axis-aligned rectangle of a plane that holds nothing but True."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Rectangle:
    """A part of an array.

    Attributes
    ----------
    row, column : int
        Its first element.
    rows, columns : int
        Its size.
    """

    row: int
    column: int
    rows: int
    columns: int

    @property
    def area(self) -> int:
        """Number of elements."""
        return self.rows * self.columns


def largest_rectangle(plane: npt.NDArray[np.bool_]) -> Rectangle | None:
    """Return the largest rectangle of True; of several the first from the top and the left, None where there is none.

    Row by row, each column counts how many elements above are True; the largest rectangle that ends in the row is
    that of a histogram, found in one pass with a stack of rising bars.
    """
    best: Rectangle | None = None
    heights = np.zeros(plane.shape[1], dtype=np.intp)
    for row, covered in enumerate(plane):
        heights = np.where(covered, heights + 1, 0)
        rising: list[tuple[int, int]] = []
        for column, height in enumerate([*heights.tolist(), 0]):
            start = column
            while rising and rising[-1][1] >= height:
                start, tall = rising.pop()
                found = Rectangle(row - tall + 1, start, tall, column - start)
                if found.area and (best is None or found.area > best.area):
                    best = found
            rising.append((start, height))
    return best
