"""The slices that figures are drawn from: what a worker keeps of a registration, and how it lies on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.plane_files import read_planes, write_planes

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Panel:
    """One slice of a registered pair on the fixed grid, ready to be shown with row 0 at the top.

    Slices of 3D images are in radiological convention: the patient's left is on the right of axial and
    coronal slices; superior, or anterior on axial slices, is at the top.

    Attributes
    ----------
    fixed, moving, warped : ndarray of shape (rows, columns)
        Normalised intensities; ``moving`` is the prealigned start.
    mask : ndarray of bool, shape (rows, columns)
        Where metrics were computed.
    fixed_labels, moving_labels, warped_labels : ndarray of shape (rows, columns)
        0 is background, all zeros where there are no labels.
    displacement_mm : ndarray of shape (2, rows, columns)
        In-plane displacement of the backend's transform along rows (down) and columns (right).
    jacobian : ndarray of shape (rows, columns)
        Determinant of the Jacobian of the whole transform.
    spacing_mm : ndarray of shape (2,)
        Row and column spacing.
    """

    fixed: FloatArray
    moving: FloatArray
    warped: FloatArray
    mask: npt.NDArray[np.bool_]
    fixed_labels: LabelArray
    moving_labels: LabelArray
    warped_labels: LabelArray
    displacement_mm: FloatArray
    jacobian: FloatArray
    spacing_mm: npt.NDArray[np.float64]


def panels_name(job_id: str) -> str:
    """Return where the panels of a job lie, relative to the results folder."""
    return f"artefacts/{job_id}.npz"


def write_panels(path: Path, panels: dict[str, Panel]) -> None:
    """Write panels by plane name (``image``; ``axial``, ``coronal``, ``sagittal``) to one ``.npz`` file."""
    write_planes(path, panels)


def read_panels(path: Path) -> dict[str, Panel]:
    """Read what :func:`write_panels` wrote.

    Raises
    ------
    ValueError
        When the file is not such a file; the message names it.
    """
    return read_planes(path, Panel, "panels")
