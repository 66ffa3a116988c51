"""LPBA40 as distributed, in Analyze, turned once into NIfTI with an orientation that can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from datasets.analyze import AnalyzeArray, image_of, read_analyze
from datasets.base import DatasetError
from datasets.disk import write_image
from datasets.lpba40_anatomy import direction_of
from datasets.reading import ImageError

SUBJECTS = tuple(f"S{number:02d}" for number in range(1, 41))
IMAGE = "image.nii.gz"
LABELS = "labels.nii.gz"
_LABELS_KIND = "structure.label"


def subject_folders(tree: Path) -> dict[str, Path]:
    """Find the folders of the 40 subjects anywhere below a folder.

    Raises
    ------
    DatasetError
        Naming the subjects that are missing.
    """
    found = {name: _folder_of(name, tree) for name in SUBJECTS}
    if missing := [name for name, folder in found.items() if folder is None]:
        shown = ", ".join(missing) if len(missing) < len(SUBJECTS) else "all 40 subjects"
        raise DatasetError(
            f"no SNN/SNN.delineation.skullstripped.hdr for {shown}: LPBA40 in delineation space is wanted, as LONI "
            "distributes it"
        )
    return {name: folder for name, folder in found.items() if folder is not None}


def check_anatomy(folders: Mapping[str, Path]) -> None:
    """Refuse a mirrored or turned copy, by the labels of every subject.

    Raises
    ------
    DatasetError
        When labels are missing or damaged, or structures lie where no brain has them.
    """
    for name, folder in folders.items():
        path = folder / f"{name}.delineation.{_LABELS_KIND}.hdr"
        labels, spacing_mm = read_analyze(path)
        direction_of(labels, spacing_mm, path)


def convert(folders: Mapping[str, Path], target: Path) -> None:
    """Write an image and its labels for every subject: grid, spacing and types as they are.

    Parameters
    ----------
    folders : mapping of str to Path
        Subjects and their folders, which hold ``SNN.delineation.*``.
    target : Path
        Gets a folder for every subject, with ``image.nii.gz`` and ``labels.nii.gz``.

    Raises
    ------
    ImageError
        When a file is missing or damaged, labels lie on another grid than their image, or structures lie where no
        brain has them.
    """
    for name, folder in folders.items():
        (target / name).mkdir()
        _convert_subject(folder / f"{name}.delineation", target / name)


def _folder_of(name: str, tree: Path) -> Path | None:
    headers = sorted(tree.rglob(f"{name}/{name}.delineation.skullstripped.hdr"))
    return headers[0].parent if headers else None


def _convert_subject(stem: Path, target: Path) -> None:
    image_path = stem.with_name(f"{stem.name}.skullstripped.hdr")
    labels_path = stem.with_name(f"{stem.name}.{_LABELS_KIND}.hdr")
    image, spacing_mm = read_analyze(image_path)
    labels, labels_spacing_mm = read_analyze(labels_path)
    if labels.shape != image.shape or not np.allclose(labels_spacing_mm, spacing_mm, rtol=1e-3):
        raise ImageError(
            f"{labels_path}: is {labels.shape} at {labels_spacing_mm} mm, its image {image.shape} at {spacing_mm} mm"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ImageError(f"{labels_path}: holds {labels.dtype} values: labels must be whole numbers")
    direction = direction_of(labels, spacing_mm, labels_path)
    for array, name in ((image, IMAGE), (labels, LABELS)):
        write_image(_placed(array, spacing_mm, direction), target / name)


def _placed(
    array: AnalyzeArray, spacing_mm: tuple[float, float, float], direction: tuple[float, ...]
) -> sitk.Image:
    """Return an image whose centre is the origin of space: the files do not say where it is."""
    image = image_of(array, spacing_mm)
    image.SetDirection(direction)
    centre = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in array.shape])
    image.SetOrigin([-mm for mm in centre])
    return image
