"""Local normalised cross-correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg import robust
from lmreg.pyramid import gaussian_rows
from lmreg.robust import Huber
from lmreg.separable import SeparableBasis
from lmreg.similarity import Hessian, Match, Similarity, Term

WINDOW_STRIDE = 2
MISMATCH_FLOOR = 1e-6


@dataclass(frozen=True)
class LNCC(Similarity):
    """Correlation within Gaussian windows, insensitive to local changes of brightness and contrast.

    The cost is the mean over windows of ``v / (v + n) · (1 - ρ)``, with ρ the correlation of the two images within a
    window, v the variance of the fixed image there and n that of noise: windows without contrast tell nothing.
    One minus a correlation is half the mean squared difference of the standardised windows: a least-squares residual.
    Windows lie on every second voxel along each axis; their statistics are differentiated too, not held
    fixed (unlike Cachier and Pennec 2000; Avants et al. 2008, eq. 6).

    Attributes
    ----------
    window_sigma : float
        Standard deviation of the window, in voxels of each level.
    noise : float
        Standard deviation of the noise, as a share of that of each image.
    """

    window_sigma: float = 2.0
    noise: float = 3e-3

    def __post_init__(self) -> None:
        for name, value in (("window_sigma", self.window_sigma), ("noise", self.noise)):
            if not value > 0:
                raise ValueError(f"LNCC {name} must be > 0 (got {value})")

    @property
    def reach(self) -> int:
        """Three standard deviations of the window: beyond, windows around the content hold next to none of it."""
        return math.ceil(3 * self.window_sigma)

    def bind(self, fixed: Tensor, weights: Tensor | None, huber: Huber | None) -> Term:
        """Attach the fixed image."""
        windows = SeparableBasis(
            tuple(window_rows(n, self.window_sigma).to(fixed).mT for n in fixed.shape[1:])
        )
        # From zero on: changes no correlation, and loses fewer digits in the squares.
        fixed = fixed - fixed.detach().min()
        noise = self.noise**2 * fixed.var(correction=0)
        mean, square = windows.adjoint_of(lambda rows: torch.stack([fixed[:, rows], fixed[:, rows].square()]))
        image = _Windowed.of(mean, square, noise)
        contrast = 1 - noise / image.variance
        share = torch.ones_like(contrast) if weights is None else windows.adjoint(weights).expand_as(contrast)
        return _LNCCTerm(fixed, windows, image, share / share.sum() * contrast, self.noise, huber)


def window_rows(samples: int, sigma: float) -> Tensor:
    """Gaussian windows on every second sample, symmetric about the middle; shape (windows, samples), float64."""
    count = (samples + 1) // WINDOW_STRIDE
    first = (samples - 1 - WINDOW_STRIDE * (count - 1)) / 2
    centres = first + WINDOW_STRIDE * torch.arange(count, dtype=torch.float64)
    return gaussian_rows(centres, samples, sigma)


@dataclass(frozen=True, eq=False)
class _Windowed:
    """Mean and variance (noise included) of an image within each window."""

    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, mean: Tensor, square: Tensor, noise: Tensor) -> _Windowed:
        """From the windowed image, its windowed square and the variance of the noise."""
        return cls(mean, (square - mean.square()).clamp_min(0) + noise)


@dataclass(frozen=True, eq=False)
class _LNCCTerm(Term):
    fixed: Tensor
    windows: SeparableBasis
    image: _Windowed
    share: Tensor
    noise: float
    huber: Huber | None

    @property
    def exact(self) -> bool:
        """False: the Hessian couples all voxels of a window."""
        return False

    def scale(self, warped: Tensor) -> Tensor | None:
        if self.huber is None:
            return None
        return self.huber.scale(_mismatch(self._compared(warped, warped.min()).correlation))

    def compare(self, warped: Tensor, threshold: Tensor | None, hessian: Hessian) -> Match:  # noqa: ARG002
        lowest = warped.detach().min()
        comparison = self._compared(warped, lowest)
        mismatch, image = _mismatch(comparison.correlation), comparison.image
        share = self.share
        if threshold is not None:
            share = share * robust.majoriser(mismatch, threshold)
        cost = (self.share * robust.loss(mismatch, threshold)).sum()
        # The derivative by the variance that both the window and the noise contribute to.
        across, along = share * comparison.inverse, share * comparison.correlation / image.variance
        offset = along * image.mean - across * self.image.mean
        spread = self.noise**2 / warped.numel() * along.sum()
        spread_offset = spread * (warped.mean() - lowest)
        fields = torch.stack([across, offset, along, share / image.variance])
        force, curvature = [], []
        for rows in self.windows.slabs:
            across, offset, along, bound = self.windows.evaluate_rows(fields, rows)
            moving = warped[:, rows] - lowest
            pull = (along + spread) * moving - (offset + spread_offset)
            force.append(pull.addcmul_(across, self.fixed[:, rows], value=-1))
            # A copy, so that the memory of the three others is free.
            curvature.append(bound.clone())
        return Match(cost, torch.cat(force, dim=1), torch.cat(curvature, dim=1))

    def _compared(self, warped: Tensor, lowest: Tensor) -> _Comparison:
        """Compare windows of a warped image, seen from its lowest value on."""

        def products(rows: slice) -> Tensor:
            moving = warped[:, rows] - lowest
            return torch.stack([moving, moving.square(), self.fixed[:, rows] * moving])

        mean, square, product = self.windows.adjoint_of(products)
        image = _Windowed.of(mean, square, self.noise**2 * warped.var(correction=0))
        inverse = self.image.variance.rsqrt() * image.variance.rsqrt()
        return _Comparison((product - mean * self.image.mean) * inverse, image, inverse)


@dataclass(frozen=True, eq=False)
class _Comparison:
    """The correlation in each window, the warped image's statistics and the inverse product of the deviations."""

    correlation: Tensor
    image: _Windowed
    inverse: Tensor


def _mismatch(correlation: Tensor) -> Tensor:
    """Residual whose half square is one minus the correlation."""
    return (2 * (1 - correlation)).clamp_min(MISMATCH_FLOOR).sqrt()
