"""Analyze 7.5 images: a header and raw voxels, which may be compressed."""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from nibabel.fileholders import FileHolder
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from datasets.base import DatasetError
from datasets.compressed import check_compressed

_VOXEL_SUFFIXES = (".img.gz", ".img")
_NIFTI_MAGIC = (b"ni1\0", b"n+1\0")
_NIFTI_MAGIC_END = 348

_FEWEST_SAMPLES = 4

AnalyzeArray = npt.NDArray[np.integer | np.floating]


def read_analyze(path: Path) -> tuple[AnalyzeArray, tuple[float, float, float]]:
    """Read the voxels of a 3D image, beside whose header lie ``.img`` or ``.img.gz``.

    The header's orientation is not trustworthy and is left out: the caller says how the voxels lie.

    Parameters
    ----------
    path : Path
        ``NAME.hdr``, of either byte order, or the voxels beside it.

    Returns
    -------
    voxels : ndarray of shape (x, y, z)
        In the file's own type, native byte order. Trailing dimensions of one sample are dropped.
    spacing_mm : tuple of float
        Voxel size along x, y and z.

    Raises
    ------
    DatasetError
        When a file is missing, damaged, not three-dimensional, or without a voxel size.
    """
    header, voxels = _header_of(path), _voxels_of(path)
    files = {"header": FileHolder(str(header)), "image": FileHolder(str(voxels))}
    try:
        # Handed both files, nibabel opens what it refuses by name: a plain header beside compressed voxels.
        check_compressed(voxels)
        array = np.asanyarray(nib.AnalyzeImage.from_file_map(files).dataobj)
        spacing_mm = _spacing_mm(header)
    except (OSError, EOFError, ValueError, zlib.error, HeaderDataError, WrapStructError) as error:
        raise DatasetError(f"{voxels}: cannot be read as an Analyze image: {error}") from None
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3 or min(array.shape) < _FEWEST_SAMPLES:
        raise DatasetError(
            f"{header}: is {'×'.join(map(str, array.shape))}: one 3D image of at least {_FEWEST_SAMPLES} samples "
            "along every axis is wanted"
        )
    if not all(np.isfinite(mm) and mm > 0 for mm in spacing_mm):
        raise DatasetError(f"{header}: its voxel size is {spacing_mm} mm: mend the header")
    if not np.isfinite(array).all():
        raise DatasetError(f"{voxels}: holds NaN or infinite values: replace them first")
    return array.astype(array.dtype.newbyteorder("="), copy=False), spacing_mm


def _spacing_mm(header: Path) -> tuple[float, float, float]:
    # Unchecked, because nibabel's check turns a voxel size of zero into one of 1 mm.
    with header.open("rb") as file:
        pixdim = nib.analyze.AnalyzeHeader.from_fileobj(file, check=False)["pixdim"]
    return float(pixdim[1]), float(pixdim[2]), float(pixdim[3])


def is_analyze(path: Path) -> bool:
    """Return whether a file is Analyze's header, or voxels beside one, and not one of NIfTI's pair."""
    if not path.name.endswith((".hdr", *_VOXEL_SUFFIXES)) or not (header := _header_of(path)).is_file():
        return False
    with header.open("rb") as file:
        return file.read(_NIFTI_MAGIC_END)[-4:] not in _NIFTI_MAGIC


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files of which an image consists: header and voxels where they are apart, else the one.

    Raises
    ------
    DatasetError
        When one of the two is missing.
    """
    if path.name.endswith((".hdr", *_VOXEL_SUFFIXES)):
        return _header_of(path), _voxels_of(path)
    return (path,)


def image_of(voxels: AnalyzeArray, spacing_mm: tuple[float, float, float]) -> sitk.Image:
    """Return what :func:`read_analyze` read as an image whose axes are ITK's: to the left, to the back, up."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
    image.SetSpacing(spacing_mm)
    return image


def _stem_of(path: Path) -> str:
    return next(path.name.removesuffix(end) for end in (".hdr", *_VOXEL_SUFFIXES) if path.name.endswith(end))


def _header_of(path: Path) -> Path:
    return path.with_name(f"{_stem_of(path)}.hdr")


def _voxels_of(path: Path) -> Path:
    if not (header := _header_of(path)).is_file():
        raise DatasetError(f"{header}: no such file")
    for suffix in _VOXEL_SUFFIXES:
        if (voxels := path.with_name(_stem_of(path) + suffix)).is_file():
            return voxels
    raise DatasetError(f"{header}: neither .img.gz nor .img lies beside it")
