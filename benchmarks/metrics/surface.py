"""Distances between the surfaces of two labels.

A surface is the set of a label's voxels that have a face neighbour outside it, or lie at the image's border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import KDTree

from benchmarks.metrics.overlap import Labels
from benchmarks.metrics.region import union

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SurfaceDistances:
    """Nearest distances between two surfaces.

    Attributes
    ----------
    from_source_mm : ndarray
        From every voxel of the source's surface to the target's.
    from_target_mm : ndarray
        The other way round.
    """

    from_source_mm: npt.NDArray[np.float64]
    from_target_mm: npt.NDArray[np.float64]

    @property
    def hd95_mm(self) -> float:
        """The larger of the two directed 95th percentiles."""
        return float(max(np.percentile(d, 95) for d in (self.from_source_mm, self.from_target_mm)))

    @property
    def assd_mm(self) -> float:
        """Average symmetric surface distance: the mean over the voxels of both surfaces."""
        return float(np.mean(np.concatenate([self.from_source_mm, self.from_target_mm])))


def label_distances(
    source: Labels, target: Labels, n_labels: int, spacing_mm: Sequence[float]
) -> list[SurfaceDistances | None]:
    """Return the distances between the surfaces of labels 1 to ``n_labels`` of two label images.

    Parameters
    ----------
    source, target : ndarray of int
        Label images on one grid.
    n_labels : int
        The highest label.
    spacing_mm : sequence of float
        Voxel size in the order of the array's axes.

    Returns
    -------
    list of SurfaceDistances or None
        None where one of the images lacks the label.
    """
    boxes = (ndimage.find_objects(image, n_labels) for image in (source, target))
    return [
        surface_distances(source[box] == label, target[box] == label, spacing_mm)
        if (box := a and b and union(a, b))
        else None
        for label, (a, b) in enumerate(zip(*boxes, strict=True), start=1)
    ]


def surface_distances(source: Mask, target: Mask, spacing_mm: Sequence[float]) -> SurfaceDistances | None:
    """Return the distances between two labels' surfaces.

    Parameters
    ----------
    source, target : ndarray of bool
        Voxels of the label.
    spacing_mm : sequence of float
        Voxel size in the order of the array's axes.

    Returns
    -------
    SurfaceDistances or None
        None where a label has no voxel.
    """
    if not source.any() or not target.any():
        return None
    of_source, of_target = (_surface_mm(mask, spacing_mm) for mask in (source, target))
    return SurfaceDistances(_nearest_mm(of_source, of_target), _nearest_mm(of_target, of_source))


def _surface_mm(mask: Mask, spacing_mm: Sequence[float]) -> Points:
    surface = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    return np.asarray(surface * np.asarray(spacing_mm, dtype=np.float64))


def _nearest_mm(points_mm: Points, surface_mm: Points) -> Points:
    # A distance transform would give the distances of all voxels around, which nobody asks for.
    distances_mm, _ = KDTree(surface_mm).query(points_mm)
    return np.asarray(distances_mm, dtype=np.float64)
