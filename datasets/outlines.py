"""Circles and triangles as signed distances, drawn with soft edges and as labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from datasets.grid import Float32Array, FloatArray, Grid

Kind = Literal["circle", "triangle"]
SHAPE, HOLE = 1, 2
EDGE_MM = 1.0  # over which the intensity goes from 0 to 1

# In units of the image's side: any two shapes overlap, and none touches the border.
_RADIUS = (0.18, 0.30)
_OFFSET = 0.10
# The hole's radius as a share of the shape's.
_HOLE = (0.40, 0.65)


@dataclass(frozen=True)
class Outline:
    """A circle or an equilateral triangle, and the hole in it.

    Attributes
    ----------
    kind : "circle" or "triangle"
        What it is.
    centre_mm : tuple of float
        x, y.
    radius_mm : float
        Of the circle, or of that through the triangle's corners.
    angle_rad : float
        By which the triangle is turned.
    hole : float
        Radius of the hole as a share of the shape's, which it resembles; 0 without one.
    """

    kind: Kind
    centre_mm: tuple[float, float]
    radius_mm: float
    angle_rad: float
    hole: float

    def distance_mm(self, points: FloatArray, share: float = 1.0) -> FloatArray:
        """Return signed distances from the outline, or from one a share of its size; negative inside.

        Outside a triangle this is the distance to the nearest of the lines through its sides.

        Parameters
        ----------
        points : ndarray of shape (n, 2)
            In mm.
        share : float
            Size of the outline in units of this one's.

        Returns
        -------
        ndarray of shape (n,)
        """
        radius_mm = share * self.radius_mm
        towards = points - np.asarray(self.centre_mm)
        if self.kind == "circle":
            distance: FloatArray = np.linalg.norm(towards, axis=1) - radius_mm
            return distance
        angles = self.angle_rad + 2 * np.pi / 3 * np.arange(3)
        normals = np.stack([np.cos(angles), np.sin(angles)])
        farthest: FloatArray = np.max(towards @ normals, axis=1)
        return farthest - radius_mm / 2


def random_outline(random: np.random.Generator, kind: Kind, side_mm: float, *, hollow: bool) -> Outline:
    """Draw an outline for an image of the given side, centred at the origin."""
    x, y = side_mm * random.uniform(-_OFFSET, _OFFSET, 2)
    radius_mm = side_mm * random.uniform(*_RADIUS)
    angle_rad, hole = random.uniform(0, 2 * np.pi), random.uniform(*_HOLE)
    return Outline(kind, (float(x), float(y)), float(radius_mm), float(angle_rad), hole if hollow else 0.0)


def drawn_image(outline: Outline, grid: Grid) -> Float32Array:
    """Return intensities on a grid: 1 in the shape, 0 outside and in its hole, soft over ``EDGE_MM``."""
    points = grid.points()
    coverage = _coverage(outline.distance_mm(points))
    if outline.hole:
        coverage = np.minimum(coverage, 1 - _coverage(outline.distance_mm(points, outline.hole)))
    return coverage.reshape(grid.shape).astype(np.float32)


def drawn_labels(outline: Outline, grid: Grid) -> npt.NDArray[np.uint8]:
    """Return ``SHAPE`` in the shape, ``HOLE`` in its hole, 0 elsewhere."""
    points = grid.points()
    labels = np.where(outline.distance_mm(points) < 0, SHAPE, 0)
    if outline.hole:
        labels[outline.distance_mm(points, outline.hole) < 0] = HOLE
    return labels.reshape(grid.shape).astype(np.uint8)


def _coverage(distance_mm: FloatArray) -> FloatArray:
    return np.clip(0.5 - distance_mm / EDGE_MM, 0.0, 1.0)
