from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.fetching import FetchRequest
from datasets.pair import Pair
from datasets.template import Template2D, Template2DParams, Template3D, Template3DParams

IMAGES = ("fixed", "moving", "fixed_mask", "moving_mask", "fixed_labels", "moving_labels")


@pytest.fixture(scope="session")
def template2d(tmp_path_factory: pytest.TempPathFactory) -> Template2D:
    dataset = Template2D(Template2DParams(), tmp_path_factory.mktemp("cache2d"))
    dataset.fetch(FetchRequest())
    return dataset


@pytest.fixture(scope="session")
def template3d(tmp_path_factory: pytest.TempPathFactory) -> Template3D:
    dataset = Template3D(Template3DParams(spacing_mm=4.0), tmp_path_factory.mktemp("cache3d"))
    dataset.fetch(FetchRequest())
    return dataset


@pytest.fixture
def digest() -> Callable[[Pair], str]:
    """Hash of everything in a pair that a backend or a metric can see."""

    def of(pair: Pair) -> str:
        total = hashlib.sha256()
        for name in IMAGES:
            image = getattr(pair, name)
            total.update(repr((image.GetOrigin(), image.GetSpacing(), image.GetDirection())).encode())
            total.update(sitk.GetArrayFromImage(image).tobytes())
        total.update(displacement(pair).tobytes())
        return total.hexdigest()

    return of


def displacement(pair: Pair) -> np.ndarray:
    """Displacement of the true transform on the fixed grid, mm, components last."""
    fixed = pair.fixed
    return sitk.GetArrayFromImage(
        sitk.TransformToDisplacementField(
            pair.true_transform,
            sitk.sitkVectorFloat64,
            fixed.GetSize(),
            fixed.GetOrigin(),
            fixed.GetSpacing(),
            fixed.GetDirection(),
        )
    )


@pytest.fixture
def displacement_of() -> Callable[[Pair], np.ndarray]:
    return displacement


@pytest.fixture
def checkout() -> Path:
    return Path(__file__).resolve().parents[2]
