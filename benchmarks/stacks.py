"""Slices all through a registered volume, small enough to be kept and looked through in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.plane_files import read_planes, write_planes

MOST_SLICES = 21
MOST_PIXELS = 256
# Share of the mask's extent that is shown on each side of it.
MARGIN = 0.08

ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Stack:
    """Parallel slices of a pair on the fixed grid, shown as :class:`benchmarks.panels.Panel` shows one.

    Attributes
    ----------
    fixed, moving, warped : ndarray of uint8, shape (slices, rows, columns)
        Normalised intensities, 255 for 1; ``moving`` is the prealigned start.
    spacing_mm : ndarray of shape (2,)
        Row and column spacing.
    """

    fixed: ByteArray
    moving: ByteArray
    warped: ByteArray
    spacing_mm: npt.NDArray[np.float64]


def eight_bit(intensities: npt.NDArray[np.floating[Any]]) -> ByteArray:
    """Return intensities of [0, 1] as bytes; what lies outside is clipped, NaN becomes 0."""
    finite = np.nan_to_num(intensities, nan=0.0, posinf=1.0, neginf=0.0)
    return np.asarray(np.rint(np.clip(finite, 0.0, 1.0) * 255), dtype=np.uint8)


def stacks_name(job_id: str) -> str:
    """Return where the stacks of a job lie, relative to the results folder."""
    return f"artefacts/{job_id}-stacks.npz"


def write_stacks(path: Path, stacks: Mapping[str, Stack]) -> None:
    """Write stacks by plane name to one ``.npz`` file."""
    write_planes(path, stacks)


def read_stacks(path: Path) -> dict[str, Stack]:
    """Read what :func:`write_stacks` wrote.

    Raises
    ------
    ValueError
        When the file is not such a file; the message names it.
    """
    stacks = read_planes(path, Stack, "slices")
    for plane, stack in stacks.items():
        shapes = {image.shape for image in (stack.fixed, stack.moving, stack.warped)}
        types = {image.dtype for image in (stack.fixed, stack.moving, stack.warped)}
        if len(shapes) != 1 or types != {np.dtype(np.uint8)} or stack.fixed.ndim != 3 or not stack.fixed.size:
            raise ValueError(f"{path}: {plane}: not slices of one shape")
        if stack.spacing_mm.shape != (2,) or not (stack.spacing_mm > 0).all():
            raise ValueError(f"{path}: {plane}: not a spacing")
    return stacks


def through(mask: npt.NDArray[np.bool_], axis: int) -> list[int]:
    """Return evenly spaced positions along an axis, from the first slice of the mask to the last."""
    others = tuple(other for other in range(mask.ndim) if other != axis)
    inside = np.flatnonzero(mask.any(axis=others))
    if not inside.size:
        return [mask.shape[axis] // 2]
    first, last = int(inside[0]), int(inside[-1])
    count = min(MOST_SLICES, last - first + 1)
    return [round(place) for place in np.linspace(first, last, count).tolist()]
