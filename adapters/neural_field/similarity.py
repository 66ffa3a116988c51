"""How unlike two sets of intensities are, drawn at corresponding points."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

SimilarityName = Literal["ncc", "ssd", "lncc"]
SMALLEST_VARIANCE = 1e-8
# Variance of noise in a patch, as a share of that of all points: patches without contrast tell nothing.
PATCH_NOISE = 1e-3


def dissimilarity(name: SimilarityName, fixed: Tensor, moving: Tensor) -> Tensor:
    """Return a scalar that is 0 for equal intensities and about 1 for unrelated ones.

    Parameters
    ----------
    name : "ncc", "ssd" or "lncc"
        One minus the correlation of all points; their mean squared difference in units of twice the fixed image's
        variance; one minus the correlation within each patch, on average.
    fixed, moving : Tensor
        Shape (patches, points of a patch); patches of one point unless ``name`` is ``lncc``.
    """
    if name == "ssd":
        return (fixed - moving).square().mean() / (2 * _variance(fixed))
    if name == "ncc":
        fixed, moving = fixed.reshape(1, -1), moving.reshape(1, -1)
        return 1 - _correlation(fixed, moving, SMALLEST_VARIANCE, SMALLEST_VARIANCE).mean()
    noise = [PATCH_NOISE * _variance(image).detach() for image in (fixed, moving)]
    return 1 - _correlation(fixed, moving, *noise).mean()


def _correlation(
    fixed: Tensor, moving: Tensor, fixed_noise: Tensor | float, moving_noise: Tensor | float
) -> Tensor:
    """Correlation within each patch, shape (patches,)."""
    fixed, moving = (image - image.mean(1, keepdim=True) for image in (fixed, moving))
    covariance = (fixed * moving).mean(1)
    variances = (fixed.square().mean(1) + fixed_noise) * (moving.square().mean(1) + moving_noise)
    return covariance / variances.sqrt()


def _variance(image: Tensor) -> Tensor:
    return (image - image.mean()).square().mean() + SMALLEST_VARIANCE
