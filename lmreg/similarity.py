"""Similarities between the fixed image and the warped moving image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lmreg import robust
from lmreg.robust import Huber

Hessian = Literal["gauss_newton", "exact"]


@dataclass(frozen=True, eq=False)
class Match:
    """How a warped image compares, to second order in its intensities.

    The Hessian in the intensities is ``diag(curvature) + factorsᵀ core factors``.

    Attributes
    ----------
    cost : Tensor
        Scalar, dimensionless.
    force : Tensor
        Derivative of the cost with respect to the warped image, shape (channels, *spatial).
    curvature : Tensor
        Diagonal of the Hessian, broadcastable to the shape of ``force``.
    factors : Tensor or None
        Shape (rank, channels, *spatial).
    core : Tensor or None
        Shape (rank, rank), symmetric.
    """

    cost: Tensor
    force: Tensor
    curvature: Tensor
    factors: Tensor | None = None
    core: Tensor | None = None

    def detached(self) -> Match:
        """The same numbers, outside any graph."""
        return Match(
            self.cost.detach(),
            self.force.detach(),
            self.curvature.detach(),
            None if self.factors is None else self.factors.detach(),
            None if self.core is None else self.core.detach(),
        )


class Term(ABC):
    """A similarity bound to one fixed image."""

    @property
    def exact(self) -> bool:
        """Whether :meth:`compare` can give the exact Hessian as a diagonal plus a matrix of low rank."""
        return True

    @abstractmethod
    def scale(self, warped: Tensor) -> Tensor | None:
        """Threshold of the robust loss for this warped image, without a graph; None where the loss is quadratic."""

    @abstractmethod
    def compare(self, warped: Tensor, threshold: Tensor | None, hessian: Hessian) -> Match:
        """Compare a warped image of shape (channels, *spatial).

        ``force`` is differentiable, once, in the fixed and in the warped image. With ``"gauss_newton"`` the Hessian
        is positive semidefinite.
        """


class Similarity(ABC):
    """What is compared, and how; a value without images."""

    def features(self, image: Tensor, spacing_mm: tuple[float, ...]) -> Tensor:  # noqa: ARG002
        """Image whose warp is compared, shape (channels, *spatial) from (1, *spatial)."""
        return image

    @property
    def reach(self) -> int | None:
        """Voxels around the content of the fixed image that matter; None where its background matters everywhere."""
        return None

    @property
    def pointwise(self) -> bool:
        """Whether images are compared as they are, voxel by voxel, apart from sums over all voxels."""
        return False

    @abstractmethod
    def bind(self, fixed: Tensor, weights: Tensor | None, huber: Huber | None) -> Term:
        """Attach the features of the fixed image and the weight of each voxel, shape (1, *spatial); None: all alike."""


@dataclass(frozen=True)
class SSD(Similarity):
    """Mean squared difference, in units of the variance of the fixed image.

    The cost is ``½ Σ w (M∘φ − F)² / (Σ w · var F)``: half the fraction of the variance left unexplained, so that a
    weight of regularisation means the same for any intensity scale.
    """

    @property
    def pointwise(self) -> bool:
        return True

    def bind(self, fixed: Tensor, weights: Tensor | None, huber: Huber | None) -> Term:
        """Attach the fixed image."""
        return _SSDTerm.create(fixed, weights, huber)


@dataclass(frozen=True, eq=False)
class _SSDTerm(Term):
    fixed: Tensor
    density: Tensor
    huber: Huber | None

    @classmethod
    def create(cls, fixed: Tensor, weights: Tensor | None, huber: Huber | None) -> _SSDTerm:
        share = normalised_weights(fixed, weights)
        spatial = tuple(range(1, fixed.ndim))
        mean = (share * fixed).sum(spatial, keepdim=True)
        variance = (share * (fixed - mean).square()).sum()
        return cls(fixed, share / variance, huber)

    def scale(self, warped: Tensor) -> Tensor | None:
        return None if self.huber is None else self.huber.scale(warped - self.fixed)

    def compare(self, warped: Tensor, threshold: Tensor | None, hessian: Hessian) -> Match:
        residual = warped - self.fixed
        if threshold is None:
            force = self.density * residual
            cost = 0.5 * torch.dot(force.reshape(-1), residual.reshape(-1))
            return Match(cost, force, self.density)
        bound = robust.curvature if hessian == "exact" else robust.majoriser
        return Match(
            (self.density * robust.loss(residual, threshold)).sum(),
            self.density * robust.influence(residual, threshold),
            self.density * bound(residual, threshold),
        )


def normalised_weights(fixed: Tensor, weights: Tensor | None) -> Tensor:
    """Weights that sum to one over the voxels, broadcastable to the fixed image."""
    if weights is None:
        return fixed.new_full((1,) * fixed.ndim, 1 / fixed[0].numel())
    return weights / weights.sum()
