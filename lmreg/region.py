"""The part of the fixed grid that decides a registration: voxels with weight, or those that are not background.

Where the fixed image is constant and the linear map leads to where the moving image is constant, every voxel says the
same: one of them can stand for all, with their weight, and the objective is what it was.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.grid import Grid

# The cubic spline that passes through samples forgets one of them by a factor of 0.27 per sample.
RINGING_VOXELS = 8
MOTION_VOXELS = 2
CELL_VOXELS = 8
LARGEST_SHARE = 0.8

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Region:
    """A box of voxels of the fixed grid.

    Attributes
    ----------
    box : tuple of slice
        The voxels along each axis.
    shape : tuple of int
        Samples of the whole grid.
    background : bool
        Whether the voxels outside count: all alike, and like some corner of the box.
    """

    box: Box
    shape: tuple[int, ...]
    background: bool

    def crop(self, image: Tensor) -> Tensor:
        """The part of an image of shape (channels, *spatial)."""
        return image[(slice(None), *self.box)]

    def weights(self, like: Tensor) -> Tensor:
        """Weights of the voxels of the cropped image ``like`` that stand for the whole grid."""
        weights = like.new_ones((1, *like.shape[1:]))
        inside = math.prod(part.stop - part.start for part in self.box)
        corner = tuple(
            0 if part.start > 0 or part.stop == samples else -1
            for part, samples in zip(self.box, self.shape, strict=True)
        )
        weights[(0, *corner)] += math.prod(self.shape) - inside
        return weights

    def covers(self, box: Box) -> bool:
        """Whether a box lies inside this one."""
        return all(
            mine.start <= part.start and part.stop <= mine.stop
            for mine, part in zip(self.box, box, strict=True)
        )


def support(weights: Tensor) -> Region:
    """Smallest box that holds every voxel with a weight above zero; shape (1, *spatial)."""
    box = _bounding_box(weights[0] > 0)
    assert box is not None
    return Region(box, tuple(weights.shape[1:]), background=False)


def foreground(fixed: Tensor, moving: Tensor, index_map: Tensor, *, motion_voxels: int) -> Region | None:
    """Smallest box outside which both images are background, the moving one seen through a linear map.

    Parameters
    ----------
    fixed, moving : Tensor
        Shape (1, *spatial) each. The background has the value of the first voxel.
    index_map : Tensor
        Shape (dim + 1, dim + 1): from the index of ``fixed`` to that of ``moving``.
    motion_voxels : int
        How far, in voxels of ``moving``, the map may move while the box still holds.

    Returns
    -------
    Region or None
        None where the box is not much smaller than the grid.
    """
    shape = tuple(fixed.shape[1:])
    inner = _bounding_box(fixed[0] != fixed.reshape(-1)[0])
    outer = reached(shape, moving, index_map, motion_voxels=motion_voxels)
    if inner is None or outer is None:
        return None
    # One voxel more, so that the faces inside the grid are background.
    box = tuple(
        slice(max(min(a.start, b.start) - 1, 0), min(max(a.stop, b.stop) + 1, samples))
        for a, b, samples in zip(inner, outer, shape, strict=True)
    )
    share = math.prod(part.stop - part.start for part in box) / math.prod(shape)
    return Region(box, shape, background=True) if share <= LARGEST_SHARE else None


def reached(
    shape: tuple[int, ...], moving: Tensor, index_map: Tensor, *, motion_voxels: int = 0
) -> Box | None:
    """Box of the voxels of a grid that a linear map leads to where a moving image is not background.

    Beyond its edges the image continues, so content there reaches out to the end of the fixed grid.
    """
    dim = len(shape)
    marked = moving[0] != moving.reshape(-1)[0]
    content = _bounding_box(marked)
    if content is None:
        return None
    cells = _cells(marked).nonzero().cpu().double()
    matrix = index_map.cpu()
    ends = torch.cartesian_prod(*[torch.tensor([0.0, n - 1.0], dtype=torch.float64) for n in shape])
    seen = ends @ matrix[:dim, :dim].mT + matrix[:dim, dim]
    margin = RINGING_VOXELS + motion_voxels
    start = torch.tensor([part.start for part in content], dtype=torch.float64)
    end = torch.tensor([part.stop - 1 for part in content], dtype=torch.float64)
    limit = torch.tensor(marked.shape, dtype=torch.float64) - 1
    first = torch.maximum(CELL_VOXELS * cells, start)
    last = torch.minimum(CELL_VOXELS * cells + CELL_VOXELS - 1, end)
    first = torch.where(first <= 0, seen.amin(0), first) - margin
    last = torch.where(last >= limit, seen.amax(0), last) + margin
    back = torch.linalg.inv(matrix)
    lows, highs = [], []
    for choice in itertools.product((False, True), repeat=dim):
        corner = torch.where(torch.tensor(choice), last, first) @ back[:dim, :dim].mT + back[:dim, dim]
        lows.append(corner.amin(0))
        highs.append(corner.amax(0))
    low, high = torch.stack(lows).amin(0).floor().tolist(), torch.stack(highs).amax(0).ceil().tolist()
    box = []
    for samples, start, end in zip(shape, low, high, strict=True):
        begin = min(max(int(start), 0), samples - 1)
        box.append(slice(begin, min(max(int(end) + 1, begin + 1), samples)))
    return tuple(box)


def cropped(grid: Grid, box: Box) -> Grid:
    """Grid of the voxels of a box of another one."""
    shift = torch.eye(grid.dim + 1, dtype=torch.float64, device=grid.affine.device)
    for axis, part in enumerate(box):
        shift[axis, -1] = part.start
    return Grid(tuple(part.stop - part.start for part in box), grid.affine @ shift)


def whole(shape: tuple[int, ...]) -> Box:
    """Box of all voxels."""
    return tuple(slice(0, samples) for samples in shape)


def _cells(marked: Tensor) -> Tensor:
    """Which cells of :data:`CELL_VOXELS` along each axis hold a marked voxel."""
    for axis in range(marked.ndim):
        shape = list(marked.shape)
        shape[axis] = -shape[axis] % CELL_VOXELS
        filled = torch.cat([marked, marked.new_zeros(shape)], dim=axis)
        marked = filled.unflatten(axis, (-1, CELL_VOXELS)).any(axis + 1)
    return marked


def _bounding_box(marked: Tensor) -> Box | None:
    box = []
    for axis in range(marked.ndim):
        others = [other for other in range(marked.ndim) if other != axis]
        found = marked.any(others[-1]) if others else marked
        for other in reversed(others[:-1]):
            found = found.any(other)
        inside = found.nonzero()
        if not len(inside):
            return None
        box.append(slice(int(inside[0]), int(inside[-1]) + 1))
    return tuple(box)
