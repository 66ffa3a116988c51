"""Axis-aligned sampling grids in physical space, and cubic interpolation from a coarse lattice to a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
PointFunction = Callable[[FloatArray], FloatArray]

_LATTICE_PADDING = 4  # nodes beyond the grid, so that the end conditions of the spline stay out of it


@dataclass(frozen=True)
class Grid:
    """A regular grid whose axes are the physical axes.

    Attributes
    ----------
    size : tuple of int
        Samples along x, y(, z).
    spacing_mm : float
        Distance between samples, the same along all axes.
    origin_mm : tuple of float
        Physical coordinates of the first sample.
    """

    size: tuple[int, ...]
    spacing_mm: float
    origin_mm: tuple[float, ...]

    @classmethod
    def centred(cls, size: tuple[int, ...], spacing_mm: float, centre_mm: tuple[float, ...]) -> Self:
        """Return the grid whose extent has the given centre."""
        origin_mm = tuple(c - 0.5 * (n - 1) * spacing_mm for n, c in zip(size, centre_mm, strict=True))
        return cls(size, spacing_mm, origin_mm)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array on this grid: the reverse of ``size``."""
        return self.size[::-1]

    @property
    def extent_mm(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper corner, outer edges of the voxels, each of shape (dimension,)."""
        lower = np.asarray(self.origin_mm) - 0.5 * self.spacing_mm
        return lower, lower + np.asarray(self.size) * self.spacing_mm

    def refined(self, factor: int) -> Grid:
        """Return the grid over the same extent with ``factor`` times as many samples along every axis."""
        spacing_mm = self.spacing_mm / factor
        lower, _ = self.extent_mm
        return Grid(
            tuple(n * factor for n in self.size),
            spacing_mm,
            tuple(float(corner + 0.5 * spacing_mm) for corner in lower),
        )

    def points(self) -> FloatArray:
        """Return the physical coordinates of all samples, shape (n, dimension), in array order."""
        axes = [
            origin + self.spacing_mm * np.arange(n)
            for n, origin in zip(self.size, self.origin_mm, strict=True)
        ]
        mesh = np.meshgrid(*axes[::-1], indexing="ij")
        return np.stack([coordinate.ravel() for coordinate in mesh[::-1]], axis=-1)

    def image(self, array: npt.NDArray[np.generic]) -> sitk.Image:
        """Return an array on this grid as an image; a trailing axis, if any, holds vector components.

        Raises
        ------
        ValueError
            When the array has another shape.
        """
        if array.shape[: self.dimension] != self.shape:
            raise ValueError(f"array of shape {array.shape} does not fit a grid of shape {self.shape}")
        image = sitk.GetImageFromArray(array, isVector=array.ndim > self.dimension)
        image.SetSpacing([self.spacing_mm] * self.dimension)
        image.SetOrigin(self.origin_mm)
        return image

    def block_means(self, values: Float32Array, factor: int) -> Float32Array:
        """Return means over blocks of samples: from ``refined(factor)`` back to this grid.

        Parameters
        ----------
        values : ndarray of shape (n,) or (*refined shape,)
            Values on ``self.refined(factor)``.

        Returns
        -------
        ndarray of shape ``shape``
        """
        means = values.reshape([n * factor for n in self.shape])
        for axis in range(self.dimension):
            parts = [means[(*_every(axis), slice(k, None, factor))] for k in range(factor)]
            total = parts[0].copy()
            for part in parts[1:]:
                total += part
            means = total / np.float32(factor)
        return means

    def sample(self, function: PointFunction, step: int) -> FloatArray:
        """Evaluate a smooth function of position at all samples.

        Parameters
        ----------
        function : callable
            Takes points of shape (n, dimension) in mm, returns values of shape (n, components).
        step : int
            1 evaluates at every sample. Otherwise the function is evaluated on a lattice ``step`` times as
            coarse and interpolated by cubic B-splines: an error of fourth order in the lattice spacing.

        Returns
        -------
        ndarray of shape (*shape, components)
        """
        if step == 1:
            return function(self.points()).reshape(*self.shape, -1)
        lattice = Grid(
            tuple(-(-n // step) + 2 * _LATTICE_PADDING for n in self.size),
            self.spacing_mm * step,
            tuple(origin - _LATTICE_PADDING * self.spacing_mm * step for origin in self.origin_mm),
        )
        values = function(lattice.points()).reshape(*lattice.shape, -1)
        return np.stack(
            [_refine(values[..., c], self.shape, step) for c in range(values.shape[-1])],
            axis=-1,
        )


def _every(axes: int) -> tuple[slice, ...]:
    return (slice(None),) * axes


def _refine(values: FloatArray, shape: tuple[int, ...], step: int) -> FloatArray:
    coefficients = ndimage.spline_filter(values, order=3, mode="mirror", output=np.float64)
    # The first axis comes last, because passes over the largest arrays are then contiguous in memory.
    for axis in reversed(range(len(shape))):
        coefficients = _refine_axis(coefficients, axis, shape[axis], step)
    return coefficients


def _refine_axis(coefficients: FloatArray, axis: int, n: int, step: int) -> FloatArray:
    cells = -(-n // step)
    weights = cubic_weights(np.arange(step) / step)
    before = _every(axis)
    nodes = [
        coefficients[(*before, slice(_LATTICE_PADDING - 1 + k, _LATTICE_PADDING - 1 + k + cells))]
        for k in range(4)
    ]
    refined = np.empty((*coefficients.shape[:axis], cells * step, *coefficients.shape[axis + 1 :]))
    # Elementwise sums rather than a matrix product: a BLAS may order its sums by the number of threads.
    for phase in range(step):
        w = weights[:, phase]
        refined[(*before, slice(phase, None, step))] = (
            w[0] * nodes[0] + w[1] * nodes[1] + w[2] * nodes[2] + w[3] * nodes[3]
        )
    return refined[(*before, slice(n))]


def cubic_weights(offset: FloatArray) -> FloatArray:
    """Return the weights of the four nearest nodes of a cubic B-spline.

    Parameters
    ----------
    offset : ndarray of shape (n,)
        Distance from the node below, in node spacings, in [0, 1).

    Returns
    -------
    ndarray of shape (4, n)
    """
    t = offset
    return np.stack(
        [
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        ]
    )
