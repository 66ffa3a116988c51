"""Robust loss on residuals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MAD_FACTOR = 1.5
SCALE_FLOOR = 1e-3


@dataclass(frozen=True)
class Huber:
    """Huber's loss: quadratic for small residuals, linear for large ones (Huber 1964).

    Attributes
    ----------
    threshold : float or None
        Residual at which the loss turns linear, in units of the similarity's residual. None: 1.5 times the median
        absolute deviation of the residuals, recomputed at each iteration. The gradient through the solve takes
        that value at the solution as a constant.
    """

    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not self.threshold > 0:
            raise ValueError(f"Huber threshold must be > 0 (got {self.threshold})")

    def scale(self, residual: Tensor) -> Tensor:
        """Threshold for these residuals, a scalar without a graph.

        Residuals that are exactly zero (background meeting background) tell nothing of the spread and are left out.
        """
        if self.threshold is not None:
            return residual.new_tensor(self.threshold)
        values = residual.detach()[residual.detach() != 0]
        if values.numel() == 0:
            return residual.new_tensor(1.0)
        deviation = (values - values.median()).abs().median()
        return torch.maximum(MAD_FACTOR * deviation, SCALE_FLOOR * values.square().mean().sqrt())


def loss(residual: Tensor, threshold: Tensor | None) -> Tensor:
    """Half the square of residuals, linear beyond the threshold (None: nowhere)."""
    if threshold is None:
        return 0.5 * residual.square()
    inside = residual.clamp(-threshold, threshold)
    return inside * (residual - 0.5 * inside)


def influence(residual: Tensor, threshold: Tensor | None) -> Tensor:
    """Derivative of :func:`loss`."""
    return residual if threshold is None else residual.clamp(-threshold, threshold)


def majoriser(residual: Tensor, threshold: Tensor) -> Tensor:
    """Weights of iteratively reweighted least squares: curvature of the quadratic that bounds the loss."""
    return threshold / torch.maximum(residual.abs(), threshold)


def curvature(residual: Tensor, threshold: Tensor) -> Tensor:
    """Second derivative of :func:`loss`: one inside the threshold, zero beyond."""
    return (residual.abs() < threshold).to(residual.dtype)
