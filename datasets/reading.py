"""Images from files that somebody else wrote: read, checked, and refused with the file's name."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.fileholders import FileHolder
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from datasets.analyze import files_of, image_of, is_analyze, read_analyze
from datasets.base import DatasetError
from datasets.compressed import check_compressed
from datasets.tiff import check_tiff

# Relative to the voxel size: headers store spacing and origin with few digits.
_GEOMETRY_TOLERANCE = 1e-3
# How far the voxel size of the matrix may be from the one beside it.
_SFORM_TOLERANCE = 0.01
_NIFTI = (".nii", ".nii.gz")


class ImageError(DatasetError):
    """A file that cannot be used; the message names it and the way out."""


@contextmanager
def reading_fetched(dataset: str) -> Iterator[None]:
    """Say of a file that cannot be used how to find out whether it is still as it was fetched.

    Raises
    ------
    ImageError
        With the command of the dataset.
    """
    try:
        yield
    except ImageError as error:
        raise ImageError(
            f"{error}; python -m benchmarks verify {dataset} tells whether it is as fetched, fetch {dataset} mends it"
        ) from None


def is_file(path: Path) -> bool:
    """Return whether a path leads to a file; a name that no file can have leads to none."""
    try:
        return path.is_file()
    except OSError:
        return False


def dimension_of(path: Path) -> int:
    """Return 2 or 3 after a look at an image's header; trailing dimensions of one sample do not count.

    Raises
    ------
    ImageError
        When the file is missing, no image, has another shape, or a voxel size that is no size.
    """
    if not is_file(path):
        raise ImageError(f"{path}: no such file")
    if is_analyze(path):
        return read_analyze(path)[0].ndim
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with _damage(path):
        reader.ReadImageInformation()
        _refuse_nifti_geometry(path)
    size = list(reader.GetSize())
    while len(size) > 2 and size[-1] == 1:
        size.pop()
    shape, components = "×".join(map(str, size)), reader.GetNumberOfComponents()
    if len(size) not in (2, 3) or components != 1:
        raise ImageError(
            f"{path}: is {shape} with {components} components per voxel; "
            "one scalar 2D or 3D image is wanted: extract it first"
        )
    if min(size) < 4:
        raise ImageError(f"{path}: is {shape}, fewer than 4 samples along an axis")
    _check_spacing(path, reader.GetSpacing()[: len(size)])
    return len(size)


def read_image(path: Path) -> sitk.Image:
    """Read a scalar 2D or 3D image; trailing dimensions of one sample are dropped.

    Analyze files do not say where they lie: their axes are taken for ITK's.

    Raises
    ------
    ImageError
        When the file is missing or unreadable, has another shape, a voxel size that is no size, or values
        that are not finite.
    """
    if is_file(path) and is_analyze(path):
        return image_of(*read_analyze(path))
    dimension = dimension_of(path)
    with _damage(path):
        image = sitk.ReadImage(str(path))
        _refuse_what_itk_passes_over(path)
    while image.GetDimension() > dimension:
        image = _without_last_dimension(image)
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
    if not values.any():
        raise ImageError(f"{path}: holds no label but 0: leave it out")
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


def foreground(image: sitk.Image, path: Path) -> sitk.Image:
    """Return where an image with a background of zero is not zero, as uint8 of 0 and 1.

    Raises
    ------
    ImageError
        When it is zero everywhere.
    """
    mask = image != 0
    if not sitk.GetArrayViewFromImage(mask).any():
        raise ImageError(f"{path}: is zero everywhere")
    return mask


def _without_last_dimension(image: sitk.Image) -> sitk.Image:
    extract = sitk.ExtractImageFilter()
    # A slice of a volume may lie across the axes that are kept: its directions then say nothing in the plane.
    extract.SetDirectionCollapseToStrategy(extract.DIRECTIONCOLLAPSETOGUESS)
    extract.SetSize([*image.GetSize()[:-1], 0])
    return extract.Execute(image)


def _refuse_nifti_geometry(path: Path) -> None:
    """Refuse voxel sizes of a NIfTI header that ITK would guess or take as mirrored, or that contradict each other."""
    if not path.name.endswith(_NIFTI):
        return
    header = _nifti_header(path)
    axes = [axis for axis, n in enumerate(header.get_data_shape()[:3]) if n > 1]
    pixdim = header["pixdim"][1:4].astype(np.float64)[axes]
    _check_spacing(path, pixdim.tolist())
    if header["sform_code"] > 0:
        sform = np.linalg.norm(header.get_sform()[:3, :3], axis=0)[axes]
        if not np.allclose(sform, pixdim, rtol=_SFORM_TOLERANCE, atol=0):
            raise ImageError(
                f"{path}: its header says voxels of {_mm(pixdim)} (pixdim) and of {_mm(sform)} (sform): mend it"
            )


def _nifti_header(path: Path) -> nib.Nifti1Header:
    """Return the header as it stands in the file; nibabel would mend it otherwise."""
    with ImageOpener(path) as file:
        return nib.Nifti1Header.from_fileobj(file, check=False)


def _check_spacing(path: Path, spacing_mm: Sequence[float]) -> None:
    if not all(np.isfinite(mm) and mm > 0 for mm in spacing_mm):
        raise ImageError(f"{path}: its header says voxels of {_mm(spacing_mm)}: mend it")


def _mm(lengths_mm: Iterable[float]) -> str:
    return f"{'×'.join(f'{mm:g}' for mm in lengths_mm)} mm"


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def _refuse_what_itk_passes_over(path: Path) -> None:
    """Find damage that ITK reads as zeros or leaves out: the end of a torn file, and NaN in a NIfTI file."""
    check_tiff(path)
    files = files_of(path)
    for file in files:
        check_compressed(file)
    if len(files) == 2:
        holders = {name: FileHolder(str(file)) for name, file in zip(("header", "image"), files, strict=True)}
        values = np.asanyarray(nib.Nifti1Pair.from_file_map(holders).dataobj)
    elif path.name.endswith(_NIFTI):
        values = np.asanyarray(nib.load(path).dataobj)
    else:
        return
    if not np.isfinite(values).all():
        raise ImageError(f"{path}: holds NaN or infinite values: replace them first")


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        HeaderDataError,
        WrapStructError,
    ) as error:
        raise ImageError(
            f"{path}: cannot be read as an image: {_said(error)}: put a sound copy in its place"
        ) from None


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
        raise ImageError(
            f"{path}: lies on another grid than {image_path}: resample it onto that grid first, by nearest neighbour"
        )
