from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydantic
import pytest
import SimpleITK as sitk

from datasets.fetching import FetchRequest
from datasets.pair import Pair
from datasets.template import Template2D, Template2DParams, Template3D, Template3DParams

PLAIN_2D = ("translation", "rotation", "affine", "bspline", "diffeomorphic")
PAIRS = [
    *(("template2d", info.pair_id) for info in Template2D(Template2DParams(), Path()).pairs()),
    *(("template3d", info.pair_id) for info in Template3D(Template3DParams(), Path()).pairs()),
]


@pytest.fixture(params=PAIRS, ids=lambda p: "-".join(p))
def pair(request: pytest.FixtureRequest) -> Pair:
    name, pair_id = request.param
    loaded = request.getfixturevalue(name).load(pair_id)
    assert isinstance(loaded, Pair)
    return loaded


def resampled(pair: Pair, image: sitk.Image, interpolator: int) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.Resample(image, pair.fixed, pair.true_transform, interpolator))


def dice(a: np.ndarray, b: np.ndarray, label: int) -> float:
    return 2 * np.sum((a == label) & (b == label)) / (np.sum(a == label) + np.sum(b == label))


def test_kinds_asked_for_are_there() -> None:
    kinds = {pair_id for name, pair_id in PAIRS if name == "template2d"}
    assert kinds == {*PLAIN_2D, "diffeomorphic-bias-noise", "cross-modal"}


def test_pair_is_complete_and_on_one_grid(pair: Pair) -> None:
    dimension = pair.info.dimension
    assert pair.fixed.GetSize() == ((256, 256) if dimension == 2 else (46, 54, 46))
    for name in ("moving", "fixed_mask", "moving_mask", "fixed_labels", "moving_labels"):
        assert getattr(pair, name).IsSameImageGeometryAs(pair.fixed)
    assert pair.fixed.GetPixelID() == pair.moving.GetPixelID() == sitk.sitkFloat32
    assert pair.fixed.GetDirection() == tuple(np.eye(dimension).ravel())
    assert pair.true_transform is not None
    assert pair.true_transform.GetDimension() == dimension
    assert pair.prealignment is None
    assert pair.info.subjects == ("icbm152",)


def test_intensities_are_finite_and_scaled(pair: Pair) -> None:
    for image in (pair.fixed, pair.moving):
        array = sitk.GetArrayFromImage(image)
        assert np.all(np.isfinite(array))
        assert array.min() >= 0.0
        assert 0.7 < array.max() < 1.6


def test_all_six_labels_lie_inside_the_mask_and_on_their_side(pair: Pair) -> None:
    labels = sitk.GetArrayFromImage(pair.fixed_labels)
    mask = sitk.GetArrayFromImage(pair.fixed_mask)
    assert set(np.unique(labels)) == {0, *pair.label_names}
    assert np.mean(mask[labels > 0]) > 0.99
    for label, name in pair.label_names.items():
        where = np.argwhere(labels == label).mean(axis=0)[::-1]
        x_mm = pair.fixed.TransformContinuousIndexToPhysicalPoint(where.tolist())[0]
        assert (x_mm > 5.0) if name.startswith("left") else (x_mm < -5.0)


def test_first_row_is_anterior_in_2d(template2d: Template2D) -> None:
    """The head is wider behind the centre than in front of it, as far from either pole."""
    pair = template2d.load("translation")
    assert pair.fixed.TransformIndexToPhysicalPoint((0, 255))[1] > pair.fixed.GetOrigin()[1]
    width = sitk.GetArrayFromImage(pair.fixed_mask).sum(axis=1)
    first, last = np.flatnonzero(width)[[0, -1]]
    quarter = (last - first) // 4
    assert width[last - quarter] > width[first + quarter] + 5


def test_tissues_have_their_intensities(template2d: Template2D) -> None:
    pair = template2d.load("diffeomorphic")
    t1 = sitk.GetArrayFromImage(pair.fixed)
    labels = sitk.GetArrayFromImage(pair.fixed_labels)
    grey, white, csf = (t1[np.isin(labels, ids)].mean() for ids in ((1, 2), (3, 4), (5, 6)))
    assert csf < grey - 0.15 < white - 0.25


@pytest.mark.parametrize("kind", PLAIN_2D)
def test_true_transform_brings_moving_onto_fixed_2d(template2d: Template2D, kind: str) -> None:
    pair = template2d.load(kind)
    fixed, mask = sitk.GetArrayFromImage(pair.fixed), sitk.GetArrayFromImage(pair.fixed_mask) > 0
    start = sitk.GetArrayFromImage(pair.moving)
    warped = resampled(pair, pair.moving, sitk.sitkBSpline)
    before, after = (np.sqrt(np.mean((image - fixed)[mask] ** 2)) for image in (start, warped))
    assert after < 0.01 < 0.1 < before


def test_true_transform_brings_labels_onto_labels(pair: Pair) -> None:
    fixed = sitk.GetArrayFromImage(pair.fixed_labels)
    start = sitk.GetArrayFromImage(pair.moving_labels)
    warped = resampled(pair, pair.moving_labels, sitk.sitkNearestNeighbor)
    bound = 0.93 if pair.info.dimension == 2 else 0.84  # 4 mm voxels are as wide as the cortex
    for label in (1, 2, 3, 4):
        assert dice(fixed, warped, label) > bound > dice(fixed, start, label)
    brain = (fixed > 0).astype(int)
    assert dice(brain, (warped > 0).astype(int), 1) > 0.96


def test_inverted_true_transform_is_no_answer(template2d: Template2D) -> None:
    """Direction: the transform maps fixed to moving points, so its inverse must double the error."""
    pair = template2d.load("translation")
    fixed, mask = sitk.GetArrayFromImage(pair.fixed), sitk.GetArrayFromImage(pair.fixed_mask) > 0

    def rmse(transform: sitk.Transform) -> float:
        warped = sitk.GetArrayFromImage(sitk.Resample(pair.moving, pair.fixed, transform, sitk.sitkLinear))
        return float(np.sqrt(np.mean((warped - fixed)[mask] ** 2)))

    assert pair.true_transform is not None
    wrong = rmse(pair.true_transform.GetInverse())
    assert rmse(pair.true_transform) < 0.02 < rmse(sitk.Transform(2, sitk.sitkIdentity)) < wrong


def test_true_map_has_positive_jacobian_and_realistic_size(
    pair: Pair, displacement_of: Callable[[Pair], np.ndarray]
) -> None:
    u = displacement_of(pair)
    dimension, spacing = pair.info.dimension, pair.fixed.GetSpacing()[0]
    gradients = [np.stack(np.gradient(u[..., c], spacing)[::-1], axis=-1) for c in range(dimension)]
    determinant = np.linalg.det(np.stack(gradients, axis=-2) + np.eye(dimension))
    mask = sitk.GetArrayFromImage(pair.fixed_mask) > 0
    assert determinant.min() > 0.2
    assert determinant[mask].min() > 0.5
    assert 1.5 < np.linalg.norm(u[mask], axis=-1).mean() < 8.0


def test_anatomy_is_not_mirror_symmetric(template2d: Template2D) -> None:
    fixed = sitk.GetArrayFromImage(template2d.load("translation").fixed)
    assert np.sqrt(np.mean((fixed - fixed[:, ::-1]) ** 2)) > 0.03


def test_cross_modal_pair_is_not_related_linearly(template2d: Template2D) -> None:
    pair = template2d.load("cross-modal")
    mask = sitk.GetArrayFromImage(pair.fixed_mask) > 0
    fixed = sitk.GetArrayFromImage(pair.fixed)[mask]
    warped = resampled(pair, pair.moving, sitk.sitkLinear)[mask]
    assert np.corrcoef(fixed, warped)[0, 1] < -0.5


def test_bytes_are_the_same_in_another_process_with_other_threads(
    template2d: Template2D, digest: Callable[[Pair], str], tmp_path: Path, checkout: Path
) -> None:
    script = """
import hashlib, sys
from pathlib import Path
sys.path.insert(0, "tests/datasets")
import conftest
from datasets.template import Template2D, Template2DParams
dataset = Template2D(Template2DParams(), Path(sys.argv[1]))
for info in dataset.pairs():
    print(conftest.digest.__wrapped__()(dataset.load(info.pair_id)))
"""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {
        **os.environ,
        **threads,
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
        "PYTHONHASHSEED": "7",
    }
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    here = [digest(template2d.load(info.pair_id)) for info in template2d.pairs()]
    assert done.stdout.split() == here
    assert len(set(here)) == len(here)


def test_another_seed_gives_another_deformation_and_another_folder(
    template2d: Template2D, digest: Callable[[Pair], str], tmp_path: Path
) -> None:
    other = Template2D(Template2DParams(seed=1), template2d.cache_root)
    assert digest(other.load("affine")) != digest(template2d.load("affine"))
    assert other.version == template2d.version
    assert len([p for p in (template2d.cache_root / "derived" / "template2d").iterdir() if p.is_dir()]) == 2


def test_cache_is_used_again(template2d: Template2D) -> None:
    manifests = list(template2d.cache_root.rglob("manifest.json"))
    stamps = [path.stat().st_mtime_ns for path in manifests]
    again = Template2D(Template2DParams(), template2d.cache_root)
    again.fetch(FetchRequest())
    again.load("rotation")
    assert [path.stat().st_mtime_ns for path in manifests] == stamps


def test_damaged_image_is_made_anew(
    template2d: Template2D, digest: Callable[[Pair], str], tmp_path: Path
) -> None:
    whole = digest(template2d.load("bspline"))
    dataset = Template2D(Template2DParams(), tmp_path)
    dataset.fetch(FetchRequest())
    victim = next(tmp_path.rglob("bspline/moving.mha"))
    content = bytearray(victim.read_bytes())
    content[-1000] ^= 0xFF
    victim.write_bytes(content)
    assert digest(dataset.load("bspline")) == whole


def test_unknown_pair_and_bad_parameters_are_named(template2d: Template2D) -> None:
    with pytest.raises(KeyError, match="no pair 'afine', only translation"):
        template2d.load("afine")
    with pytest.raises(pydantic.ValidationError, match="sed"):
        Template2DParams(sed=1)  # type: ignore[call-arg]
    for spacing_mm in (0.5, 1.5, 8.0):
        with pytest.raises(pydantic.ValidationError, match="spacing_mm"):
            Template3DParams(spacing_mm=spacing_mm)


def test_description_says_what_the_data_are_no_evidence_of() -> None:
    text = Template3D(Template3DParams(), Path()).description
    assert "known deformations (volumes at 2 mm)" in text
    assert "no evidence about accuracy between different subjects" in text


def test_nilearn_itself_is_not_imported(checkout: Path) -> None:
    script = (
        "import sys; from datasets.icbm152 import load_template; load_template();"
        "assert 'nilearn' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=checkout, check=True, timeout=60)
