"""Transforms that are kept beside the records: what lies in their files, and how points are mapped by them.

SimpleITK is not needed to read them: reports may.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.artefact_files import read_artefact
from benchmarks.whole_files import write_whole

FloatArray = npt.NDArray[np.float64]

ARTEFACT = "transform"
"""Key of a record's artefacts."""

# Half steps converge wherever the map stretches by less than four; full ones by less than two.
_INVERSE_STEP = 0.5
_INVERSE_STEPS = 200
_INVERSE_TOLERANCE_VOXELS = 1e-3


@dataclass(frozen=True)
class Frame:
    """Where the voxels of an image lie.

    Attributes
    ----------
    shape : tuple of int
        Of its array: the reverse of ITK's size.
    matrix : ndarray of shape (dimension, dimension)
        From an index, x first, to mm: the direction times the spacing.
    origin_mm : ndarray of shape (dimension,)
        Centre of the first voxel.
    """

    shape: tuple[int, ...]
    matrix: FloatArray
    origin_mm: FloatArray

    @property
    def smallest_spacing_mm(self) -> float:
        """Length of the shortest voxel edge."""
        return float(np.linalg.norm(self.matrix, axis=0).min())

    def points(self, index: npt.NDArray[np.integer[Any]]) -> FloatArray:
        """Return the physical points of array indices, both of shape (n, dimension)."""
        return np.asarray(index[:, ::-1] @ self.matrix.T + self.origin_mm)

    def array_index(self, points_mm: FloatArray) -> FloatArray:
        """Return the continuous array indices of physical points, both of shape (n, dimension)."""
        return np.asarray(np.linalg.solve(self.matrix, (points_mm - self.origin_mm).T).T[:, ::-1], np.float64)

    def holds(self, points_mm: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which points lie in a voxel of the image; NaN lies nowhere."""
        index = self.array_index(points_mm)
        return np.asarray(((index >= -0.5) & (index <= np.asarray(self.shape) - 0.5)).all(axis=1))


class PointMap(ABC):
    """A map of physical space, mm, from fixed to moving points; arrays have shape (n, dimension)."""

    @abstractmethod
    def forward(self, points_mm: FloatArray) -> FloatArray:
        """Map points; NaN stays NaN."""

    @abstractmethod
    def inverse(self, points_mm: FloatArray) -> FloatArray:
        """Return the points that are mapped to the given ones; NaN where none is found."""


@dataclass(frozen=True)
class LinearMap(PointMap):
    """matrix · point + offset.

    Attributes
    ----------
    matrix : ndarray of shape (dimension, dimension)
        A singular one has no inverse anywhere.
    offset_mm : ndarray of shape (dimension,)
        Where the origin goes.
    """

    matrix: FloatArray
    offset_mm: FloatArray

    def forward(self, points_mm: FloatArray) -> FloatArray:
        """Map points."""
        return np.asarray(points_mm @ self.matrix.T + self.offset_mm)

    def inverse(self, points_mm: FloatArray) -> FloatArray:
        """Undo :meth:`forward`."""
        try:
            return np.asarray(np.linalg.solve(self.matrix, (points_mm - self.offset_mm).T).T, np.float64)
        except np.linalg.LinAlgError:
            return np.full_like(points_mm, np.nan)


@dataclass(frozen=True)
class SampledMap(PointMap):
    """A displacement known at voxel centres, linear between them; beyond the image that of its border.

    Attributes
    ----------
    displacement_mm : ndarray of float32, shape (*frame.shape, dimension)
        Along the physical axes x, y(, z).
    frame : Frame
        Where the voxels lie.
    """

    displacement_mm: npt.NDArray[np.float32]
    frame: Frame

    def forward(self, points_mm: FloatArray) -> FloatArray:
        """Map points."""
        mapped = np.full_like(points_mm, np.nan)
        known = np.flatnonzero(np.isfinite(points_mm).all(axis=1))
        index = self.frame.array_index(points_mm[known]).T
        for axis in range(points_mm.shape[1]):
            component = self.displacement_mm[..., axis]
            mapped[known, axis] = points_mm[known, axis] + ndimage.map_coordinates(
                component, index, output=np.float64, order=1, mode="nearest"
            )
        return mapped

    def inverse(self, points_mm: FloatArray) -> FloatArray:
        """Undo :meth:`forward` by damped fixed-point iteration, to a thousandth of a voxel."""
        source = points_mm.copy()
        tolerance_mm = _INVERSE_TOLERANCE_VOXELS * self.frame.smallest_spacing_mm
        left = np.flatnonzero(np.isfinite(points_mm).all(axis=1))
        for _ in range(_INVERSE_STEPS):
            error = points_mm[left] - self.forward(source[left])
            far = ~(np.linalg.norm(error, axis=1) <= tolerance_mm)
            left = left[far]
            if not left.size:
                return source
            source[left] += _INVERSE_STEP * error[far]
        source[left] = np.nan
        return source


@dataclass(frozen=True)
class KeptTransform:
    """The whole transform that a job found for a pair, prealignment included, and what it is compared with.

    Attributes
    ----------
    fixed, moving : Frame
        Where the voxels of the two images lie.
    mask : ndarray of bool, shape ``fixed.shape``
        Where metrics were computed.
    found : PointMap
        The job's answer.
    true : PointMap or None
        The right one, where the pair knows it.
    sections : tuple of int or None
        Places of the fixed and the moving image in their stack; None of a pair that is no part of one.
    """

    fixed: Frame
    moving: Frame
    mask: npt.NDArray[np.bool_]
    found: PointMap
    true: PointMap | None
    sections: tuple[int, int] | None


def kept_name(job_id: str) -> str:
    """Return where the transform of a job lies, relative to the results folder."""
    return f"artefacts/{job_id}-transform.npz"


def write_kept(path: Path, kept: KeptTransform) -> None:
    """Write a transform so that the file is there whole or not at all."""
    arrays: dict[str, Any] = {
        **_frame_arrays("fixed", kept.fixed),
        **_frame_arrays("moving", kept.moving),
        "mask": kept.mask,
        **_map_arrays("found", kept.found),
    }
    if kept.true is not None:
        arrays |= _map_arrays("true", kept.true)
    if kept.sections is not None:
        arrays["sections"] = np.asarray(kept.sections)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_whole(path, content.getvalue())


def read_kept(folder: Path, name: str) -> KeptTransform:
    """Read what :func:`write_kept` wrote.

    Parameters
    ----------
    folder : Path
        The results folder.
    name : str
        As the record names the file, relative to it.

    Raises
    ------
    ValueError
        When it lies elsewhere, is missing, or is no such file; the message names it.
    """
    return read_artefact(folder, name, _read)


def rms_distance_mm(one: PointMap, other: PointMap, points_mm: FloatArray) -> float:
    """Return the root mean square, over points, of the distance between where two maps take them."""
    apart = one.forward(points_mm) - other.forward(points_mm)
    return float(np.sqrt(np.mean(np.sum(apart**2, axis=1))))


def _frame_arrays(name: str, frame: Frame) -> dict[str, Any]:
    return {
        f"{name}/shape": np.asarray(frame.shape),
        f"{name}/matrix": frame.matrix,
        f"{name}/origin_mm": frame.origin_mm,
    }


def _map_arrays(name: str, one: PointMap) -> dict[str, Any]:
    match one:
        case LinearMap(matrix, offset_mm):
            return {f"{name}/matrix": matrix, f"{name}/offset_mm": offset_mm}
        case SampledMap(displacement_mm):
            return {f"{name}/displacement_mm": displacement_mm}
        case _:
            raise TypeError(f"{type(one).__name__} cannot be kept")


def _read(path: Path) -> KeptTransform:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return _kept({key: stored[key] for key in stored.files})


def _kept(arrays: Mapping[str, npt.NDArray[Any]]) -> KeptTransform:
    fixed, moving = _frame("fixed", arrays), _frame("moving", arrays)
    mask = arrays["mask"]
    if mask.shape != fixed.shape or mask.dtype != np.bool_ or not mask.any():
        raise ValueError("the mask is not one of the fixed image")
    sections = None
    if "sections" in arrays:
        first, second = (int(place) for place in arrays["sections"])
        sections = (first, second)
    true = _map("true", arrays, fixed) if any(key.startswith("true/") for key in arrays) else None
    return KeptTransform(fixed, moving, mask, _map("found", arrays, fixed), true, sections)


def _frame(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Frame:
    shape = tuple(int(n) for n in arrays[f"{name}/shape"])
    matrix, origin_mm = arrays[f"{name}/matrix"], arrays[f"{name}/origin_mm"]
    dimension = len(shape)
    if dimension not in (2, 3) or matrix.shape != (dimension, dimension) or origin_mm.shape != (dimension,):
        raise ValueError(f"{name} is no frame of an image")
    return Frame(shape, matrix.astype(np.float64), origin_mm.astype(np.float64))


def _map(name: str, arrays: Mapping[str, npt.NDArray[Any]], frame: Frame) -> PointMap:
    dimension = len(frame.shape)
    if f"{name}/matrix" in arrays:
        matrix, offset_mm = arrays[f"{name}/matrix"], arrays[f"{name}/offset_mm"]
        if matrix.shape != (dimension, dimension) or offset_mm.shape != (dimension,):
            raise ValueError(f"{name} is no linear map of {dimension} dimensions")
        return LinearMap(matrix.astype(np.float64), offset_mm.astype(np.float64))
    displacement_mm = arrays[f"{name}/displacement_mm"]
    if displacement_mm.shape != (*frame.shape, dimension):
        raise ValueError(f"{name} is no displacement on the fixed image")
    return SampledMap(displacement_mm.astype(np.float32), frame)
