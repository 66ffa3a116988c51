"""How many points are worth treating at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

CACHED_POINTS = 1 << 16
# Products with small matrices are worth more points at once than a look-up of each point is.
SLAB_POINTS = 1 << 18
# A graphics card wants work for all of its cores at once, and each launch costs as much as tens of thousands of points.
PARALLEL_POINTS = 1 << 22


def block_points(device: torch.device) -> int:
    """Points per block on a device: few enough to stay in a processor's cache, as many as memory bears elsewhere."""
    return CACHED_POINTS if device.type == "cpu" else PARALLEL_POINTS


def slabs(shape: Sequence[int], device: torch.device) -> list[slice]:
    """Ranges of rows along the first axis of a grid, few enough to stay in cache and many enough to be multiplied."""
    points = SLAB_POINTS if device.type == "cpu" else PARALLEL_POINTS
    rows = max(1, points // math.prod(shape[1:]))
    return [slice(start, min(start + rows, shape[0])) for start in range(0, shape[0], rows)]
