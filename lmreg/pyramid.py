"""Gaussian pyramids of images on grids."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.separable import apply_along_axes

SMOOTHING_SIGMA = 0.5


@lru_cache(maxsize=64)
def smoothing_matrix(samples: int, coarse_samples: int) -> Tensor:
    """Gaussian smoothing and subsampling of one axis in one step.

    The corner samples coincide; the standard deviation is half a coarse sample; rows sum to one.

    Returns
    -------
    Tensor
        Shape (coarse_samples, samples), float64; the identity where the sizes agree.
    """
    if samples == coarse_samples:
        return torch.eye(samples, dtype=torch.float64)
    step = (samples - 1) / (coarse_samples - 1)
    centres = torch.arange(coarse_samples, dtype=torch.float64) * step
    return gaussian_rows(centres, samples, SMOOTHING_SIGMA * step)


@lru_cache(maxsize=64)
def window_matrix(samples: int, sigma: float) -> Tensor:
    """Gaussian window of one axis, ``sigma`` in samples; shape (samples, samples), float64, rows sum to one."""
    return gaussian_rows(torch.arange(samples, dtype=torch.float64), samples, sigma)


def gaussian_rows(centres: Tensor, samples: int, sigma: float) -> Tensor:
    """Normalised Gaussian weights of each sample around each centre; shape (centres, samples)."""
    distance = (torch.arange(samples, dtype=centres.dtype) - centres[:, None]) / sigma
    weights = torch.exp(-0.5 * distance**2) * (distance.abs() <= 5)
    return weights / weights.sum(dim=1, keepdim=True)


def level_spacing_mm(fixed: Grid, moving: Grid, level: int) -> float:
    """Spacing that both images are brought to at a level: the finest common one, doubled per level."""
    finest = max(min(fixed.spacing_mm), min(moving.spacing_mm))
    return math.ldexp(finest, level)


def level_grid(grid: Grid, spacing_mm: float, level: int) -> Grid:
    """Grid of a pyramid level; level 0 is the image's own grid."""
    return grid if level == 0 else grid.coarsened(spacing_mm)


def downsample(image: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Smooth and subsample an image of shape (channels, *spatial) to (channels, *shape)."""
    if tuple(image.shape[1:]) == shape:
        return image
    matrices = [
        smoothing_matrix(samples, coarse).to(image)
        for samples, coarse in zip(image.shape[1:], shape, strict=True)
    ]
    return apply_along_axes(image, matrices)
