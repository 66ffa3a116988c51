"""Distances between where points went and where they belong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def distances_mm(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the Euclidean distances of corresponding points, or displacements, of shape (n, dimension)."""
    return np.asarray(np.sqrt(np.sum((a - b) ** 2, axis=-1)), dtype=np.float64)


def mean_mm(errors_mm: FloatArray) -> float | None:
    """Return the mean; None where there are no points."""
    return float(errors_mm.mean()) if errors_mm.size else None


def percentile95_mm(errors_mm: FloatArray) -> float | None:
    """Return the 95th percentile; None where there are no points."""
    return float(np.percentile(errors_mm, 95)) if errors_mm.size else None
