"""Stacks of sections: volumes, TIFF files of many pages and Zarr arrays, of which one section at a time is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
import tifffile
import zarr
from zarr.errors import BaseZarrError

from datasets.base import DatasetError
from datasets.reading import read_image
from datasets.tiff import check_tiff, is_tiff

Axis = Literal["x", "y", "z"]
VoxelSize = tuple[float, float, float]

_ZARR_MARKS = (".zarray", "zarr.json", ".zgroup")
_FEWEST_SAMPLES = 4
_MOST_PIXELS = 1 << 28
_GIVE_SIZE = "give voxel_mm, the size of a voxel along x, y and z"


@dataclass(frozen=True)
class Stack:
    """An array of voxels on disk, indexed z, y, x.

    Attributes
    ----------
    path : Path
        Volume that ITK reads, TIFF file, or folder of a Zarr array or group.
    array : str
        Which array of a Zarr group; empty where the folder is the array.
    voxel_mm : tuple of float or None
        Voxel size along x, y and z; None takes it from the header of a volume.
    """

    path: Path
    array: str
    voxel_mm: VoxelSize | None

    def length(self, axis: Axis) -> int:
        """Return the number of sections along an axis.

        Raises
        ------
        DatasetError
            When the stack cannot be read, or is no stack.
        """
        return self._shape["zyx".index(axis)]

    def section(self, axis: Axis, index: int) -> sitk.Image:
        """Return one section as a 2D float32 image; its axes are the two others of the stack, in their order.

        Raises
        ------
        DatasetError
            When it cannot be read or holds values that are not finite.
        """
        where = tuple(index if name == axis else slice(None) for name in "zyx")
        pixels = np.asarray(self._read(where), dtype=np.float32)
        if min(pixels.shape) < _FEWEST_SAMPLES:
            raise DatasetError(
                f"{self.path}: its sections along {axis} have fewer than {_FEWEST_SAMPLES} rows or columns"
            )
        if not np.isfinite(pixels).all():
            raise DatasetError(f"{self.path}: section {index} along {axis} holds NaN or infinite values")
        image = sitk.GetImageFromArray(pixels)
        image.SetSpacing([mm for name, mm in zip("xyz", self._voxel_mm, strict=True) if name != axis])
        return image

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of the stack."""
        if self.path.is_dir():
            return tuple(sorted(path for path in (self.path / self.array).rglob("*") if path.is_file()))
        return (self.path,)

    @property
    def _is_volume(self) -> bool:
        return not self.path.is_dir() and not is_tiff(self.path)

    @cached_property
    def _volume(self) -> sitk.Image:
        volume = read_image(self.path)
        if volume.GetDimension() != 3:
            raise DatasetError(f"{self.path}: is 2D: a stack of sections is wanted")
        return volume

    @cached_property
    def _shape(self) -> tuple[int, int, int]:
        if self._is_volume:
            width, height, depth = self._volume.GetSize()
            return depth, height, width
        with self._opened() as array:
            check_tiff(self.path)
            shape = tuple(int(n) for n in array.shape)
            kind = array.dtype.kind
        depth, height, width = (0, 0, 0) if len(shape) < 3 else shape[-3:]
        if any(n != 1 for n in shape[:-3]) or min(depth, height, width) < 1 or kind not in "uif":
            raise DatasetError(
                f"{self.path}: is {'×'.join(map(str, shape))} of {array.dtype}: a stack of sections of real numbers is "
                "wanted, one channel and one time"
            )
        if max(depth * height, height * width, depth * width) > _MOST_PIXELS:
            raise DatasetError(f"{self.path}: its sections have more than {_MOST_PIXELS} pixels")
        return depth, height, width

    @property
    def _voxel_mm(self) -> VoxelSize:
        if self.voxel_mm is not None:
            return self.voxel_mm
        if not self._is_volume:
            raise DatasetError(f"{self.path}: does not say how large its voxels are: {_GIVE_SIZE}")
        x, y, z = self._volume.GetSpacing()
        return x, y, z

    def _read(self, where: tuple[int | slice, ...]) -> npt.NDArray[np.generic]:
        if self._is_volume:
            return np.asarray(sitk.GetArrayViewFromImage(self._volume)[where])
        with self._opened() as array:
            return np.asarray(array[(0,) * (array.ndim - 3) + where])

    @contextmanager
    def _opened(self) -> Iterator[zarr.Array[Any]]:
        """Open a Zarr array; tifffile shows the pages of a TIFF file as one.

        Python objects, whose decoding could run anything, are no data type of zarr 3: it refuses them.
        """
        try:
            if self.path.is_dir():
                yield zarr.open_array(self.path, path=self.array, mode="r")
                return
            with tifffile.TiffFile(self.path) as file, file.series[0].aszarr() as pages:
                if "S" in file.series[0].axes:
                    raise DatasetError(
                        f"{self.path}: is in colour: choose one channel and save it as grey values"
                    )
                yield zarr.open_array(pages, mode="r")
        except (
            OSError,
            ValueError,
            KeyError,
            IndexError,
            RuntimeError,
            BaseZarrError,
            tifffile.TiffFileError,
        ) as error:
            said = " ".join(str(error).split())
            raise DatasetError(f"{self.path / self.array}: cannot be read as a stack: {said}") from None


def find_stack(path: Path, array: str, voxel_mm: VoxelSize | None) -> Stack:
    """Look what a path leads to.

    Raises
    ------
    DatasetError
        When it leads to nothing, or to a folder that is no Zarr array; the arrays of a group are named.
    """
    if path.is_file():
        if array:
            raise DatasetError(f"{path}: is a file: array belongs to Zarr groups alone")
        return Stack(path, "", voxel_mm)
    if not path.is_dir():
        raise DatasetError(f"{path}: no such file or folder")
    folder = path / array
    if not any((folder / mark).is_file() for mark in _ZARR_MARKS):
        raise DatasetError(f"{folder}: is no Zarr array: a volume, a TIFF file or a Zarr array is wanted")
    return Stack(path, array, voxel_mm)
