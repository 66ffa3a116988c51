"""Boxes around masks, so that costly operations see no more of an image than they must."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Box = tuple[slice, ...]


def bounding_box(mask: npt.NDArray[np.bool_], margin: int = 0) -> Box:
    """Return the smallest box that holds a mask, wider by a margin as far as the array reaches.

    Raises
    ------
    ValueError
        When the mask is empty.
    """
    box = []
    for axis, n in enumerate(mask.shape):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        if not occupied.size:
            raise ValueError("the mask is empty")
        box.append(slice(max(0, int(occupied[0]) - margin), min(n, int(occupied[-1]) + 1 + margin)))
    return tuple(box)


def union(a: Box, b: Box) -> Box:
    """Return the smallest box that holds two boxes."""
    return tuple(slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(a, b, strict=True))
