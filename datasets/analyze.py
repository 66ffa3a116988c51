"""Analyze 7.5 images: a header and raw voxels, which may be compressed."""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.fileholders import FileHolder
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from datasets.reading import ImageError, check_compressed

AnalyzeArray = npt.NDArray[np.integer | np.floating]


def read_analyze(header: Path) -> tuple[AnalyzeArray, tuple[float, float, float]]:
    """Read the voxels of a 3D image, beside whose header lie ``.img`` or ``.img.gz``.

    The header's orientation is not trustworthy and is left out: the caller says how the voxels lie.

    Parameters
    ----------
    header : Path
        File ``NAME.hdr``, of either byte order.

    Returns
    -------
    voxels : ndarray of shape (x, y, z)
        In the file's own type, native byte order. Trailing dimensions of one sample are dropped.
    spacing_mm : tuple of float
        Voxel size along x, y and z.

    Raises
    ------
    ImageError
        When a file is missing, damaged, not three-dimensional, or without a voxel size.
    """
    voxels = _voxel_file(header)
    files = {"header": FileHolder(str(header)), "image": FileHolder(str(voxels))}
    try:
        # Handed both files, nibabel opens what it refuses by name: a plain header beside compressed voxels.
        check_compressed(voxels)
        array = np.asanyarray(nib.AnalyzeImage.from_file_map(files).dataobj)
        spacing_mm = _spacing_mm(header)
    except (OSError, EOFError, ValueError, zlib.error, HeaderDataError, WrapStructError) as error:
        raise ImageError(f"{voxels}: cannot be read as an Analyze image: {error}") from None
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise ImageError(f"{header}: is {'×'.join(map(str, array.shape))}: one 3D image is wanted")
    if not all(np.isfinite(mm) and mm > 0 for mm in spacing_mm):
        raise ImageError(f"{header}: its voxel size is {spacing_mm} mm: mend the header")
    if not np.isfinite(array).all():
        raise ImageError(f"{voxels}: holds NaN or infinite values: replace them first")
    return array.astype(array.dtype.newbyteorder("="), copy=False), spacing_mm


def _spacing_mm(header: Path) -> tuple[float, float, float]:
    # Unchecked, because nibabel's check turns a voxel size of zero into one of 1 mm.
    with header.open("rb") as file:
        pixdim = nib.analyze.AnalyzeHeader.from_fileobj(file, check=False)["pixdim"]
    return float(pixdim[1]), float(pixdim[2]), float(pixdim[3])


def _voxel_file(header: Path) -> Path:
    if not header.is_file():
        raise ImageError(f"{header}: no such file")
    for suffix in (".img.gz", ".img"):
        if (path := header.with_name(header.name.removesuffix(".hdr") + suffix)).is_file():
            return path
    raise ImageError(f"{header}: neither .img.gz nor .img lies beside it")
