"""The ICBM 152 2009a symmetric template (Fonov et al. 2011): T1 and tissue maps at 1 mm.

nilearn's wheel carries the files; nilearn itself is never imported.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from datasets.grid import Float32Array, FloatArray, Grid

CENTRE_MM = (0.0, 17.0, 13.0)
"""Centre of the brain's bounding box, LPS."""

LABEL_NAMES = {
    1: "left grey matter",
    2: "right grey matter",
    3: "left white matter",
    4: "right white matter",
    5: "left CSF",
    6: "right CSF",
}

_CHUNK = 1 << 17  # points at a time: what stays in a processor's cache is several times as fast

_FILES = {
    "t1": "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
    "grey": "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz",
    "white": "mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz",
}


@dataclass(frozen=True)
class Anatomy:
    """What the template is like at a set of points. All arrays have the same shape.

    Attributes
    ----------
    t1 : ndarray
        T1-weighted intensity, 0 to 1, 0 outside the brain.
    brain : ndarray
        Fraction of brain, 0 to 1.
    grey, white, csf : ndarray
        Tissue fractions, which add up to ``brain``.
    x_mm : ndarray
        Distance from the midsagittal plane of the anatomy, positive on the patient's left.
    """

    t1: Float32Array
    brain: Float32Array
    grey: Float32Array
    white: Float32Array
    csf: Float32Array
    x_mm: Float32Array

    def labels(self) -> npt.NDArray[np.uint8]:
        """Return the most probable tissue with its side, see ``LABEL_NAMES``; 0 where none is."""
        tissue = np.argmax(np.stack([1.0 - self.brain, self.grey, self.white, self.csf]), axis=0)
        side = np.where(self.x_mm > 0, 0, 1)
        return np.where(tissue == 0, 0, 2 * tissue - 1 + side).astype(np.uint8)

    def block_means(self, grid: Grid, factor: int) -> Anatomy:
        """Return the means over the samples of every voxel, given what ``grid.refined(factor)`` sees."""
        return Anatomy(**{f.name: grid.block_means(getattr(self, f.name), factor) for f in fields(self)})


class Template:
    """The template as functions of position, or one axial slice of it.

    Parameters
    ----------
    t1, grey, white : ndarray
        Volumes or slices on the same 1 mm grid, 0 to 1, LPS axes, numpy axis order.
    origin_mm : tuple of float
        Physical coordinates of the first sample, x first.
    """

    def __init__(
        self, t1: FloatArray, grey: FloatArray, white: FloatArray, origin_mm: tuple[float, ...]
    ) -> None:
        self._origin_mm = np.asarray(origin_mm)
        self._shape = t1.shape
        self._t1 = t1
        self._grey = grey
        self._white = white

    def at(self, points: FloatArray) -> Anatomy:
        """Sample the template: T1 by cubic B-splines, tissue fractions linearly; air outside.

        Parameters
        ----------
        points : ndarray of shape (n, dimension)
            Physical points in mm.
        """
        parts = [self._at(points[i : i + _CHUNK]) for i in range(0, len(points), _CHUNK)]
        return Anatomy(
            **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Anatomy)}
        )

    def _at(self, points: FloatArray) -> Anatomy:
        index = (points - self._origin_mm).T[::-1]
        near_brain = np.asarray(
            ndimage.map_coordinates(self._neighbourhood, index, order=0, mode="constant", prefilter=False)
        )
        where = np.flatnonzero(near_brain)
        index = np.take(index, where, axis=1)

        def scattered(values: FloatArray) -> Float32Array:
            everywhere = np.zeros(len(points), dtype=np.float32)
            everywhere[where] = values
            return everywhere

        brain = _linear(self._brain, index)
        grey = np.minimum(_linear(self._grey, index), brain)
        white = np.minimum(_linear(self._white, index), brain - grey)
        t1 = ndimage.map_coordinates(self._t1_coefficients, index, order=3, mode="mirror", prefilter=False)
        return Anatomy(
            t1=scattered(np.where(brain > 0, np.clip(t1, 0.0, 1.0), 0.0)),
            brain=scattered(brain),
            grey=scattered(grey),
            white=scattered(white),
            csf=scattered(brain - grey - white),
            x_mm=points[:, 0].astype(np.float32),
        )

    def axial_slice(self, z_mm: int) -> Template:
        """Return the slice at a height of the template.

        Raises
        ------
        ValueError
            When the template does not reach that height.
        """
        k = round(z_mm - float(self._origin_mm[-1]))
        if not 0 <= k < self._shape[0]:
            raise ValueError(f"the template has no slice at z = {z_mm} mm")
        x, y = (float(value) for value in self._origin_mm[:2])
        return Template(self._t1[k], self._grey[k], self._white[k], (x, y))

    @cached_property
    def _brain(self) -> FloatArray:
        return (self._t1 > 0).astype(np.float64)

    @cached_property
    def _neighbourhood(self) -> npt.NDArray[np.uint8]:
        """1 wherever interpolation can reach the brain from."""
        box = np.ones((3,) * self._t1.ndim, dtype=bool)
        return np.asarray(ndimage.binary_dilation(self._t1 > 0, box), dtype=np.uint8)

    @cached_property
    def _t1_coefficients(self) -> FloatArray:
        return np.asarray(ndimage.spline_filter(self._t1, order=3, mode="mirror", output=np.float64))


def load_template() -> Template:
    """Read the template.

    Raises
    ------
    FileNotFoundError
        When nilearn, or the file in it, is missing.
    """
    images = {
        name: sitk.DICOMOrient(sitk.ReadImage(str(path), sitk.sitkFloat64), "LPS")
        for name, path in _paths().items()
    }
    t1, grey, white = (sitk.GetArrayFromImage(images[name]) / 255.0 for name in ("t1", "grey", "white"))
    return Template(t1, grey, white, images["t1"].GetOrigin())


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return the sha256 of the template's files.

    Raises
    ------
    FileNotFoundError
        When nilearn, or the file in it, is missing.
    """
    digest = hashlib.sha256()
    for path in _paths().values():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _paths() -> dict[str, Path]:
    spec = find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            "the template comes with nilearn, which is not installed: pip install nilearn"
        )
    folder = Path(spec.submodule_search_locations[0], "datasets", "data")
    paths = {name: folder / file for name, file in _FILES.items()}
    for path in paths.values():
        if not path.is_file():
            raise FileNotFoundError(f"{path}: this nilearn carries no ICBM 152 template; nilearn 0.14 does")
    return paths


def _linear(values: FloatArray, index: FloatArray) -> FloatArray:
    return np.asarray(
        ndimage.map_coordinates(values, index, order=1, mode="grid-constant", prefilter=False),
        dtype=np.float64,
    )
