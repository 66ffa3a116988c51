"""Agreement of two images' intensities, given as arrays on one grid, normalised to about [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.metrics.region import bounding_box

Image = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

NMI_BINS = 64
SSIM_SIGMA_VOXELS = 1.5
_SSIM_RADIUS_VOXELS = 5
_SSIM_WINDOW = np.exp(
    -0.5 * (np.arange(-_SSIM_RADIUS_VOXELS, _SSIM_RADIUS_VOXELS + 1) / SSIM_SIGMA_VOXELS) ** 2
)
_SSIM_WINDOW /= _SSIM_WINDOW.sum()
# (K L)² for K of 0.01 and 0.03 and the dynamic range L = 1.
_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2


def rmse(a: Image, b: Image, mask: Mask | None = None) -> float | None:
    """Return the root mean square difference inside a mask, or everywhere; None where the mask is empty."""
    x, y = _inside(a, b, mask)
    return float(np.sqrt(np.mean((x - y) ** 2))) if x.size else None


def ncc(a: Image, b: Image, mask: Mask | None = None) -> float | None:
    """Return Pearson's correlation coefficient inside a mask; None where an image is constant there."""
    x, y = _inside(a, b, mask)
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt(np.sum(x * x) * np.sum(y * y)))
    return float(np.clip(np.sum(x * y) / norm, -1.0, 1.0)) if norm > 0 else None


def nmi(a: Image, b: Image, mask: Mask | None = None, bins: int = NMI_BINS) -> float | None:
    """Return normalised mutual information, (H(A) + H(B)) / H(A, B) (Studholme et al. 1999, eq. 8).

    1 for independent, 2 for one-to-one related intensities. The joint histogram has ``bins`` × ``bins`` equal
    bins over [0, 1]; intensities beyond are counted in the outermost bins. None where H(A, B) is 0, that is
    where both images are constant, and where the mask is empty.
    """
    x, y = _inside(a, b, mask)
    if not x.size:
        return None
    i, j = (np.clip(v * bins, 0, bins - 1).astype(np.intp) for v in (x, y))
    joint = np.bincount(i * bins + j, minlength=bins * bins).reshape(bins, bins) / x.size
    joint_entropy = _entropy(joint)
    if joint_entropy == 0:
        return None
    return (_entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))) / joint_entropy


def ssim(a: Image, b: Image, mask: Mask | None = None) -> float | None:
    """Return the mean structural similarity inside a mask (Wang et al. 2004, eq. 13).

    Gaussian window of σ = 1.5 voxels, dynamic range 1. Windows of voxels at the mask's rim reach beyond it.
    None where the mask is empty and where an image is narrower than the window of 11 voxels.
    """
    inside = np.ones(a.shape, dtype=bool) if mask is None else mask
    if not inside.any() or min(a.shape) < 2 * _SSIM_RADIUS_VOXELS + 1:
        return None
    window = bounding_box(inside, margin=_SSIM_RADIUS_VOXELS)
    if min(s.stop - s.start for s in window) < 2 * _SSIM_RADIUS_VOXELS + 1:
        window = (slice(None),) * a.ndim
    x, y = a[window].astype(np.float32), b[window].astype(np.float32)
    # One call for all five: of a small image most of a filter's time is the call.
    local = np.stack([x, y, x * x, y * y, x * y])
    for axis in range(1, local.ndim):
        local = ndimage.correlate1d(local, _SSIM_WINDOW, axis)
    mean_x, mean_y, square_x, square_y, product = local[:, inside[window]]
    luminance = (2 * mean_x * mean_y + _SSIM_C1) / (mean_x**2 + mean_y**2 + _SSIM_C1)
    variances = square_x - mean_x**2 + square_y - mean_y**2
    structure = (2 * (product - mean_x * mean_y) + _SSIM_C2) / (variances + _SSIM_C2)
    return float(np.mean(luminance * structure, dtype=np.float64))


def _inside(a: Image, b: Image, mask: Mask | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if mask is None:
        return a.ravel().astype(np.float64, copy=False), b.ravel().astype(np.float64, copy=False)
    return a[mask].astype(np.float64), b[mask].astype(np.float64)


def _entropy(p: npt.NDArray[np.float64]) -> float:
    positive = p[p > 0]
    return float(-np.sum(positive * np.log(positive))) + 0.0
