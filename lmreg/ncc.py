"""Global normalised cross-correlation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg import robust
from lmreg.robust import Huber
from lmreg.similarity import Hessian, Match, Similarity, Term, normalised_weights


@dataclass(frozen=True)
class NCC(Similarity):
    """Correlation coefficient as a least-squares residual.

    Both images are brought to mean 0 and variance 1 (weighted); the cost is half the mean squared difference of the
    results, which is one minus their correlation.
    """

    @property
    def pointwise(self) -> bool:
        return True

    def bind(self, fixed: Tensor, weights: Tensor | None, huber: Huber | None) -> Term:
        """Attach the fixed image."""
        share = normalised_weights(fixed, weights)
        return _NCCTerm(_standardised(fixed, share)[0], share, huber)


@dataclass(frozen=True, eq=False)
class _NCCTerm(Term):
    fixed: Tensor
    share: Tensor
    huber: Huber | None

    @property
    def exact(self) -> bool:
        """Whether the Hessian in closed form is exact: not with the robust loss."""
        return self.huber is None

    def scale(self, warped: Tensor) -> Tensor | None:
        if self.huber is None:
            return None
        return self.huber.scale(_standardised(warped, self.share)[0] - self.fixed)

    def compare(self, warped: Tensor, threshold: Tensor | None, hessian: Hessian) -> Match:
        standard, deviation = _standardised(warped, self.share)
        residual = standard - self.fixed
        influence = robust.influence(residual, threshold)
        projected = influence - (self.share * influence).sum()
        slope = (self.share * influence * standard).sum()
        force = self.share / deviation * (projected - slope * standard)
        cost = (self.share * robust.loss(residual, threshold)).sum()
        weighted = self.share / deviation
        ones = weighted.expand_as(standard)
        if threshold is not None:
            curvature = weighted / deviation * robust.majoriser(residual, threshold)
            return Match(cost, force, curvature)
        if hessian == "gauss_newton":
            factors = torch.stack([ones, weighted * standard])
            return Match(cost, force, weighted / deviation, factors, -torch.eye(2).to(factors))
        # With ρ the correlation and e = f − ρ m, both images standardised, the second derivative of −ρ is
        # (ρ (W − W 1 1ᵀ W − W m mᵀ W) + W e mᵀ W + W m eᵀ W) / σ².
        correlation = 1 - slope
        rest = self.fixed - correlation * standard
        factors = torch.stack([ones, weighted * standard, weighted * rest])
        core = torch.zeros(3, 3).to(factors)
        core[0, 0] = core[1, 1] = -correlation
        core[1, 2] = core[2, 1] = 1
        return Match(cost, force, correlation * weighted / deviation, factors, core)


def _standardised(image: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    centred = image - (share * image).sum()
    deviation = (share * centred.square()).sum().sqrt()
    return centred / deviation, deviation
