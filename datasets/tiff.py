"""TIFF files, looked through to their last page: a torn one reads as a shorter one."""

from __future__ import annotations

from pathlib import Path

import tifffile

_SUFFIXES = (".tif", ".tiff")


def is_tiff(path: Path) -> bool:
    """Return whether a path is that of a TIFF file by its name."""
    return path.name.lower().endswith(_SUFFIXES) and not path.is_dir()


def check_tiff(path: Path) -> None:
    """Follow the pages of a TIFF file to the last one; do nothing with a file of another name.

    Raises
    ------
    OSError
        When it cannot be read.
    ValueError
        When it is no TIFF file, or its last page names one that is not there.
    """
    if not is_tiff(path):
        return
    with tifffile.TiffFile(path) as file:
        pages = len(file.pages)
        place = file.pages.next_page_offset
        assert place is not None  # all pages were counted
        file.filehandle.seek(place)
        following = file.filehandle.read(file.tiff.offsetsize)
        if len(following) < file.tiff.offsetsize or any(following):
            raise ValueError(f"it is torn after page {pages}")
