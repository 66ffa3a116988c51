"""The unit of work of the harness: two images and everything that is known about how they correspond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

# Attributes of a pair that are images.
IMAGE_ROLES = ("fixed", "moving", "fixed_mask", "moving_mask", "fixed_labels", "moving_labels")


@dataclass(frozen=True)
class PairInfo:
    """What is known of a pair before any image is read.

    Attributes
    ----------
    pair_id : str
        Unique within its dataset.
    dimension : int
        2 or 3.
    subjects : tuple of str
        The subjects whose images take part; statistics resample these, not pairs.
    kind : str
        What distinguishes the pair inside its dataset (``translation``, ``affine``, ``inter-subject``, ...).
    sections : tuple of int or None
        Places of the fixed and the moving image in the stack whose sections they are; None of other pairs.
    conditions : mapping of str to float
        What was set to make the pair, by name with its unit (``start_translation_mm``); figures draw metrics against
        it.
    undisturbed : str
        Where the pair starts off a disturbance: id of the pair with the same images and without it; else empty.
    """

    pair_id: str
    dimension: int
    subjects: tuple[str, ...]
    kind: str
    sections: tuple[int, int] | None = None
    conditions: Mapping[str, float] = field(default_factory=dict)
    undisturbed: str = ""


@dataclass(frozen=True)
class Pair:
    """Two images in ITK's physical space (LPS, mm) with what is known about them.

    Attributes
    ----------
    info : PairInfo
        Identity of the pair.
    fixed, moving : SimpleITK.Image
        Scalar images as loaded; their grids may differ in size, spacing, origin and direction.
    fixed_mask, moving_mask : SimpleITK.Image or None
        Non-zero inside the region that counts; on the grid of the image they belong to.
    fixed_labels, moving_labels : SimpleITK.Image or None
        Integer label images, 0 is background; on the grid of the image they belong to.
    label_names : mapping of int to str
        The labels that are scored, with readable names; empty scores all under their numbers.
    true_transform : SimpleITK.Transform or None
        Maps physical points of the fixed image to physical points of the moving image.
    prealignment : SimpleITK.Transform or None
        The common start of all backends, fixed points to moving points; None means the identity.
    fixed_landmarks, moving_landmarks : ndarray of shape (n, dimension) or None
        Corresponding physical points in mm, float64.
    """

    info: PairInfo
    fixed: sitk.Image
    moving: sitk.Image
    fixed_mask: sitk.Image | None = None
    moving_mask: sitk.Image | None = None
    fixed_labels: sitk.Image | None = None
    moving_labels: sitk.Image | None = None
    label_names: Mapping[int, str] = field(default_factory=dict)
    true_transform: sitk.Transform | None = None
    prealignment: sitk.Transform | None = None
    fixed_landmarks: npt.NDArray[np.float64] | None = None
    moving_landmarks: npt.NDArray[np.float64] | None = None
