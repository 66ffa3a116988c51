"""Synthetic pairs with a known motion, sampled exactly: no interpolation between the images and the truth."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk

from adapters.interface import Problem

Array = npt.NDArray[np.float64]

OBJECT_RADIUS_MM = 26.0
BLOBS = {2: 40, 3: 90}


@dataclass(frozen=True)
class SyntheticPair:
    """A problem, its answer, and points where there is structure to hold on to."""

    problem: Problem
    points: Array

    def errors_mm(self, transform: sitk.Transform) -> Array:
        """Distances between where a transform and the truth take the points."""
        truth = self.problem.true_transform
        assert truth is not None
        return np.linalg.norm(map_points(transform, self.points) - map_points(truth, self.points), axis=1)


def map_points(transform: sitk.Transform, points: Array) -> Array:
    return np.array([transform.TransformPoint(point) for point in points.tolist()])


def empty_grid(
    size: tuple[int, ...], spacing_mm: tuple[float, ...], direction: Array, middle_mm: tuple[float, ...]
) -> sitk.Image:
    image = sitk.Image(list(size), sitk.sitkFloat32)
    image.SetSpacing(spacing_mm)
    image.SetDirection(direction.ravel().tolist())
    half = (np.array(size) - 1) / 2 * np.array(spacing_mm)
    image.SetOrigin((np.array(middle_mm) - direction @ half).tolist())
    return image


def grid_points(grid: sitk.Image) -> Array:
    """Physical points of all voxels, first axis fastest, as in the image's buffer."""
    ranges = [range(size) for size in reversed(grid.GetSize())]
    indices = np.array([index[::-1] for index in itertools.product(*ranges)], dtype=float)
    direction = np.reshape(grid.GetDirection(), (grid.GetDimension(),) * 2)
    return np.array(grid.GetOrigin()) + (indices * np.array(grid.GetSpacing())) @ direction.T


def blobs(points: Array) -> Array:
    """Gaussian blobs inside a soft-edged ball, values in [0, 1]: structure everywhere, background zero."""
    dimension = points.shape[1]
    rng = np.random.default_rng(7)
    values = np.full(len(points), 0.15)
    for _ in range(BLOBS[dimension]):
        centre = rng.uniform(-OBJECT_RADIUS_MM, OBJECT_RADIUS_MM, dimension)
        sigma_mm, height = rng.uniform(2.5, 5.0), rng.uniform(0.3, 1.0)
        values += height * np.exp(-((points - centre) ** 2).sum(axis=1) / (2 * sigma_mm**2))
    radius = np.sqrt((points**2).sum(axis=1))
    inside = 1 / (1 + np.exp(np.minimum((radius - OBJECT_RADIUS_MM) / 1.2, 50)))
    return np.clip(values / 2.2, 0, 1) * inside


def sample(grid: sitk.Image, values: Array) -> sitk.Image:
    image = sitk.GetImageFromArray(values.reshape(grid.GetSize()[::-1]).astype(np.float32))
    image.CopyInformation(grid)
    return image


def rotation(dimension: int, degrees: float) -> Array:
    """A rotation about no axis of the grid."""
    angle = np.deg2rad(degrees)
    if dimension == 2:
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    euler = sitk.VersorTransform((0.48, -0.6, 0.64), float(angle))
    return np.reshape(euler.GetMatrix(), (3, 3))


def flipped_grids(dimension: int) -> tuple[sitk.Image, sitk.Image]:
    """Axes mirrored (the moving ones also permuted), anisotropic, different from each other."""
    if dimension == 2:
        return (
            empty_grid((52, 42), (1.3, 1.7), np.diag([-1.0, 1.0]), (2.0, -1.0)),
            empty_grid((40, 60), (1.8, 1.2), np.array([[0.0, -1.0], [1.0, 0.0]]), (-3.0, 2.0)),
        )
    permuted = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    return (
        empty_grid((38, 34, 30), (1.8, 2.0, 2.3), np.diag([-1.0, -1.0, 1.0]), (2.0, -1.0, 1.0)),
        empty_grid((33, 40, 36), (2.1, 1.7, 1.9), permuted, (-2.0, 2.0, 1.0)),
    )


def oblique_grids(dimension: int) -> tuple[sitk.Image, sitk.Image]:
    """Directions along no axis of space (one of them left-handed), anisotropic, different from each other."""
    mirror = np.diag([1.0] * (dimension - 1) + [-1.0])
    if dimension == 2:
        return (
            empty_grid((50, 44), (1.4, 1.6), rotation(2, 25) @ mirror, (1.0, 2.0)),
            empty_grid((60, 42), (1.2, 1.7), rotation(2, -15), (0.0, -3.0)),
        )
    return (
        empty_grid((36, 40, 31), (1.9, 1.7, 2.2), rotation(3, 25) @ mirror, (1.0, 2.0, -1.0)),
        empty_grid((40, 33, 37), (1.7, 2.1, 1.9), rotation(3, -15), (0.0, -2.0, 2.0)),
    )


def motion(kind: str, dimension: int) -> sitk.AffineTransform:
    """A translation by unlike amounts along the axes, or a rotation by nine degrees."""
    transform = sitk.AffineTransform(dimension)
    if kind == "translation":
        transform.SetTranslation([3.5, -2.0, 2.7][:dimension])
    else:
        transform.SetMatrix(rotation(dimension, 9).ravel().tolist())
    return transform


def build(kind: str, dimension: int) -> SyntheticPair:
    fixed_grid, moving_grid = (flipped_grids if kind == "translation" else oblique_grids)(dimension)
    truth = motion(kind, dimension)
    fixed_points, moving_points = grid_points(fixed_grid), grid_points(moving_grid)
    fixed = sample(fixed_grid, blobs(fixed_points))
    matrix = np.reshape(truth.GetMatrix(), (dimension, dimension))
    pulled_back = (moving_points - np.array(truth.GetTranslation())) @ np.linalg.inv(matrix).T
    moving = sample(moving_grid, blobs(pulled_back))
    radius = np.sqrt((fixed_points**2).sum(axis=1))
    mask = sample(fixed_grid, (radius < OBJECT_RADIUS_MM + 4).astype(float))
    inner = fixed_points[radius < OBJECT_RADIUS_MM - 4]
    problem = Problem(fixed, moving, fixed_mask=sitk.Cast(mask, sitk.sitkUInt8), true_transform=truth)
    return SyntheticPair(problem, inner[:: max(1, len(inner) // 300)])


@pytest.fixture(scope="session")
def synthetic_pair() -> Callable[[str, int], SyntheticPair]:
    """Return a function of motion (``translation`` or ``rotation``) and dimension; pairs are built once."""
    built: dict[tuple[str, int], SyntheticPair] = {}

    def pair(kind: str, dimension: int) -> SyntheticPair:
        if (kind, dimension) not in built:
            built[kind, dimension] = build(kind, dimension)
        return built[kind, dimension]

    return pair
