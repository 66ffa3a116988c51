"""How many points are worth treating at once."""

from __future__ import annotations

import torch

CACHED_POINTS = 1 << 16
# A graphics card wants work for all of its cores at once, and each launch costs as much as tens of thousands of points.
PARALLEL_POINTS = 1 << 22


def block_points(device: torch.device) -> int:
    """Points per block on a device: few enough to stay in a processor's cache, as many as memory bears elsewhere."""
    return CACHED_POINTS if device.type == "cpu" else PARALLEL_POINTS
