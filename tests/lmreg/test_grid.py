import math

import pytest
import torch

from lmreg.grid import Grid


def oblique() -> Grid:
    turn = torch.tensor(
        [[math.cos(0.3), -math.sin(0.3)], [math.sin(0.3), math.cos(0.3)]], dtype=torch.float64
    )
    affine = torch.eye(3, dtype=torch.float64)
    affine[:2, :2] = turn @ torch.diag(torch.tensor([2.0, 0.5], dtype=torch.float64))
    affine[:2, 2] = torch.tensor([-7.0, 11.0])
    return Grid((9, 33), affine)


def corner(grid: Grid) -> torch.Tensor:
    last = torch.tensor([*(n - 1.0 for n in grid.shape), 1.0], dtype=torch.float64)
    return grid.affine @ last


def test_spacing_is_the_length_of_the_axes():
    assert oblique().spacing_mm == pytest.approx((2.0, 0.5))


def test_resizing_keeps_the_corner_samples():
    grid = oblique()
    small = grid.resized((5, 11))
    torch.testing.assert_close(corner(small), corner(grid))
    torch.testing.assert_close(small.affine[:, 2], grid.affine[:, 2])
    torch.testing.assert_close(small.centre_mm, grid.centre_mm)


def test_coarsening_brings_axes_to_one_spacing_and_never_refines():
    small = oblique().coarsened(2.0, minimum_samples=4)
    assert small.shape == (9, 9)
    assert small.spacing_mm == pytest.approx((2.0, 2.0))
    assert oblique().coarsened(100.0, minimum_samples=4).shape == (4, 4)


def test_index_map_goes_through_physical_space():
    fixed, moving = oblique(), Grid.from_spacing((20, 20), (0.7, 1.3))
    shift = torch.eye(3, dtype=torch.float64)
    shift[:2, 2] = torch.tensor([3.0, -4.0])
    index = torch.tensor([2.0, 5.0, 1.0], dtype=torch.float64)
    reached = moving.affine @ fixed.index_map(moving, shift) @ index
    torch.testing.assert_close(reached, shift @ fixed.affine @ index)


def test_normalised_coordinates_run_from_corner_to_corner():
    matrix = oblique().normalised_to_index()
    ends = torch.tensor([[-1.0, 1.0], [-1.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(
        matrix @ ends, torch.tensor([[0.0, 8.0], [0.0, 32.0], [1.0, 1.0]], dtype=torch.float64)
    )
