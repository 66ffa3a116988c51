"""Two scans from files, as a pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import SimpleITK as sitk

from datasets.pair import Pair, PairInfo
from datasets.reading import ImageError, foreground, read_image, read_labels, read_mask

MaskSource = Literal["none", "foreground", "labelled"]


@dataclass(frozen=True)
class Scan:
    """Files of one scan.

    Attributes
    ----------
    image : Path
        A scalar image.
    labels : Path or None
        Integer labels on its grid.
    mask : Path or None
        A mask on its grid.
    """

    image: Path
    labels: Path | None = None
    mask: Path | None = None


def read_pair(
    info: PairInfo, fixed: Scan, moving: Scan, label_names: Mapping[int, str], mask: MaskSource
) -> Pair:
    """Read and check two scans.

    Parameters
    ----------
    info : PairInfo
        Identity of the pair.
    fixed, moving : Scan
        Files.
    label_names : mapping of int to str
        The labels that are scored; empty scores every label that both scans show.
    mask : {"none", "foreground", "labelled"}
        What the mask of a scan is that has no file of one: foreground is where its image is not zero, labelled where
        its label image is not.

    Raises
    ------
    ImageError
        When a file is missing, damaged, or on another grid than its image.
    """
    images = {"fixed": read_image(fixed.image), "moving": read_image(moving.image)}
    if images["fixed"].GetDimension() != images["moving"].GetDimension():
        raise ImageError(f"{moving.image}: is not of the same dimension as {fixed.image}")
    labels: dict[str, sitk.Image] = {}
    masks: dict[str, sitk.Image] = {}
    for side, scan in (("fixed", fixed), ("moving", moving)):
        if scan.labels is not None:
            labels[side] = read_labels(scan.labels, images[side], scan.image)
        if scan.mask is not None:
            masks[side] = read_mask(scan.mask, images[side], scan.image)
        elif mask == "foreground":
            masks[side] = foreground(images[side], scan.image)
        elif mask == "labelled" and scan.labels is not None:
            masks[side] = foreground(labels[side], scan.labels)
    return Pair(
        info,
        images["fixed"],
        images["moving"],
        fixed_mask=masks.get("fixed"),
        moving_mask=masks.get("moving"),
        fixed_labels=labels.get("fixed"),
        moving_labels=labels.get("moving"),
        label_names=label_names,
    )
