"""Fitting fields to a pair of images with Adam on random points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from adapters.neural_field.frame import FramedImage, FramedPair
from adapters.neural_field.regularisers import (
    bending,
    gradient_inverse_consistency,
    inverse_consistency,
    mapped,
)
from adapters.neural_field.similarity import SimilarityName, dissimilarity

RegulariserName = Literal["none", "bending", "inverse_consistency", "gradient_inverse_consistency"]
# Steps of differences, in voxels of the level: within one voxel for what must not fold from one to the next.
BENDING_STEP, GRADIENT_STEP = 2.0, 0.5


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes
    ----------
    similarity : "ncc", "ssd" or "lncc"
        See :func:`adapters.neural_field.similarity.dissimilarity`.
    patch_voxels : int
        Side of the patches of ``lncc``, in voxels of the level.
    regulariser : str
        ``none``, ``bending``, ``inverse_consistency`` or ``gradient_inverse_consistency``.
    weight : float
        Of the regulariser.
    points, regulariser_points : int
        Drawn at each step for the similarity, and for the regulariser.
    """

    similarity: SimilarityName
    patch_voxels: int
    regulariser: RegulariserName
    weight: float
    points: int
    regulariser_points: int

    def cost(self, pair: FramedPair, fields: Sequence[nn.Module], random: torch.Generator) -> Tensor:
        """Cost at freshly drawn points; with two fields the mean over both directions.

        Parameters
        ----------
        pair : FramedPair
            The images at one resolution.
        fields : sequence of Module
            From the fixed to the moving image, and back where inverse consistency is asked for.
        random : torch.Generator
            Of the CPU.
        """
        ways = [(pair.fixed, pair.moving), (pair.moving, pair.fixed)][: len(fields)]
        costs = [
            self._dissimilarity(source, target, field, random)
            for (source, target), field in zip(ways, fields, strict=True)
        ]
        if self.regulariser != "none":
            count = self.regulariser_points // len(fields)
            for (source, _), first, second in zip(ways, fields, reversed(fields), strict=True):
                points = source.draw(count, random)
                costs.append(self.weight * self._penalty(first, second, points, source.spacing))
        return torch.stack(costs).sum() / len(fields)

    def _dissimilarity(
        self, source: FramedImage, target: FramedImage, field: nn.Module, random: torch.Generator
    ) -> Tensor:
        if self.similarity == "lncc":
            offsets = _patch(self.patch_voxels, source)
            points = source.draw(max(1, self.points // len(offsets)), random)[:, None] + offsets
        else:
            points = source.draw(self.points, random)[:, None]
        return dissimilarity(self.similarity, source.values(points), target.values(mapped(field, points)))

    def _penalty(self, first: nn.Module, second: nn.Module, points: Tensor, voxel: float) -> Tensor:
        if self.regulariser == "bending":
            return bending(first, points, BENDING_STEP * voxel)
        if self.regulariser == "inverse_consistency":
            return inverse_consistency(first, second, points)
        return gradient_inverse_consistency(first, second, points, GRADIENT_STEP * voxel)


def _patch(side: int, image: FramedImage) -> Tensor:
    """Offsets of the points of a patch, in the frame's units, shape (side^dim, dim)."""
    axis = [voxel - (side - 1) / 2 for voxel in range(side)]
    index = torch.tensor(list(itertools.product(axis, repeat=len(image.shape))), dtype=torch.float64)
    return (index.to(image.matrix) @ image.matrix.mT).to(image.interpolant.coefficients)


def fit(
    levels: Sequence[FramedPair],
    iterations: Sequence[int],
    fields: Sequence[nn.Module],
    objective: Objective,
    learning_rate: float,
    random: torch.Generator,
) -> tuple[tuple[float, ...], ...]:
    """Change the fields' weights in place so that they align the images.

    The learning rate falls as half a cosine to zero: cost and gradient are drawn, and only then settle.

    Parameters
    ----------
    levels : sequence of FramedPair
        Coarse to fine.
    iterations : sequence of int
        Steps at each.
    fields : sequence of Module
        One or two, see :meth:`Objective.cost`.
    objective : Objective
        What is minimised.
    learning_rate : float
        Of Adam, at the start.
    random : torch.Generator
        Of the CPU; draws the points.

    Returns
    -------
    tuple of tuple of float
        Cost at every step of each level.
    """
    parameters = [parameter for field in fields for parameter in field.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    total = sum(iterations)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * step / total))
    )
    trace = []
    for pair, steps in zip(levels, iterations, strict=True):
        costs = []
        for _ in range(steps):
            optimiser.zero_grad()
            cost = objective.cost(pair, fields, random)
            cost.backward()
            optimiser.step()
            schedule.step()
            costs.append(cost.detach())
        trace.append(tuple(torch.stack(costs).tolist()) if costs else ())
    return tuple(trace)
