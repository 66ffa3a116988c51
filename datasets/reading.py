"""Images from files that somebody else wrote: read, checked, and refused with the file's name."""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.spatialimages import HeaderDataError

from datasets.analyze import image_of, is_analyze, read_analyze
from datasets.base import DatasetError
from datasets.compressed import check_compressed

# Relative to the voxel size: headers store spacing and origin with few digits.
_GEOMETRY_TOLERANCE = 1e-3


class ImageError(DatasetError):
    """A file that cannot be used; the message names it and the way out."""


def read_image(path: Path) -> sitk.Image:
    """Read a scalar 2D or 3D image; trailing dimensions of one sample are dropped.

    Analyze files do not say where they lie: their axes are taken for ITK's.

    Raises
    ------
    ImageError
        When the file is missing or unreadable, has another shape, a voxel size that is no size, or values
        that are not finite.
    """
    if not path.is_file():
        raise ImageError(f"{path}: no such file")
    try:
        image = image_of(*read_analyze(path)) if is_analyze(path) else sitk.ReadImage(str(path))
        _refuse_what_itk_passes_over(path)
    except (RuntimeError, OSError, EOFError, zlib.error, HeaderDataError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ImageError(f"{path}: cannot be read as an image: {said}") from None
    while image.GetDimension() > 2 and image.GetSize()[-1] == 1:
        image = _without_last_dimension(image)
    if image.GetDimension() not in (2, 3) or image.GetNumberOfComponentsPerPixel() != 1:
        shape = "×".join(map(str, image.GetSize()))
        raise ImageError(
            f"{path}: is {shape} with {image.GetNumberOfComponentsPerPixel()} components per voxel; "
            "one scalar 2D or 3D image is wanted: extract it first"
        )
    if min(image.GetSize()) < 4:
        raise ImageError(f"{path}: has fewer than 4 samples along an axis: {image.GetSize()}")
    if not all(np.isfinite(mm) and mm > 0 for mm in image.GetSpacing()):
        raise ImageError(f"{path}: its voxel size is {image.GetSpacing()} mm: mend the header")
    if not np.isfinite(sitk.GetArrayViewFromImage(image)).all():
        raise ImageError(f"{path}: holds NaN or infinite values: replace them first")
    return image


def read_labels(path: Path, image: sitk.Image, image_path: Path) -> sitk.Image:
    """Read an integer label image on the grid of ``image``, as uint16.

    Raises
    ------
    ImageError
        As :func:`read_image`; also for fractional or negative labels, and for another grid than the image's.
    """
    labels = read_image(path)
    values = sitk.GetArrayViewFromImage(labels)
    if values.min() < 0 or values.max() > np.iinfo(np.uint16).max or not (values == np.rint(values)).all():
        raise ImageError(f"{path}: labels must be whole numbers from 0 to 65535")
    _refuse_other_grid(path, labels, image_path, image)
    return sitk.Cast(labels, sitk.sitkUInt16)


def read_mask(path: Path, image: sitk.Image, image_path: Path) -> sitk.Image:
    """Read a mask on the grid of ``image``, as uint8 of 0 and 1.

    Raises
    ------
    ImageError
        As :func:`read_image`; also for an empty mask and for another grid than the image's.
    """
    mask = read_image(path)
    _refuse_other_grid(path, mask, image_path, image)
    mask = mask != 0
    if not sitk.GetArrayViewFromImage(mask).any():
        raise ImageError(f"{path}: the mask is empty")
    return mask


def _without_last_dimension(image: sitk.Image) -> sitk.Image:
    extract = sitk.ExtractImageFilter()
    # A slice of a volume may lie across the axes that are kept: its directions then say nothing in the plane.
    extract.SetDirectionCollapseToStrategy(extract.DIRECTIONCOLLAPSETOGUESS)
    extract.SetSize([*image.GetSize()[:-1], 0])
    return extract.Execute(image)


def _refuse_what_itk_passes_over(path: Path) -> None:
    """Find damage that ITK reads as zeros: the end of a torn compressed file, and NaN in a NIfTI file."""
    check_compressed(path)
    if path.name.endswith((".nii", ".nii.gz", ".img")) and not is_analyze(path):
        values = np.asanyarray(nib.load(path).dataobj)
        if not np.isfinite(values).all():
            raise ImageError(f"{path}: holds NaN or infinite values: replace them first")


def _refuse_other_grid(path: Path, found: sitk.Image, image_path: Path, image: sitk.Image) -> None:
    tolerance_mm = _GEOMETRY_TOLERANCE * min(image.GetSpacing())
    same = found.GetSize() == image.GetSize() and all(
        np.allclose(getattr(found, get)(), getattr(image, get)(), rtol=0, atol=tolerance)
        for get, tolerance in (
            ("GetSpacing", tolerance_mm),
            ("GetOrigin", tolerance_mm),
            ("GetDirection", _GEOMETRY_TOLERANCE),
        )
    )
    if not same:
        raise ImageError(f"{path}: lies on another grid than {image_path}: resample it first")
