"""The labels of LPBA40 and what they tell about how its voxels lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.analyze import AnalyzeArray
from datasets.reading import ImageError

_PAIRED = {
    21: "superior frontal gyrus",
    23: "middle frontal gyrus",
    25: "inferior frontal gyrus",
    27: "precentral gyrus",
    29: "middle orbitofrontal gyrus",
    31: "lateral orbitofrontal gyrus",
    33: "gyrus rectus",
    41: "postcentral gyrus",
    43: "superior parietal gyrus",
    45: "supramarginal gyrus",
    47: "angular gyrus",
    49: "precuneus",
    61: "superior occipital gyrus",
    63: "middle occipital gyrus",
    65: "inferior occipital gyrus",
    67: "cuneus",
    81: "superior temporal gyrus",
    83: "middle temporal gyrus",
    85: "inferior temporal gyrus",
    87: "parahippocampal gyrus",
    89: "lingual gyrus",
    91: "fusiform gyrus",
    101: "insular cortex",
    121: "cingulate gyrus",
    161: "caudate",
    163: "putamen",
    165: "hippocampus",
}
LEFT = tuple(_PAIRED)
RIGHT = tuple(label + 1 for label in _PAIRED)
FRONTAL = tuple(range(21, 35))
OCCIPITAL = tuple(range(61, 69))
SUPERIOR_FRONTAL = (21, 22)
CEREBELLUM, BRAINSTEM = 181, 182

CEREBRAL_NAMES = {
    label + side: f"{('left', 'right')[side]} {name}" for label, name in _PAIRED.items() for side in (0, 1)
}
ALL_NAMES = {**CEREBRAL_NAMES, CEREBELLUM: "cerebellum", BRAINSTEM: "brainstem"}

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_HALF_TURN = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)


def direction_of(
    labels: AnalyzeArray, spacing_mm: tuple[float, float, float], path: Path
) -> tuple[float, ...]:
    """Return ITK's direction cosines for voxels whose labels are given.

    Analyze has no trustworthy orientation, so the labels decide: odd ones are left, even ones right, frontal ones
    lie before occipital ones, and the brainstem below the superior frontal gyri. Two orders are accepted, half a turn
    about the vertical apart: x to the left, y to the back, z up, and x to the right, y to the front, z up. Any
    other order is a mirrored or turned copy, in which left would be taken for right.

    Parameters
    ----------
    labels : ndarray of shape (x, y, z)
        Label image of one subject.
    spacing_mm : tuple of float
        Voxel size.
    path : Path
        Where the labels come from, for the message.

    Returns
    -------
    tuple of float
        Nine numbers, rows first.

    Raises
    ------
    ImageError
        When structures are missing or lie in another order.
    """

    def centre(ids: tuple[int, ...], what: str) -> npt.NDArray[np.float64]:
        where = np.argwhere(np.isin(labels, ids))
        if not len(where):
            raise ImageError(
                f"{path}: shows no {what} (labels {ids[0]} to {ids[-1]}): not an LPBA40 label image"
            )
        return np.asarray(where.mean(axis=0) * spacing_mm)

    leftward = centre(LEFT, "left structure") - centre(RIGHT, "right structure")
    forward = centre(FRONTAL, "frontal gyrus") - centre(OCCIPITAL, "occipital gyrus")
    upward = centre(SUPERIOR_FRONTAL, "superior frontal gyrus") - centre((BRAINSTEM,), "brainstem")
    signs = (bool(leftward[0] > 0), bool(forward[1] < 0), bool(upward[2] > 0))
    upright = np.abs(leftward).argmax() == 0 and np.abs(forward).argmax() == 1
    if upright and signs == (True, True, True):
        return _IDENTITY
    if upright and signs == (False, False, True):
        return _HALF_TURN
    ends = [("right", "left"), ("front", "back"), ("bottom", "top")]
    found = ", ".join(
        f"{axis} to the {end[sign]}" for axis, end, sign in zip("xyz", ends, signs, strict=True)
    )
    raise ImageError(
        f"{path}: its labels run {found}{'' if upright else ' and along other axes than x and y'}; LPBA40 runs to the "
        "left, back and top or to the right, front and top: this copy was mirrored or turned, fetch the original"
    )
