"""The five fixtures and the fifty pairs of the stress battery."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from datasets import photograph
from datasets.base import DatasetError
from datasets.battery import CASES, Battery2D, Battery2DParams
from datasets.fetching import FetchRequest
from datasets.fixtures import FIXTURES, make_fixtures
from datasets.fixtures2d import Fixtures2D, Fixtures2DParams
from datasets.pair import Pair
from datasets.spoiling import OVERLAP_SHARE, PATCH_SHARE
from tests.imitations import save_nifti, small_brain

CENTRE_MM = (0.0, 17.0)
STRESSORS = {
    "shift": 9,
    "rotation": 10,
    "large-rotation": 10,
    "noise": 9,
    "low-overlap": 4,
    "occlusion": 4,
    "bias": 4,
}


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Fixtures2D:
    dataset = Fixtures2D(Fixtures2DParams(), tmp_path_factory.mktemp("fixtures"))
    dataset.fetch(FetchRequest())
    return dataset


@pytest.fixture(scope="module")
def battery(tmp_path_factory: pytest.TempPathFactory) -> Battery2D:
    dataset = Battery2D(Battery2DParams(), tmp_path_factory.mktemp("battery"))
    dataset.fetch(FetchRequest())
    return dataset


def array(image: sitk.Image) -> np.ndarray:
    return np.asarray(sitk.GetArrayFromImage(image))


def masked(pair: Pair) -> np.ndarray:
    return (
        np.ones(pair.fixed.GetSize()[::-1], bool) if pair.fixed_mask is None else array(pair.fixed_mask) > 0
    )


def rmse(pair: Pair, transform: sitk.Transform) -> float:
    warped = array(sitk.Resample(pair.moving, pair.fixed, transform, sitk.sitkBSpline))
    return float(np.sqrt(np.mean((array(pair.fixed) - warped)[masked(pair)] ** 2)))


def affine_of(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Matrix of the true transform, and where it takes the centre of the brain, relative to it."""
    transform = pair.true_transform
    origin = np.array(transform.TransformPoint(CENTRE_MM))
    columns = [
        np.array(transform.TransformPoint(tuple(np.add(CENTRE_MM, step)))) - origin
        for step in np.eye(2).tolist()
    ]
    return np.stack(columns, axis=-1), origin - CENTRE_MM


def digest(folder: Path) -> str:
    """Hash of all images and transforms below a folder, under their names."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".mha":
            total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
        if path.suffix == ".h5":
            transform = sitk.ReadTransform(str(path))
            total.update(repr((transform.GetParameters(), transform.GetFixedParameters())).encode())
    return total.hexdigest()


def derived(dataset: Fixtures2D | Battery2D) -> Path:
    (folder,) = (p for p in (dataset.cache_root / "derived" / dataset.name).iterdir() if p.is_dir())
    return folder


def test_five_fixtures_move_as_they_say(fixtures: Fixtures2D) -> None:
    pairs = {info.pair_id: fixtures.load(info.pair_id) for info in fixtures.pairs()}
    assert list(pairs) == ["translation", "rotation", "photograph", "bspline", "brains"]
    assert [pair.info.kind for pair in pairs.values()] == [
        "translation",
        "rotation",
        "affine",
        "bspline",
        "brains",
    ]
    matrix, offset = affine_of(pairs["translation"])
    np.testing.assert_allclose(matrix, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(offset, (3.5, 0.0), atol=1e-9)
    matrix, offset = affine_of(pairs["rotation"])
    np.testing.assert_allclose(
        matrix, [[np.cos(np.pi / 12), -np.sin(np.pi / 12)], [np.sin(np.pi / 12), np.cos(np.pi / 12)]]
    )
    np.testing.assert_allclose(offset, 0.0, atol=1e-9)
    spline = sitk.BSplineTransform(pairs["bspline"].true_transform)
    assert spline.GetTransformDomainMeshSize() == (1, 1)  # 4 by 4 control points
    assert len(spline.GetParameters()) == 2 * 4 * 4


@pytest.mark.parametrize(
    ("name", "after", "before"),
    [
        ("translation", 0.01, 0.09),
        ("rotation", 0.01, 0.1),
        ("photograph", 0.02, 0.09),
        ("bspline", 0.01, 0.09),
    ],
)
def test_true_transform_brings_moving_onto_fixed(
    fixtures: Fixtures2D, name: str, after: float, before: float
) -> None:
    pair = fixtures.load(name)
    assert rmse(pair, pair.true_transform) < after
    assert rmse(pair, sitk.Transform(2, sitk.sitkIdentity)) > before


def test_brains_differ_by_more_than_their_motion(fixtures: Fixtures2D) -> None:
    pair = fixtures.load("brains")
    matrix, offset = affine_of(pair)
    assert np.abs(offset).min() >= 0.25
    assert np.abs(offset).max() <= 1.75
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    assert rmse(pair, pair.true_transform) > 0.03
    assert rmse(pair, pair.true_transform) < rmse(pair, sitk.Transform(2, sitk.sitkIdentity))


def test_the_photograph_is_the_one_that_the_wheel_holds(fixtures: Fixtures2D) -> None:
    assert "camera.png of scikit-image, CC0 by Lav Varshney" in fixtures.description
    pair = fixtures.load("photograph")
    assert pair.fixed_mask is pair.moving_mask is pair.fixed_labels is pair.moving_labels is None
    # The centre of the picture in the centre of the grid, at 0.45 mm per pixel: means over 2.2 pixels.
    pixels = photograph.load_photograph(CENTRE_MM).pixels
    fixed = array(pair.fixed)
    rows = 255.5 + (np.arange(96, 160) - 127.5) / 0.45
    nearest = pixels[np.ix_(np.rint(rows).astype(int), np.rint(rows).astype(int))]
    assert np.corrcoef(nearest.ravel(), fixed[96:160, 96:160].ravel())[0, 1] > 0.9
    assert fixed[0].max() == fixed[:, 0].max() == fixed[-1].max() == 0.0


def test_slices_have_masks_and_labels(fixtures: Fixtures2D) -> None:
    for name in ("translation", "rotation", "bspline", "brains"):
        pair = fixtures.load(name)
        assert masked(pair).mean() > 0.2
        assert set(np.unique(array(pair.fixed_labels))) == {0, *pair.label_names}


def test_bytes_are_the_same_twice_and_differ_by_seed(tmp_path: Path, fixtures: Fixtures2D) -> None:
    again = Fixtures2D(Fixtures2DParams(), tmp_path / "again")
    again.fetch(FetchRequest())
    other = Fixtures2D(Fixtures2DParams(seed=1), tmp_path / "other")
    other.fetch(FetchRequest())
    assert digest(derived(again)) == digest(derived(fixtures)) != digest(derived(other))


def test_fifty_cases_under_seven_stressors(battery: Battery2D) -> None:
    infos = battery.pairs()
    assert len({info.pair_id for info in infos}) == len(infos) == 50
    assert Counter(info.kind for info in infos) == STRESSORS
    assert {info.subjects for info in infos} == {("icbm152",), ("photograph",)}


def test_the_battery_is_the_same_twice(battery: Battery2D, tmp_path: Path) -> None:
    again = Battery2D(Battery2DParams(), tmp_path)
    again.fetch(FetchRequest())
    assert digest(derived(again)) == digest(derived(battery))


@pytest.mark.parametrize("distance_px", [0.3, 0.7, 1.4])
def test_shifts_and_rotations_are_those_of_their_names(battery: Battery2D, distance_px: float) -> None:
    for name in ("translation", "photograph", "brains"):
        matrix, offset = affine_of(battery.load(f"shift-{distance_px}-{name}"))
        np.testing.assert_allclose(matrix, np.eye(2), atol=1e-9)
        np.testing.assert_allclose(offset, (distance_px, 0.0), atol=1e-9)


@pytest.mark.parametrize("angle_deg", [2, 15, 45, 75])
def test_rotations_turn_all_five_about_the_centre(battery: Battery2D, angle_deg: int) -> None:
    for fixture in FIXTURES:
        matrix, offset = affine_of(battery.load(f"rotation-{angle_deg}-{fixture.pair_id}"))
        assert np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])) == pytest.approx(angle_deg)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(2), atol=1e-9)
        np.testing.assert_allclose(offset, 0.0, atol=1e-9)


@pytest.mark.parametrize("name", ["rotation", "photograph", "bspline"])
def test_noise_is_on_the_moving_image_alone_and_as_strong_as_it_says(
    battery: Battery2D, fixtures: Fixtures2D, name: str
) -> None:
    clean = fixtures.load(name)
    for sigma in (0, 0.02, 0.1):
        noisy = battery.load(f"noise-{sigma}-{name}")
        np.testing.assert_array_equal(array(noisy.fixed), array(clean.fixed))
        bright = array(clean.moving) > 0.5  # Rician noise is Gaussian where the signal is strong
        assert np.std((array(noisy.moving) - array(clean.moving))[bright]) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("name", ["translation", "rotation", "photograph", "brains"])
def test_low_overlap_is_two_fifths_of_the_field_of_view(battery: Battery2D, name: str) -> None:
    pair = battery.load(f"low-overlap-{name}")
    assert pair.fixed.GetSize() == pair.moving.GetSize() == (256, 179)
    whole = np.ones(pair.moving.GetSize()[::-1], np.uint8)
    shown = sitk.GetImageFromArray(whole)
    shown.CopyInformation(pair.moving)
    common = array(
        sitk.Resample(shown, pair.fixed, sitk.Transform(2, sitk.sitkIdentity), sitk.sitkNearestNeighbor)
    )
    assert common.sum() / 256**2 == pytest.approx(OVERLAP_SHARE, abs=0.5 / 256)
    visible = array(sitk.Resample(shown, pair.fixed, pair.true_transform, sitk.sitkNearestNeighbor)) > 0
    assert not (masked(pair) & ~visible).any()
    assert rmse(pair, pair.true_transform) < 0.08


@pytest.mark.parametrize("name", ["translation", "rotation", "photograph", "bspline"])
def test_what_is_hidden_is_a_quarter_and_masked_out(
    battery: Battery2D, fixtures: Fixtures2D, name: str
) -> None:
    pair, clean = battery.load(f"occlusion-{name}"), fixtures.load(name)
    np.testing.assert_array_equal(array(pair.moving), array(clean.moving))
    shown = masked(clean) & (array(clean.fixed) > 0)
    box = [np.flatnonzero(shown.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]
    hidden = masked(clean) & ~masked(pair)
    sides = [np.ptp(np.flatnonzero(hidden.any(axis=1 - axis))) + 1 for axis in (0, 1)]
    area = np.prod([last - first + 1 for first, last in box])
    # The mask may end inside the patch, which then shows less of its sides.
    assert 0.9 * PATCH_SHARE < np.prod(sides) / area < 1.03 * PATCH_SHARE
    assert array(pair.fixed)[hidden].max() == 0
    assert rmse(pair, pair.true_transform) < 0.02


def test_bias_is_multiplicative_and_reaches_its_strength(battery: Battery2D, fixtures: Fixtures2D) -> None:
    for name in ("translation", "rotation", "photograph", "bspline"):
        clean = array(fixtures.load(name).moving)
        inside = clean > 0.05
        factor = array(battery.load(f"bias-{name}").moving)[inside] / clean[inside]
        assert 0.15 < np.abs(factor - 1).max() <= 0.4 + 1e-4


def test_a_movement_does_not_depend_on_what_spoils_it() -> None:
    spoiled = [case for case in CASES if case.pair_id in ("noise-0-bspline", "bias-bspline")]
    one, other = (pair.true_transform.GetParameters() for pair in make_fixtures(spoiled, seed=3))
    assert one == other


def test_slices_of_listed_volumes_take_the_place_of_the_template(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b")):
        image, labels = small_brain((32 + 4 * number, 40, 36), number, 3)
        save_nifti(tmp_path / f"{name}.nii.gz", image, (2.0, 2.0, 2.0))
        save_nifti(tmp_path / f"{name}_labels.nii.gz", labels, (2.0, 2.0, 2.0))
    listed = tmp_path / "pairs.csv"
    listed.write_text(
        "pair_id,fixed,moving,fixed_labels,moving_labels\nours,a.nii.gz,b.nii.gz,a_labels.nii.gz,b_labels.nii.gz\n"
    )
    dataset = Fixtures2D(Fixtures2DParams(brains=listed), tmp_path / "cache")
    assert [info.pair_id for info in dataset.pairs()][3:] == ["bspline", "brains-ours-axial50"]
    pair = dataset.load("brains-ours-axial50")
    assert pair.info.kind == "brains"
    assert pair.fixed.GetSize() == pair.moving.GetSize() == (256, 256)
    assert pair.true_transform is None
    assert np.unique(array(pair.fixed_labels)).size > 1
    assert "middle slices of the pairs listed in pairs.csv" in dataset.description
    dataset.fetch(FetchRequest(check_hashes=True))
    plain = Fixtures2D(Fixtures2DParams(), tmp_path / "cache")
    assert (
        dataset.versions()["bspline"]
        == plain.versions()["bspline"]
        != dataset.versions()["brains-ours-axial50"]
    )
    with pytest.raises(KeyError, match="no pair 'brains', only translation"):
        dataset.load("brains")


def test_a_list_of_brains_that_cannot_be_used_is_named_before_anything_runs(tmp_path: Path) -> None:
    listed = tmp_path / "pairs.csv"
    listed.write_text("pair_id,fixed,moving\nours,a.nii.gz,b.nii.gz\n")
    dataset = Fixtures2D(Fixtures2DParams(brains=listed), tmp_path / "cache")
    with pytest.raises(DatasetError, match=r"pairs\.csv: pair ours: fixed: "):
        dataset.pairs()
