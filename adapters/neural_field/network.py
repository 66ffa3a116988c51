"""Coordinate networks: from a point to its displacement."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

Field = Callable[[Tensor], Tensor]
BLOCK_POINTS = 1 << 16


class Siren(nn.Module):
    """A network of sines (Sitzmann et al. 2020, sections 3.1 and 3.2) whose output starts at zero.

    Parameters
    ----------
    dim : int
        Of the points and of the displacements.
    width, layers : int
        Units of each hidden layer, and how many there are.
    frequency : float
        ω₀: how many radians the first layer's sines go through, at the most, over half the image's longest side.
        The larger it is, the finer is what the field can do at once.
    random : torch.Generator
        Of the CPU; draws the weights.
    """

    def __init__(self, dim: int, width: int, layers: int, frequency: float, random: torch.Generator) -> None:
        super().__init__()
        self.frequency = frequency
        self.hidden = nn.ModuleList(nn.Linear(dim if layer == 0 else width, width) for layer in range(layers))
        self.last = nn.Linear(width, dim)
        with torch.no_grad():
            for layer, linear in enumerate(self.hidden):
                bound = 1 / dim if layer == 0 else math.sqrt(6 / width) / frequency
                for parameter in linear.parameters():
                    parameter.uniform_(-bound, bound, generator=random)
            for parameter in self.last.parameters():
                parameter.zero_()

    def forward(self, points: Tensor) -> Tensor:
        """Displacements at points, both of shape (*points, dim)."""
        signal = points
        for linear in self.hidden:
            signal = torch.sin(self.frequency * linear(signal))
        displacement: Tensor = self.last(signal)
        return displacement


def sampled(field: nn.Module, points: Tensor) -> Tensor:
    """Displacements of a trained field at points of shape (*shape, dim), without a graph, a block at a time."""
    with torch.no_grad():
        blocks = [field(block) for block in points.reshape(-1, points.shape[-1]).split(BLOCK_POINTS)]
    return torch.cat(blocks).reshape(points.shape)
