"""MIND-SSC: modality independent neighbourhood descriptors with self-similarity context."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from lmreg.pyramid import window_matrix
from lmreg.robust import Huber
from lmreg.separable import apply_along_axes
from lmreg.similarity import SSD, Similarity, Term


@dataclass(frozen=True)
class MIND(Similarity):
    """Squared difference of MIND-SSC descriptors (Heinrich et al. 2012, 2013): for images of different modality.

    The descriptors of both images are computed once per level; those of the moving image are warped.

    Attributes
    ----------
    dilation : int
        Distance in voxels from a voxel to the neighbours whose patches are compared.
    sigma : float
        Standard deviation in voxels of the Gaussian patch.
    variance_floor : float
        Share of its mean over the image that is added to the local variance estimate: flat regions, such as the air
        around a head, then have descriptors close to one instead of those of their noise.
    """

    dilation: int = 2
    sigma: float = 1.0
    variance_floor: float = 0.5

    def features(self, image: Tensor, spacing_mm: tuple[float, ...]) -> Tensor:  # noqa: ARG002
        """Descriptors: 12 channels in 3D, 4 in 2D, in (0, 1]."""
        windows = [window_matrix(samples, self.sigma).to(image) for samples in image.shape[1:]]
        shifted = {
            (axis, sign): _shifted(image[0], axis, sign * self.dilation)
            for axis in range(image.ndim - 1)
            for sign in (-1, 1)
        }
        # Neighbours along the same axis lie opposite each other; the context uses the adjacent ones.
        pairs = [(one, two) for one, two in combinations(shifted, 2) if one[0] != two[0]]
        differences = torch.stack([(shifted[one] - shifted[two]).square() for one, two in pairs])
        distances = apply_along_axes(differences, windows)
        variance = distances.mean(dim=0)
        floor = self.variance_floor * variance.mean()
        return torch.exp(-distances / (variance + floor))

    def bind(self, fixed: Tensor, weights: Tensor | None, huber: Huber | None) -> Term:
        """Attach the descriptors of the fixed image."""
        return SSD().bind(fixed, weights, huber)


def _shifted(image: Tensor, axis: int, offset: int) -> Tensor:
    samples = image.shape[axis]
    index = (torch.arange(samples, device=image.device) + offset).clamp(0, samples - 1)
    return image.index_select(axis, index)
