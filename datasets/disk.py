"""Writing to a disk that may be full or refuse: which file it was, and what to do."""

from __future__ import annotations

import errno
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import SimpleITK as sitk

from datasets.base import FetchError
from datasets.compressed import check_compressed

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# More than a linear transform takes as HDF5.
_TRANSFORM_BYTES = 1 << 16


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Say which file could not be written, and what to do, when the disk is full or refuses.

    Raises
    ------
    FetchError
        Instead of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise FetchError(
                f"{path}: the disk is full or a quota is reached: make room, then give the same command again; "
                "it continues with what is there"
            ) from None
        raise FetchError(f"{error.filename or path}: {error.strerror or error}") from None


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder that is removed in the end, and remove those of its prefix that killed processes have left.

    The caller keeps other processes from using the prefix at the same time.
    """
    for abandoned in parent.glob(f"{prefix}*/"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=prefix) as folder:
        yield Path(folder)


def write_image(image: sitk.Image, path: Path) -> None:
    """Write an image and make sure that all of it is there: ITK may say nothing when the end did not fit.

    Parameters
    ----------
    image : SimpleITK.Image
        Any.
    path : Path
        ``.mha``, which is not compressed, or ``.nii.gz``.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    try:
        sitk.WriteImage(image, str(path), useCompression=False)
        check_compressed(path)
    except (RuntimeError, OSError, EOFError, zlib.error):
        raise _not_written() from None
    voxels = image.GetNumberOfPixels() * image.GetNumberOfComponentsPerPixel()
    if path.suffix == ".mha" and path.stat().st_size < voxels * image.GetSizeOfPixelComponent():
        raise _not_written()


def write_transform(transform: sitk.Transform, path: Path) -> None:
    """Write a transform as HDF5, whose library may crash where its file does not fit: room is tried first.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    path.write_bytes(bytes(_TRANSFORM_BYTES))
    try:
        sitk.WriteTransform(transform, str(path))
    except RuntimeError:
        raise _not_written() from None


def _not_written() -> OSError:
    """Return what ITK leaves out: it does not say why it could not write."""
    return OSError(
        errno.EIO,
        "cannot be written: is the disk full or a quota reached? make room, then give the same command again",
    )
