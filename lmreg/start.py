"""Where a registration begins."""

from __future__ import annotations

import torch
from torch import Tensor

from lmreg.fields import affine_positions, grid_indices
from lmreg.grid import Grid
from lmreg.ncc import NCC
from lmreg.pyramid import downsample
from lmreg.sampling import Interpolant, sample

COARSE_SAMPLES = 24


def start_matrix(
    fixed_grid: Grid,
    moving_grid: Grid,
    fixed: Tensor,
    moving: Tensor,
    initial: Tensor | None,
    *,
    centre: bool,
) -> Tensor:
    """Map from fixed to moving millimetres to begin with.

    Parameters
    ----------
    fixed_grid, moving_grid : Grid
        Grids of the images.
    fixed, moving : Tensor
        Shape (1, *spatial) each.
    initial : Tensor or None
        The wanted map, which is then returned.
    centre : bool
        Whether to try, beside the identity, the translation that brings the centres of mass together; of the two the
        one with the larger magnitude of correlation wins.

    Returns
    -------
    Tensor
        Shape (dim + 1, dim + 1), float64.
    """
    identity = torch.eye(fixed_grid.dim + 1, dtype=torch.float64, device=fixed.device)
    if initial is not None:
        return initial
    if not centre:
        return identity
    with torch.no_grad():
        coarse = [_coarse(grid, image) for grid, image in ((fixed_grid, fixed), (moving_grid, moving))]
        centred = identity.clone()
        centred[:-1, -1] = _centre_of_mass_mm(*coarse[1]) - _centre_of_mass_mm(*coarse[0])
        return max(identity, centred, key=lambda matrix: _correlation(coarse[0], coarse[1], matrix))


def _coarse(grid: Grid, image: Tensor) -> tuple[Grid, Tensor]:
    small = grid.resized([min(samples, COARSE_SAMPLES) for samples in grid.shape])
    return small, downsample(image.detach(), small.shape)


def _centre_of_mass_mm(grid: Grid, image: Tensor) -> Tensor:
    mass = (image[0] - image.min()).double()
    index = grid_indices(grid.shape, mass)
    centre = (index * mass).reshape(grid.dim, -1).sum(1) / mass.sum()
    return grid.affine[: grid.dim, : grid.dim] @ centre + grid.affine[: grid.dim, grid.dim]


def _correlation(fixed: tuple[Grid, Tensor], moving: tuple[Grid, Tensor], matrix: Tensor) -> float:
    positions = affine_positions(fixed[0].shape, fixed[0].index_map(moving[0], matrix), fixed[1])
    warped = sample(Interpolant.from_image(moving[1], "linear"), positions)
    match = NCC().bind(fixed[1], None, None).compare(warped, None, "gauss_newton")
    correlation = abs(1 - float(match.cost))
    return correlation if correlation == correlation else -1.0
