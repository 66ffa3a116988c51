from __future__ import annotations

import math

import pytest
import torch

from lmreg.fields import grid_indices
from lmreg.grid import Grid
from lmreg.inversion import invert_displacement
from lmreg.sampling import Interpolant, sample

ONE = torch.float64


def stretched(shape: tuple[int, ...], amplitude: float) -> torch.Tensor:
    """x + a sin(2π x / 24) along every axis: neighbours move apart by up to 2π a / 24 voxels, and together as much."""
    return amplitude * torch.sin(2 * math.pi / 24 * grid_indices(shape, torch.zeros(1, dtype=ONE)))


def round_trip(displacement: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    there = grid_indices(tuple(inverse.shape[1:]), inverse) + inverse
    back = there + sample(Interpolant.from_image(displacement, "linear"), there)
    return (back - grid_indices(tuple(inverse.shape[1:]), inverse)).norm(dim=0)


@pytest.mark.parametrize("shape", [(49, 49), (49, 25, 25)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_voxel_comes_back_though_neighbours_move_apart(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    """Neighbours part by 0.94 voxels and approach by as much: the map is invertible and has no contraction to use."""
    grid = Grid.from_spacing(shape, (1.0,) * len(shape))
    displacement = stretched(shape, 3.6).to(dtype)
    inverse = invert_displacement(displacement, grid, grid, torch.eye(len(shape) + 1, dtype=ONE))
    assert inverse.dtype == dtype
    assert float(round_trip(displacement, inverse).max()) < 2e-3


def test_a_stretching_by_more_than_a_voxel_a_voxel() -> None:
    """x ↦ 3.5 x from the middle outwards, whose inverse is known."""
    shape = (61,)
    ramp = 2.5 * (grid_indices((61, 61), torch.zeros(1, dtype=ONE)) - 30)
    grid = Grid.from_spacing(shape * 2, (1.0, 1.0))
    inverse = invert_displacement(ramp, grid, grid, torch.eye(3, dtype=ONE))
    index = grid_indices((61, 61), ramp)
    torch.testing.assert_close(index + inverse, 30 + (index - 30) / 3.5, atol=2e-3, rtol=0)


def test_grids_of_other_size_and_place_and_a_linear_part() -> None:
    fixed = Grid((40, 48), torch.tensor([[2.0, 0, 5], [0, 1, -3], [0, 0, 1]], dtype=ONE))
    moving = Grid((30, 36), torch.tensor([[0.0, 1.5, 8], [2.5, 0, 0], [0, 0, 1]], dtype=ONE))
    matrix = torch.tensor([[1.2, 0.1, 2], [-0.2, 0.9, 1], [0, 0, 1]], dtype=ONE)
    places = grid_indices(fixed.shape, torch.zeros(1, dtype=ONE))
    bent = places + 1.5 * torch.sin(places / 7)
    to_index = torch.linalg.solve(fixed.affine, matrix @ fixed.affine)
    total = torch.einsum("ab,b...->a...", to_index[:2, :2], bent) + to_index[:2, 2, None, None]
    inverse = invert_displacement(total - places, fixed, moving, matrix)
    # From moving voxels to fixed voxels by the inverse, and back by formula.
    index = grid_indices(moving.shape, inverse)
    to_fixed = torch.linalg.solve(fixed.affine, moving.affine)
    there = torch.einsum("ab,b...->a...", to_fixed[:2, :2], index + inverse) + to_fixed[:2, 2, None, None]
    inside = ((there > 2) & (there < torch.tensor([37.0, 45.0], dtype=ONE)[:, None, None])).all(dim=0)
    assert inside.float().mean() > 0.3
    bent_there = there + 1.5 * torch.sin(there / 7)
    again = torch.einsum("ab,b...->a...", to_index[:2, :2], bent_there) + to_index[:2, 2, None, None]
    to_moving = torch.linalg.inv(to_fixed)
    back = torch.einsum("ab,b...->a...", to_moving[:2, :2], again) + to_moving[:2, 2, None, None]
    # Between voxels the displacement is interpolated linearly, which bends by at most 1.5 / 49 / 8 voxels.
    assert float((back - index)[:, inside].abs().max()) < 0.02


def test_where_the_map_folds_the_inverse_is_finite_and_one_of_those_there_are() -> None:
    grid = Grid.from_spacing((49, 49), (1.0, 1.0))
    displacement = stretched((49, 49), 8.0)
    inverse = invert_displacement(displacement, grid, grid, torch.eye(3, dtype=ONE))
    assert bool(inverse.isfinite().all())
    assert float((round_trip(displacement, inverse) < 2e-3).double().mean()) > 0.8
