"""Pairs on disk: one folder each, images as MetaImage, transforms as HDF5 in double precision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import SimpleITK as sitk

from datasets.disk import write_image, write_transform
from datasets.pair import IMAGE_ROLES, Pair, PairInfo

_TRANSFORMS = ("true_transform", "prealignment")


def write_pair(folder: Path, pair: Pair) -> None:
    """Write the images and transforms of a pair into a folder, which is created."""
    folder.mkdir(parents=True)
    for name in IMAGE_ROLES:
        if (image := getattr(pair, name)) is not None:
            write_image(image, folder / f"{name}.mha")
    for name in _TRANSFORMS:
        if (transform := getattr(pair, name)) is not None:
            write_transform(transform, folder / f"{name}.h5")


def read_pair(folder: Path, info: PairInfo, label_names: Mapping[int, str]) -> Pair:
    """Read what :func:`write_pair` wrote.

    Raises
    ------
    RuntimeError
        When the folder lacks the fixed or the moving image, or a file cannot be read.
    """
    images = {
        name: sitk.ReadImage(str(path)) for name in IMAGE_ROLES if (path := folder / f"{name}.mha").exists()
    }
    transforms = {
        name: sitk.ReadTransform(str(path))
        for name in _TRANSFORMS
        if (path := folder / f"{name}.h5").exists()
    }
    if missing := [name for name in ("fixed", "moving") if name not in images]:
        raise RuntimeError(f"{folder}: no {missing[0]} image in this pair")
    return Pair(info=info, label_names=dict(label_names), **images, **transforms)
