"""Distances between the surfaces of two labels.

A surface is the set of a label's voxels that have a face neighbour outside it, or lie at the image's border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.metrics.region import bounding_box, union

Mask = npt.NDArray[np.bool_]


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
    box = union(bounding_box(source), bounding_box(target))
    source_surface, target_surface = _surface(source[box]), _surface(target[box])
    return SurfaceDistances(
        _distance_to(target_surface, spacing_mm)[source_surface],
        _distance_to(source_surface, spacing_mm)[target_surface],
    )


def _surface(mask: Mask) -> Mask:
    return mask & ~ndimage.binary_erosion(mask)


def _distance_to(surface: Mask, spacing_mm: Sequence[float]) -> npt.NDArray[np.float64]:
    return np.asarray(ndimage.distance_transform_edt(~surface, sampling=spacing_mm), dtype=np.float64)
