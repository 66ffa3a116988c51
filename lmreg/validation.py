"""Checks of what a registration is given. Each error names the argument, the place and what was expected."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lmreg.fields import affine_positions
from lmreg.grid import Grid


def check_images(fixed: Tensor, moving: Tensor) -> None:
    """Require two batches of scalar images of the same dimension, dtype and device, finite and not constant."""
    for name, image in (("fixed", fixed), ("moving", moving)):
        if not isinstance(image, Tensor):
            raise ValueError(f"{name}: expected a torch.Tensor (got {type(image).__name__})")
        if image.ndim not in (4, 5) or image.shape[1] != 1:
            raise ValueError(
                f"{name}: expected shape (N, 1, height, width) or (N, 1, depth, height, width) "
                f"(got {tuple(image.shape)})"
            )
        if image.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"{name}: expected float32 or float64 (got {image.dtype}); convert it first")
        _check_content(name, image)
    if fixed.ndim != moving.ndim:
        raise ValueError(
            f"fixed is {fixed.ndim - 2}D and moving is {moving.ndim - 2}D: both must be the same"
        )
    if fixed.shape[0] != moving.shape[0]:
        raise ValueError(
            f"fixed holds {fixed.shape[0]} images and moving {moving.shape[0]}: pairs are needed"
        )
    if fixed.dtype != moving.dtype or fixed.device != moving.device:
        raise ValueError(
            f"fixed is {fixed.dtype} on {fixed.device} and moving {moving.dtype} on {moving.device}: "
            "both must be the same"
        )


def check_mask(mask: Tensor, fixed: Tensor) -> Tensor:
    """Weights of the voxels in the dtype of the images, shape of ``fixed``."""
    if mask.shape != fixed.shape:
        raise ValueError(
            f"fixed_mask: expected the shape of fixed, {tuple(fixed.shape)} (got {tuple(mask.shape)})"
        )
    if mask.device != fixed.device:
        raise ValueError(f"fixed_mask is on {mask.device} and the images on {fixed.device}")
    weights = mask.detach().to(fixed.dtype)
    if not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()):
        raise ValueError("fixed_mask: weights must be finite and not negative")
    for number, (pair, image) in enumerate(zip(weights, fixed, strict=True)):
        inside = image[pair > 0]
        if inside.numel() == 0:
            raise ValueError(f"fixed_mask[{number}]: no voxel has a weight above zero")
        if bool(inside.min() == inside.max()):
            raise ValueError(
                f"fixed[{number}]: the same value everywhere inside fixed_mask, nothing to align"
            )
    return weights


def grid_of(
    name: str, image: Tensor, affine: Tensor | None, spacing_mm: float | Sequence[float] | None
) -> Grid:
    """Grid from an affine or from a spacing, one millimetre per voxel without either."""
    shape, dim = tuple(image.shape[2:]), image.ndim - 2
    if affine is None:
        spacing = per_axis("spacing", 1.0 if spacing_mm is None else spacing_mm, dim)
        return Grid.from_spacing(shape, spacing, image.device)
    if spacing_mm is not None:
        raise ValueError(f"{name}_affine and spacing both given: the affine already holds the spacing")
    matrix = torch.as_tensor(affine, dtype=torch.float64, device=image.device)
    if matrix.shape != (dim + 1, dim + 1):
        raise ValueError(
            f"{name}_affine: expected shape {(dim + 1, dim + 1)}, index to millimetres (got {tuple(matrix.shape)})"
        )
    last = torch.eye(dim + 1, dtype=torch.float64, device=image.device)[-1]
    if not bool(torch.isfinite(matrix).all()) or not torch.equal(matrix[-1], last):
        raise ValueError(f"{name}_affine: expected finite numbers and a last row of zeros and a one")
    if abs(float(torch.linalg.det(matrix[:dim, :dim]))) < 1e-12:
        raise ValueError(f"{name}_affine: singular, its axes span no volume")
    return Grid(shape, matrix)


def per_axis(name: str, value: float | Sequence[float], dim: int) -> tuple[float, ...]:
    """One positive number per axis, from one for all or a sequence."""
    values = (float(value),) * dim if isinstance(value, int | float) else tuple(map(float, value))
    if len(values) != dim:
        raise ValueError(f"{name}: expected one number or {dim} (got {len(values)})")
    if not all(0 < number < float("inf") for number in values):
        raise ValueError(f"{name}: must be > 0 (got {value})")
    return values


def check_overlap(fixed: Grid, moving: Grid, transform_mm: Tensor, number: int) -> None:
    """Require that some voxel of the fixed grid falls into the moving one at the start."""
    coarse = fixed.resized([min(samples, 32) for samples in fixed.shape])
    positions = affine_positions(coarse.shape, coarse.index_map(moving, transform_mm), transform_mm)
    limit = torch.tensor(moving.shape, dtype=positions.dtype, device=positions.device) - 1
    inside = (positions >= -0.5) & (positions <= limit.reshape(-1, *(1,) * fixed.dim) + 0.5)
    if not bool(inside.all(dim=0).any()):
        raise ValueError(
            f"pair {number}: fixed and moving do not overlap in physical space at the start; "
            "check fixed_affine and moving_affine, or give an initial transform"
        )


def _check_content(name: str, image: Tensor) -> None:
    if image.numel() == 0:
        raise ValueError(f"{name}: empty, shape {tuple(image.shape)}")
    for number, one in enumerate(image.detach()):
        low, high = (float(value) for value in torch.aminmax(one))
        if not (low - high) == (low - high) or abs(low) == float("inf") or abs(high) == float("inf"):
            raise ValueError(f"{name}[{number}]: holds NaN or infinite values")
        if low == high:
            raise ValueError(f"{name}[{number}]: the same value everywhere ({low:g}), nothing to align")
