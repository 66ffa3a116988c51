"""Warping images with a displacement field."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lmreg.fields import grid_indices
from lmreg.sampling import Interpolant, Interpolation, sample
from lmreg.validation import grid_of


def warp(
    image: Tensor,
    displacement: Tensor,
    *,
    spacing: float | Sequence[float] | None = None,
    fixed_affine: Tensor | None = None,
    image_affine: Tensor | None = None,
    interpolation: Interpolation = "linear",
) -> Tensor:
    """Warp images to the fixed grid; differentiable in the images and in the displacement.

    Parameters
    ----------
    image : Tensor
        Shape (N, channels, *spatial), on any grid: the moving image, another contrast, a probability map.
    displacement : Tensor
        Shape (N, dim, *fixed spatial), in voxels of the fixed grid, as :class:`lmreg.Result` holds it.
    spacing, fixed_affine, image_affine
        Grids of the displacement and of the image, as for :func:`lmreg.register`.
    interpolation : "linear" or "cubic"
        Of the image.

    Returns
    -------
    Tensor
        Shape (N, channels, *fixed spatial). Beyond the image its edge value continues.

    Raises
    ------
    ValueError
        When batch sizes or dimensions do not fit.
    """
    dim = displacement.ndim - 2
    if image.ndim != displacement.ndim or displacement.shape[1] != dim or len(image) != len(displacement):
        raise ValueError(
            f"image of shape {tuple(image.shape)} and displacement of shape {tuple(displacement.shape)} "
            "do not fit: expected (N, channels, *spatial) and (N, dim, *spatial)"
        )
    fixed_grid = grid_of("fixed", displacement, fixed_affine, spacing)
    image_grid = grid_of("image", image, image_affine, spacing)
    identity = torch.eye(dim + 1, dtype=torch.float64, device=image.device)
    index_map = fixed_grid.index_map(image_grid, identity).to(displacement)
    linear, offset = index_map[:dim, :dim], index_map[:dim, dim].reshape(dim, *(1,) * dim)
    index = grid_indices(fixed_grid.shape, displacement)
    warped = [
        sample(
            Interpolant.from_image(one, interpolation),
            torch.einsum("ab,b...->a...", linear, index + field) + offset,
        )
        for one, field in zip(image, displacement, strict=True)
    ]
    return torch.stack(warped)
