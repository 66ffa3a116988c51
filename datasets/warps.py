"""Seeded spatial transforms that are known exactly in both directions.

Every warp maps physical points in mm: float64 arrays of shape (n, dimension), coordinates x, y(, z).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from datasets.grid import FloatArray, Grid

_INVERSE_TOLERANCE_MM = 1e-9
_INVERSE_ITERATIONS = 100


class Warp(ABC):
    """An invertible map of physical space."""

    @abstractmethod
    def forward(self, points: FloatArray) -> FloatArray:
        """Map points."""

    @abstractmethod
    def inverse(self, points: FloatArray) -> FloatArray:
        """Undo :meth:`forward`."""

    @abstractmethod
    def transform(self, grid: Grid, step: int) -> sitk.Transform:
        """Return the forward map for SimpleITK.

        Parameters
        ----------
        grid : Grid
            Where the transform is asked for; a sampled one is exact at this grid's samples.
        step : int
            See :meth:`Grid.sample`.
        """


@dataclass(frozen=True)
class SplineField:
    """A smooth vector field: cubic B-splines on a regular lattice, zero beyond it.

    Attributes
    ----------
    coefficients : ndarray of shape (components, *lattice)
        Lattice axes in the order x, y(, z).
    origin_mm, spacing_mm : ndarray of shape (dimension,)
        Position of the first lattice node, distance between nodes.
    """

    coefficients: FloatArray
    origin_mm: FloatArray
    spacing_mm: FloatArray

    def __call__(self, points: FloatArray) -> FloatArray:
        """Return the field at points, shape (n, components)."""
        position = ((points - self.origin_mm) / self.spacing_mm).T
        return np.stack(
            [
                ndimage.map_coordinates(component, position, order=3, mode="constant", prefilter=False)
                for component in self.coefficients
            ],
            axis=-1,
        )

    def scaled(self, factor: float) -> SplineField:
        """Return the field times a factor."""
        return SplineField(self.coefficients * factor, self.origin_mm, self.spacing_mm)


@dataclass(frozen=True)
class LinearWarp(Warp):
    """An affine map: matrix · point + offset.

    Attributes
    ----------
    matrix : ndarray of shape (dimension, dimension)
        Must be regular.
    offset_mm : ndarray of shape (dimension,)
        Where the origin goes.
    """

    matrix: FloatArray
    offset_mm: FloatArray

    @classmethod
    def about(cls, centre_mm: FloatArray, matrix: FloatArray, translation_mm: FloatArray) -> LinearWarp:
        """Return the map that applies a matrix about a centre, then translates."""
        return cls(matrix, translation_mm + centre_mm - product(matrix, centre_mm))

    def forward(self, points: FloatArray) -> FloatArray:
        """Map points."""
        return product(self.matrix, points) + self.offset_mm

    def inverse(self, points: FloatArray) -> FloatArray:
        """Undo :meth:`forward`."""
        return product(np.linalg.inv(self.matrix).astype(np.float64), points - self.offset_mm)

    def transform(self, grid: Grid, step: int) -> sitk.Transform:  # noqa: ARG002
        """Return a ``sitk.AffineTransform``, exact everywhere."""
        transform = sitk.AffineTransform(grid.dimension)
        transform.SetMatrix(self.matrix.ravel().tolist())
        transform.SetTranslation(self.offset_mm.tolist())
        return transform


@dataclass(frozen=True)
class SplineWarp(Warp):
    """A free-form deformation: point + cubic B-spline displacement of a lattice of control points.

    Attributes
    ----------
    displacement : SplineField
        Displacement in mm. Its Lipschitz constant must be below 1, which makes the map invertible.
    """

    displacement: SplineField

    def forward(self, points: FloatArray) -> FloatArray:
        """Map points."""
        return points + self.displacement(points)

    def inverse(self, points: FloatArray) -> FloatArray:
        """Undo :meth:`forward` by fixed-point iteration, to a nanometre-scale residual.

        Raises
        ------
        ArithmeticError
            When the iteration does not settle: the displacement is too steep to be invertible.
        """
        source = points.copy()
        for _ in range(_INVERSE_ITERATIONS):
            update = points - self.forward(source)
            source += update
            if np.abs(update).max() < _INVERSE_TOLERANCE_MM:
                return source
        raise ArithmeticError("the displacement is too steep: its inverse does not settle")

    def transform(self, grid: Grid, step: int) -> sitk.Transform:  # noqa: ARG002
        """Return a ``sitk.BSplineTransform``: exact where its control points support it, identity beyond."""
        lattice = self.displacement.coefficients.shape[1:]
        mesh = [n - 3 for n in lattice]
        transform = sitk.BSplineTransform(grid.dimension, 3)
        transform.SetTransformDomainMeshSize(mesh)
        # A domain of m cells is supported by m + 3 control points, the first of them one cell before it.
        transform.SetTransformDomainOrigin(
            (self.displacement.origin_mm + self.displacement.spacing_mm).tolist()
        )
        transform.SetTransformDomainPhysicalDimensions((self.displacement.spacing_mm * mesh).tolist())
        transform.SetParameters(
            [float(value) for c in self.displacement.coefficients for value in c.ravel(order="F")]
        )
        return transform


@dataclass(frozen=True)
class FlowWarp(Warp):
    """The flow of a stationary velocity field for unit time, a diffeomorphism; its inverse is the flow of −v.

    Integrated per point with the classical Runge-Kutta scheme, whose error at the default step is far
    below a micrometre for displacements of some millimetres. The velocity is tapered to zero at the border of
    ``support``, so that the flow joins the identity smoothly outside it.

    Attributes
    ----------
    velocity : SplineField
        Velocity in mm per unit time.
    support : Grid
        Region in which points move.
    taper_mm : float
        Width of the seam over which the velocity fades.
    steps : int
        Integration steps.
    """

    velocity: SplineField
    support: Grid
    taper_mm: float
    steps: int = 2

    def forward(self, points: FloatArray) -> FloatArray:
        """Map points."""
        return self._flow(points, 1.0)

    def inverse(self, points: FloatArray) -> FloatArray:
        """Undo :meth:`forward`."""
        return self._flow(points, -1.0)

    def transform(self, grid: Grid, step: int) -> sitk.Transform:
        """Return a ``sitk.DisplacementFieldTransform``: exact at samples, linear between, identity beyond."""
        field = grid.sample(lambda points: self.forward(points) - points, step)
        return sitk.DisplacementFieldTransform(grid.image(field))

    def _flow(self, points: FloatArray, time: float) -> FloatArray:
        h = time / self.steps
        x = points
        for _ in range(self.steps):
            k1 = self._tapered(x)
            k2 = self._tapered(x + 0.5 * h * k1)
            k3 = self._tapered(x + 0.5 * h * k2)
            k4 = self._tapered(x + h * k3)
            x = x + (h / 6.0) * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        return x

    def _tapered(self, points: FloatArray) -> FloatArray:
        lower, upper = self.support.extent_mm
        depth = np.clip(np.minimum(points - lower, upper - points) / self.taper_mm, 0.0, 1.0)
        # Quintic smoothstep: two continuous derivatives keep the integration accurate in the seam.
        window: FloatArray = np.prod(
            depth**3 * (10.0 - 15.0 * depth + 6.0 * depth**2), axis=-1, keepdims=True
        )
        inside = np.flatnonzero(window)
        tapered = np.zeros_like(points)
        tapered[inside] = self.velocity(points[inside]) * window[inside]
        return tapered


@dataclass(frozen=True)
class ComposedWarp(Warp):
    """Several warps one after the other.

    Attributes
    ----------
    warps : tuple of Warp
        In the order in which they are applied to a point.
    """

    warps: tuple[Warp, ...]

    def forward(self, points: FloatArray) -> FloatArray:
        """Map points."""
        for warp in self.warps:
            points = warp.forward(points)
        return points

    def inverse(self, points: FloatArray) -> FloatArray:
        """Undo :meth:`forward`."""
        for warp in reversed(self.warps):
            points = warp.inverse(points)
        return points

    def transform(self, grid: Grid, step: int) -> sitk.Transform:
        """Return a ``sitk.CompositeTransform``, or the only part itself."""
        parts = [warp.transform(grid, step) for warp in self.warps]
        # ITK applies the transform that was added last first.
        return parts[0] if len(parts) == 1 else sitk.CompositeTransform(parts[::-1])


def product(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Return matrix · point for every point, shape (n, dimension) or (dimension,)."""
    # Elementwise sums rather than BLAS, whose rounding may depend on the number of threads.
    total: FloatArray = np.sum(points[..., None, :] * matrix, axis=-1)
    return total
