"""The slices of a registered pair that figures are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from skimage.measure import block_reduce

from benchmarks.evaluation import jacobian, scored_labels
from benchmarks.metrics.overlap import indexed
from benchmarks.normalisation import normalise
from benchmarks.panels import Panel
from benchmarks.resampling import (
    FloatArray,
    cheaply,
    compose,
    displacement_field,
    index_to_world,
    warp_image,
    warp_labels,
)
from benchmarks.stacks import MARGIN, MOST_PIXELS, Stack, eight_bit, through
from datasets.pair import Pair

_LARGEST_LABEL = np.iinfo(np.uint16).max


@dataclass(frozen=True)
class Slice:
    """How to cut a plane out of an array.

    Attributes
    ----------
    axis : int or None
        Array axis to cut across; None takes a 2D array whole.
    position : int
        Where.
    upside_down : bool
        Array rows run from the bottom of the picture to the top.
    """

    axis: int | None
    position: int
    upside_down: bool

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the plane, row 0 at the top."""
        plane = array if self.axis is None else np.take(array, self.position, axis=self.axis)
        return np.ascontiguousarray(plane[::-1] if self.upside_down else plane)

    def in_plane(self, dimension: int) -> tuple[int, int]:
        """Return the array axes that become rows and columns."""
        rows, columns = (axis for axis in range(dimension) if axis != self.axis)
        return rows, columns


def panels_of(pair: Pair, registration: sitk.Transform | None) -> dict[str, Panel]:
    """Cut the panels of a registered pair.

    A 2D pair gives one panel, ``image``, as it is stored. A 3D pair is first reoriented to LPS and gives
    ``axial``, ``coronal`` and ``sagittal`` through the centre of the mask, in radiological convention; on the
    sagittal one anterior is on the left.

    Parameters
    ----------
    pair : Pair
        The pair.
    registration : SimpleITK.Transform or None
        The backend's answer; None for the prealigned start.

    Raises
    ------
    InvalidResult
        When the transform cannot be evaluated.
    """
    images = normalise(pair)
    dimension = pair.info.dimension
    fixed = _oriented(images.fixed)
    mask = _oriented_array(images.mask.astype(np.uint8), pair.fixed) != 0
    start = compose(None, pair.prealignment, dimension)
    transform = compose(registration, pair.prealignment, dimension)
    displacement = displacement_field(transform, fixed)
    whole = cheaply(transform, displacement, fixed)
    own = displacement_field(compose(registration, None, dimension), fixed)
    names = scored_labels(pair)
    volumes: dict[str, npt.NDArray[Any]] = {
        "fixed": sitk.GetArrayFromImage(fixed),
        "moving": sitk.GetArrayFromImage(warp_image(images.moving, start, fixed, outside=0.0)),
        "warped": sitk.GetArrayFromImage(warp_image(images.moving, whole, fixed, outside=0.0)),
        "mask": mask,
        "fixed_labels": _labels(
            pair.fixed_labels, sitk.Transform(dimension, sitk.sitkIdentity), fixed, names
        ),
        "moving_labels": _labels(pair.moving_labels, start, fixed, names),
        "warped_labels": _labels(pair.moving_labels, whole, fixed, names),
        "jacobian": jacobian(displacement, fixed).astype(np.float32),
    }
    along_axes = _along_array_axes(own, fixed)
    spacing_mm = np.asarray(fixed.GetSpacing()[::-1])
    return {name: _panel(view, volumes, along_axes, spacing_mm) for name, view in _slices(mask).items()}


def stacks_of(pair: Pair, registration: sitk.Transform | None) -> dict[str, Stack]:
    """Cut slices all through a registered 3D pair, oriented and named as those of :func:`panels_of`.

    They reach from the first slice of the mask to the last and, within each, a little beyond it; what is larger
    than ``MOST_PIXELS`` is averaged down.

    Parameters
    ----------
    pair : Pair
        The pair; a 2D one gives no stack.
    registration : SimpleITK.Transform or None
        The backend's answer; None for the prealigned start.

    Raises
    ------
    InvalidResult
        When the transform cannot be evaluated.
    """
    dimension = pair.info.dimension
    if dimension == 2:
        return {}
    images = normalise(pair)
    fixed = _oriented(images.fixed)
    mask = _oriented_array(images.mask.astype(np.uint8), pair.fixed) != 0
    start = compose(None, pair.prealignment, dimension)
    whole = compose(registration, pair.prealignment, dimension)
    volumes = {
        "fixed": sitk.GetArrayFromImage(fixed),
        "moving": sitk.GetArrayFromImage(warp_image(images.moving, start, fixed, outside=0.0)),
        "warped": sitk.GetArrayFromImage(warp_image(images.moving, whole, fixed, outside=0.0)),
    }
    spacing_mm = np.asarray(fixed.GetSpacing()[::-1])
    box = _around(mask)
    return {name: _stack(view, mask, box, volumes, spacing_mm) for name, view in _slices(mask).items()}


def _stack(
    view: Slice,
    mask: npt.NDArray[np.bool_],
    box: tuple[slice, ...],
    volumes: dict[str, npt.NDArray[Any]],
    spacing_mm: FloatArray,
) -> Stack:
    assert view.axis is not None
    rows, columns = view.in_plane(mask.ndim)
    positions = through(mask, view.axis)
    longest = max(box[axis].stop - box[axis].start for axis in (rows, columns))
    factor = -(-longest // MOST_PIXELS)

    def cut(volume: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        slices = [
            replace(view, position=position).cut(volume[_all_along(box, view)]) for position in positions
        ]
        return eight_bit(np.stack([block_reduce(one, (factor, factor), np.mean) for one in slices]))

    return Stack(
        **{name: cut(volume) for name, volume in volumes.items()},
        spacing_mm=spacing_mm[[rows, columns]] * factor,
    )


def _all_along(box: tuple[slice, ...], view: Slice) -> tuple[slice, ...]:
    """Return the box, uncut across the axis of a slice."""
    return tuple(slice(None) if axis == view.axis else part for axis, part in enumerate(box))


def _around(mask: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the box that holds the mask and a margin."""
    if not mask.any():
        return tuple(slice(0, size) for size in mask.shape)
    box = []
    for places, size in zip(np.nonzero(mask), mask.shape, strict=True):
        first, last = int(places.min()), int(places.max())
        margin = max(2, round(MARGIN * (last + 1 - first)))
        box.append(slice(max(0, first - margin), min(size, last + 1 + margin)))
    return tuple(box)


def _panel(
    view: Slice, volumes: dict[str, npt.NDArray[Any]], along_axes: FloatArray, spacing_mm: FloatArray
) -> Panel:
    rows, columns = view.in_plane(len(spacing_mm))
    down = view.cut(along_axes[..., rows]) * (-1.0 if view.upside_down else 1.0)
    right = view.cut(along_axes[..., columns])
    return Panel(
        **{name: view.cut(volume) for name, volume in volumes.items()},
        displacement_mm=np.stack([down, right]).astype(np.float32),
        spacing_mm=spacing_mm[[rows, columns]],
    )


def _slices(mask: npt.NDArray[np.bool_]) -> dict[str, Slice]:
    if mask.ndim == 2:
        return {"image": Slice(None, 0, upside_down=False)}
    z, y, x = (round(float(centre)) for centre in np.argwhere(mask).mean(axis=0))
    # In LPS, columns of x run to the patient's left, rows of y to posterior and those of z to superior.
    return {
        "axial": Slice(0, z, upside_down=False),
        "coronal": Slice(1, y, upside_down=True),
        "sagittal": Slice(2, x, upside_down=True),
    }


def _along_array_axes(displacement_mm: FloatArray, grid: sitk.Image) -> FloatArray:
    matrix, _ = index_to_world(grid)
    direction = matrix / np.asarray(grid.GetSpacing())
    # Components along the image's axes are direction⁻¹ · u; array axes are those in reverse.
    return (displacement_mm @ np.linalg.inv(direction).T)[..., ::-1]


def _labels(
    image: sitk.Image | None, transform: sitk.Transform, grid: sitk.Image, names: dict[int, str]
) -> npt.NDArray[np.uint16]:
    if image is None or not names:
        return np.zeros(grid.GetSize()[::-1], dtype=np.uint16)
    array = sitk.GetArrayFromImage(warp_labels(image, transform, grid))
    ids = list(names)
    position = indexed(array, ids)
    if max(ids) > _LARGEST_LABEL:
        return position.astype(np.uint16)
    return np.concatenate([[0], ids]).astype(np.uint16)[position]


def _oriented(image: sitk.Image) -> sitk.Image:
    return sitk.DICOMOrient(image, "LPS") if image.GetDimension() == 3 else image


def _oriented_array(array: npt.NDArray[np.uint8], grid: sitk.Image) -> npt.NDArray[Any]:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(grid)
    return np.asarray(sitk.GetArrayFromImage(_oriented(image)))
