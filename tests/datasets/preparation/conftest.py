from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from datasets.pair import Pair, PairInfo


@pytest.fixture
def volume() -> Callable[..., sitk.Image]:
    """Make an image on an oblique, anisotropic grid that is none of the simple ones."""

    def make(array: np.ndarray, spacing_mm=(1.0, 1.5, 2.0), angle=0.2) -> sitk.Image:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(spacing_mm)
        image.SetOrigin((5.0, -7.0, 11.0))
        turn = sitk.Euler3DTransform((0, 0, 0), angle, -angle / 2, angle / 3)
        image.SetDirection(turn.GetMatrix())
        return image

    return make


@pytest.fixture
def pair(volume) -> Pair:
    """Two smooth blobs with labels, the moving one shifted by (2, 3, -2) mm."""
    axes = np.meshgrid(np.arange(20), np.arange(28), np.arange(36), indexing="ij")
    texture = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(20, 28, 36)), 2, mode="wrap") * 3

    def side(shift):
        inside = sum(
            ((a - n / 2 - s) / (0.3 * n)) ** 2 for a, n, s in zip(axes, (20, 28, 36), shift, strict=True)
        )
        array = np.where(inside < 1, 2 + np.roll(texture, shift, (0, 1, 2)), 0)
        labels = np.where(inside < 1, np.where(axes[2] > 18 + shift[2], 7, 3), 0)
        return volume(array.astype(np.float32), angle=0.0), volume(labels.astype(np.uint16), angle=0.0)

    (fixed, fixed_labels), (moving, moving_labels) = side((0, 0, 0)), side((-1, 2, 2))
    info = PairInfo("one", 3, ("a", "b"), "test")
    return Pair(info, fixed, moving, fixed_labels=fixed_labels, moving_labels=moving_labels)
