"""A photograph that scikit-image carries in its wheel; scikit-image itself is never imported.

``camera.png``: a photographer at work, 512×512, grey. No copyright restrictions: CC0 by the photographer, Lav
Varshney, as scikit-image documents it (``skimage.data.camera``, since 0.18).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from datasets.cache import sha256
from datasets.grid import FloatArray

CREDIT = "camera.png of scikit-image, CC0 by Lav Varshney"

_FILE = "camera.png"
_PIXEL_MM = 0.45
_WINDOW_RADIUS_MM = 105.0
_WINDOW_SEAM_MM = 25.0


@dataclass(frozen=True, eq=False)
class Photograph:
    """The photograph as a function of position, seen through a round window that fades to black at its rim.

    What is moved therefore stays in the picture, at any angle, as a head does, and the frame tells nothing of a
    rotation.

    Attributes
    ----------
    pixels : ndarray of shape (512, 512)
        Intensities, 0 to 1.
    centre_mm : tuple of float
        Where its centre lies.
    """

    pixels: FloatArray
    centre_mm: tuple[float, float]

    def at(self, points: FloatArray) -> FloatArray:
        """Sample the photograph by cubic B-splines, black outside the window.

        Parameters
        ----------
        points : ndarray of shape (n, 2)
            Physical points in mm.

        Returns
        -------
        ndarray of shape (n,)
            0 to 1.
        """
        offset_mm = points - np.asarray(self.centre_mm)
        index = offset_mm.T[::-1] / _PIXEL_MM + 0.5 * (np.asarray(self.pixels.shape)[:, None] - 1)
        values = ndimage.map_coordinates(self._coefficients, index, order=3, mode="mirror", prefilter=False)
        inwards_mm = _WINDOW_RADIUS_MM - np.sqrt(np.sum(offset_mm**2, axis=-1))
        seam = np.clip(inwards_mm / _WINDOW_SEAM_MM, 0.0, 1.0)
        window: FloatArray = seam**2 * (3.0 - 2.0 * seam)
        return window * np.clip(values, 0.0, 1.0)

    @cached_property
    def _coefficients(self) -> FloatArray:
        return np.asarray(ndimage.spline_filter(self.pixels, order=3, mode="mirror", output=np.float64))


def load_photograph(centre_mm: tuple[float, float]) -> Photograph:
    """Read the photograph.

    Raises
    ------
    FileNotFoundError
        When scikit-image, or the file in it, is missing.
    """
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(_path()), sitk.sitkFloat64)) / 255.0
    return Photograph(pixels, centre_mm)


def fingerprint() -> str:
    """Return the sha256 of the file.

    Raises
    ------
    FileNotFoundError
        When scikit-image, or the file in it, is missing.
    """
    return sha256(_path())


def _path() -> Path:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            "the photograph comes with scikit-image, which is not installed: pip install scikit-image"
        )
    path = Path(spec.submodule_search_locations[0], "data", _FILE)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: this scikit-image carries no photograph; scikit-image 0.26 does")
    return path
