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
        fixed = _shifted(fixed)
        image = _Windowed.of(fixed, windows, self.noise)
        contrast = 1 - self.noise**2 * _variance(fixed) / image.variance
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
    def of(cls, image: Tensor, windows: SeparableBasis, noise: float) -> _Windowed:
        mean, square = windows.adjoint(torch.stack([image, image.square()]))
        return cls(mean, (square - mean.square()).clamp_min(0) + noise**2 * _variance(image))


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
        return self.huber.scale(_mismatch(self._correlation(_shifted(warped))[0]))

    def compare(self, warped: Tensor, threshold: Tensor | None, hessian: Hessian) -> Match:  # noqa: ARG002
        warped = _shifted(warped)
        correlation, image, inverse = self._correlation(warped)
        mismatch = _mismatch(correlation)
        share = self.share
        if threshold is not None:
            share = share * robust.majoriser(mismatch, threshold)
        cost = (self.share * robust.loss(mismatch, threshold)).sum()
        # The derivative by the variance that both the window and the noise contribute to.
        across, along = share * inverse, share * correlation / image.variance
        offset = along * image.mean - across * self.image.mean
        across, offset, along, curvature = self.windows.evaluate(
            torch.stack([across, offset, along, share / image.variance])
        )
        spread = self.noise**2 / warped.numel() * (share * correlation / image.variance).sum()
        force = (along * warped).sub_(offset).addcmul_(across, self.fixed, value=-1)
        force.addcmul_(warped - warped.mean(), spread)
        # A copy, so that the memory of the three others is free.
        return Match(cost, force, curvature.clone())

    def _correlation(self, warped: Tensor) -> tuple[Tensor, _Windowed, Tensor]:
        """Correlation in each window, statistics of the warped image, inverse product of the deviations."""
        mean, square, product = self.windows.adjoint(
            torch.stack([warped, warped.square(), self.fixed * warped])
        )
        variance = (square - mean.square()).clamp_min(0) + self.noise**2 * _variance(warped)
        inverse = self.image.variance.rsqrt() * variance.rsqrt()
        return (product - mean * self.image.mean) * inverse, _Windowed(mean, variance), inverse


def _shifted(image: Tensor) -> Tensor:
    """The image from zero on: changes no correlation, and loses fewer digits in the squares."""
    return image - image.detach().min()


def _variance(image: Tensor) -> Tensor:
    return (image - image.mean()).square().mean()


def _mismatch(correlation: Tensor) -> Tensor:
    """Residual whose half square is one minus the correlation."""
    return (2 * (1 - correlation)).clamp_min(MISMATCH_FLOOR).sqrt()
