"""Random warps and fields, drawn from a seeded generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.grid import FloatArray, Grid
from datasets.recipes import Motion
from datasets.warps import FlowWarp, LinearWarp, SplineField, SplineWarp

_PROBE_SPACING_MM = 4.0


def random_field(
    rng: np.random.Generator, grid: Grid, control_spacing_mm: float, components: int
) -> SplineField:
    """Draw a smooth field with standard normal coefficients, supported all over a grid's extent."""
    lower, upper = grid.extent_mm
    cells = np.ceil((upper - lower) / control_spacing_mm).astype(int)
    slack = cells * control_spacing_mm - (upper - lower)
    # Nodes beyond what the support asks for: scipy takes everything past the last node for zero.
    origin = lower - 0.5 * slack - 2.0 * control_spacing_mm
    coefficients = rng.standard_normal((components, *(cells + 5)))
    return SplineField(coefficients, origin, np.full(grid.dimension, control_spacing_mm))


def random_displacement(
    rng: np.random.Generator, grid: Grid, control_spacing_mm: float, amplitude_mm: float
) -> SplineWarp:
    """Draw a smooth displacement whose largest length on a grid is ``amplitude_mm``."""
    field = random_field(rng, grid, control_spacing_mm, grid.dimension)
    return SplineWarp(field.scaled(amplitude_mm / _largest(field, grid)))


def random_flow(
    rng: np.random.Generator, grid: Grid, control_spacing_mm: float, amplitude_mm: float, taper_mm: float
) -> FlowWarp:
    """Draw a diffeomorphism whose fastest point has speed ``amplitude_mm``, so that none moves further."""
    field = random_field(rng, grid, control_spacing_mm, grid.dimension)
    return FlowWarp(field.scaled(amplitude_mm / _largest(field, grid)), grid, taper_mm)


def random_spline(
    rng: np.random.Generator, grid: Grid, control_points: Sequence[int], amplitude_mm: float
) -> SplineWarp:
    """Draw a free-form deformation over a grid's extent whose largest displacement is ``amplitude_mm``."""
    lower, upper = grid.extent_mm
    spacing = (upper - lower) / (np.asarray(control_points) - 3)
    coefficients = rng.uniform(-1.0, 1.0, (grid.dimension, *control_points))
    field = SplineField(coefficients, lower - spacing, spacing)
    return SplineWarp(field.scaled(amplitude_mm / _largest(field, grid)))


def _largest(field: SplineField, grid: Grid) -> float:
    stride = max(1, round(_PROBE_SPACING_MM / grid.spacing_mm))
    probes = Grid(tuple(n // stride for n in grid.size), grid.spacing_mm * stride, grid.origin_mm)
    return float(np.sqrt(np.max(np.sum(field(probes.points()) ** 2, axis=-1))))


def random_motion(rng: np.random.Generator, motion: Motion, centre_mm: FloatArray) -> LinearWarp:
    """Draw an affine motion."""
    dimension = len(centre_mm)

    def draw(largest: float, n: int) -> FloatArray:
        signed: FloatArray = largest * rng.uniform(0.5, 1.0, n) * rng.choice((-1.0, 1.0), n)
        return signed

    # Far from whole millimetres: a shift by whole voxels would leave nothing to interpolate.
    translation_mm = draw(motion.translation_mm, dimension)
    if motion.translation_mm:
        translation_mm = np.trunc(translation_mm) + np.sign(translation_mm) * rng.uniform(
            0.25, 0.75, dimension
        )
    angles_deg = draw(motion.rotation_deg, 1 if dimension == 2 else 3)
    stretch = np.diag(1.0 + draw(motion.scaling, dimension))
    upper = np.triu_indices(dimension, k=1)
    stretch[upper] = draw(motion.shear, len(upper[0]))
    return LinearWarp.about(centre_mm, rotation(angles_deg.tolist()) @ stretch, translation_mm)


def rotation(degrees: Sequence[float]) -> FloatArray:
    """Return a rotation matrix: one angle in 2D; angles about x, y and z, applied in this order, in 3D."""
    if len(degrees) == 1:
        return _plane_rotation(2, (0, 1), degrees[0])
    x, y, z = degrees
    about_x, about_y, about_z = (
        _plane_rotation(3, plane, angle) for plane, angle in (((1, 2), x), ((2, 0), y), ((0, 1), z))
    )
    return about_z @ about_y @ about_x


def _plane_rotation(dimension: int, plane: tuple[int, int], degrees: float) -> FloatArray:
    matrix = np.eye(dimension)
    i, j = plane
    angle = np.deg2rad(degrees)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i] = np.sin(angle)
    matrix[i, j] = -np.sin(angle)
    return matrix
