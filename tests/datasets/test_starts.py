from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.capture_range import CaptureRange2D, CaptureRange3D, CaptureRangeParams
from datasets.fetching import FetchRequest
from datasets.icbm152 import CENTRE_MM
from datasets.pair import Pair
from datasets.recovery import Recovery2D, Recovery3D, Recovery3DParams, RecoveryParams
from datasets.starts import StartsDataset

TURN_RAD = 0.1


@pytest.fixture(scope="module")
def recovery(tmp_path_factory: pytest.TempPathFactory) -> Recovery2D:
    dataset = Recovery2D(RecoveryParams(draws=2), tmp_path_factory.mktemp("recovery"))
    dataset.fetch(FetchRequest(check_hashes=True))
    return dataset


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> CaptureRange2D:
    return CaptureRange2D(CaptureRangeParams(draws=1), tmp_path_factory.mktemp("capture"))


def points_of(pair: Pair) -> np.ndarray:
    """Points inside the fixed mask, a row each."""
    index = np.argwhere(sitk.GetArrayFromImage(pair.fixed_mask) != 0)[::97, ::-1]
    return np.array([pair.fixed.TransformIndexToPhysicalPoint(i) for i in index.tolist()])


def errors(pair: Pair) -> np.ndarray:
    """What is left to find: from each point to where it belongs, from the start, which is the identity."""
    assert pair.prealignment is None
    points = points_of(pair)
    return np.array([pair.true_transform.TransformPoint(p) for p in points.tolist()]) - points


def lengths(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1)


def test_every_pair_of_images_is_there_at_every_start(recovery: Recovery2D) -> None:
    infos = recovery.pairs()
    assert len(infos) == 3 * 2 * 4
    assert len({info.pair_id for info in infos}) == len(infos)
    assert {tuple(info.conditions.items()) for info in infos} == {
        (("start_translation_px", px), ("start_rotation_rad", rad))
        for px, rad in ((0.0, 0.0), (1.0, 0.0), (5.0, 0.0), (0.0, 0.1))
    }
    for info in infos:
        undisturbed = next(other for other in infos if other.pair_id == info.undisturbed)
        assert not any(undisturbed.conditions.values())
        assert undisturbed.pair_id == undisturbed.undisturbed
        assert undisturbed.kind.partition(",")[0] == info.kind.partition(",")[0]


@pytest.mark.parametrize(
    ("name", "distance_mm"), [("undisturbed", 0), ("translation-1px", 1), ("translation-5px", 5)]
)
def test_a_rigid_pair_starts_exactly_so_far_from_its_solution(
    recovery: Recovery2D, name: str, distance_mm: float
) -> None:
    found = errors(recovery.load(f"rigid-1-{name}"))
    assert lengths(found) == pytest.approx(distance_mm, abs=1e-9)


def test_a_turned_start_lies_on_chords_about_the_centre(recovery: Recovery2D) -> None:
    pair = recovery.load("rigid-0-rotation-0.1rad")
    radius = lengths(points_of(pair) - np.array(CENTRE_MM[:2]))
    assert lengths(errors(pair)) == pytest.approx(2 * np.sin(TURN_RAD / 2) * radius, abs=1e-9)


def test_undisturbed_affine_pairs_differ_by_a_pure_stretch_about_the_centre(recovery: Recovery2D) -> None:
    """The polar decomposition leaves a symmetric matrix, and the centre in its place."""
    truth = recovery.load("affine-0-undisturbed").true_transform
    centre = np.array(CENTRE_MM[:2])
    assert truth.TransformPoint(centre.tolist()) == pytest.approx(centre, abs=1e-9)
    columns = [np.array(truth.TransformPoint((centre + unit).tolist())) - centre for unit in np.eye(2)]
    matrix = np.stack(columns, axis=-1)
    assert matrix == pytest.approx(matrix.T, abs=1e-9)
    assert np.all(np.linalg.eigvalsh(matrix) > 0.8)
    assert np.abs(matrix - np.eye(2)).max() > 0.01


@pytest.mark.parametrize("kind", ["rigid", "affine", "bspline"])
def test_starts_share_their_voxels_and_the_truth_leads_to_the_same_ones(
    recovery: Recovery2D, kind: str
) -> None:
    undisturbed = recovery.load(f"{kind}-0-undisturbed")
    disturbed = recovery.load(f"{kind}-0-translation-5px")
    for name in ("fixed", "moving", "fixed_mask", "moving_mask", "fixed_labels", "moving_labels"):
        arrays = [sitk.GetArrayFromImage(getattr(pair, name)) for pair in (undisturbed, disturbed)]
        assert np.array_equal(*arrays)
    seen = [
        sitk.GetArrayFromImage(sitk.Resample(pair.moving, pair.fixed, pair.true_transform))
        for pair in (undisturbed, disturbed)
    ]
    assert seen[1] == pytest.approx(seen[0], abs=1e-5)
    inside = sitk.GetArrayFromImage(undisturbed.fixed_mask) != 0
    fixed = sitk.GetArrayFromImage(undisturbed.fixed)
    assert np.corrcoef(seen[1][inside], fixed[inside])[0, 1] > 0.9


def test_the_upper_end_of_intensities_fills_more_of_the_brain_than_normalisation_looks_at(
    recovery: Recovery2D,
) -> None:
    pair = recovery.load("affine-0-undisturbed")
    for image, mask in ((pair.fixed, pair.fixed_mask), (pair.moving, pair.moving_mask)):
        inside = sitk.GetArrayFromImage(image)[sitk.GetArrayFromImage(mask) != 0]
        assert np.mean(inside == inside.max()) == pytest.approx(0.2, abs=0.001)


def test_directions_are_drawn_anew_and_are_the_same_every_time(recovery: Recovery2D, tmp_path: Path) -> None:
    first, second = (errors(recovery.load(f"rigid-{draw}-translation-5px"))[0] for draw in (0, 1))
    assert lengths(first - second) > 0.1
    again = Recovery2D(RecoveryParams(draws=2), tmp_path).load("rigid-0-translation-5px")
    assert np.array_equal(errors(again)[0], first)
    other = Recovery2D(RecoveryParams(seed=1, draws=1), tmp_path).load("rigid-0-translation-5px")
    assert lengths(errors(other)[0] - first) > 0.1


def test_a_draw_or_a_level_more_leaves_every_pair_as_it_was(
    recovery: Recovery2D, capture: CaptureRange2D, tmp_path: Path
) -> None:
    levels = CaptureRangeParams(draws=2, translations_mm=(1.0, 5.0), rotations_deg=(10.0000001, 10.0))
    assert Recovery2D.choosing == Recovery3D.choosing == ("draws",)
    assert set(CaptureRange2D.choosing) == {"draws", "translations_mm", "rotations_deg"}
    for one, other, number in (
        (recovery, Recovery2D(RecoveryParams(draws=1), tmp_path), 3 * 4),
        (capture, CaptureRange2D(levels, tmp_path), 3),
    ):
        common = {info.pair_id: info for info in one.pairs() if info in other.pairs()}
        assert len(common) == number
        assert common.keys() == one.versions().keys() & other.versions().keys()
        for pair_id in common:
            assert one.versions()[pair_id] == other.versions()[pair_id]
            ours, theirs = one.load(pair_id), other.load(pair_id)
            for name in ("fixed", "moving", "fixed_mask", "moving_mask", "fixed_labels", "moving_labels"):
                first, second = getattr(ours, name), getattr(theirs, name)
                assert np.array_equal(sitk.GetArrayFromImage(first), sitk.GetArrayFromImage(second))
                assert first.GetOrigin() == second.GetOrigin()
                assert first.GetDirection() == second.GetDirection()
            assert np.array_equal(errors(ours), errors(theirs))


def test_a_pair_that_is_not_there_is_named(recovery: Recovery2D) -> None:
    with pytest.raises(
        KeyError, match=r"recovery2d has no pair 'rigid-9-undisturbed', only rigid-0-undisturbed"
    ):
        recovery.load("rigid-9-undisturbed")


def test_every_level_of_shift_and_rotation_is_there_once_per_draw(capture: CaptureRange2D) -> None:
    levels = [tuple(info.conditions.values()) for info in capture.pairs()]
    shifts_mm, turns_deg = (2, 5, 10, 15, 20, 30, 40), (5, 10, 20, 30, 45, 60, 90)
    assert levels == [(0, 0), *((mm, 0) for mm in shifts_mm), *((0, deg) for deg in turns_deg)]


def test_levels_come_on_top_of_a_small_deformation(capture: CaptureRange2D) -> None:
    small = lengths(errors(capture.load("draw-0-undisturbed")))
    assert 0.5 < small.mean() < small.max() <= 3.0
    far = errors(capture.load("draw-0-translation-40mm"))
    assert lengths(far.mean(axis=0)) == pytest.approx(40.0, abs=1.0)
    assert np.all(np.abs(lengths(far) - 40.0) <= 3.0)


def test_slices_of_the_capture_range_cover_the_field_of_view_of_the_template(capture: CaptureRange2D) -> None:
    pair = capture.load("draw-0-undisturbed")
    assert pair.fixed.GetSize() == (128, 128)
    assert pair.fixed.GetSpacing() == (2.0, 2.0)


@pytest.mark.parametrize(
    ("dataset", "params", "pair_id", "turn_deg"),
    [
        (
            Recovery3D,
            Recovery3DParams(draws=1, spacing_mm=4.0),
            "rigid-0-rotation-0.1rad",
            np.rad2deg(TURN_RAD),
        ),
        (
            CaptureRange3D,
            CaptureRangeParams(draws=1, spacing_mm=4.0, translations_mm=(2.0,), rotations_deg=(45.0,)),
            "draw-0-rotation-45deg",
            45.0,
        ),
    ],
)
def test_volumes_are_turned_by_the_angle_about_an_axis_of_their_own(
    dataset: type[StartsDataset[object]], params: object, pair_id: str, turn_deg: float, tmp_path: Path
) -> None:
    found = dataset(params, tmp_path)
    turned = found.load(pair_id)
    straight = found.load(next(i.undisturbed for i in found.pairs() if i.pair_id == pair_id))
    directions = [np.reshape(pair.moving.GetDirection(), (3, 3)) for pair in (turned, straight)]
    between = directions[0] @ directions[1].T
    assert np.rad2deg(np.arccos((np.trace(between) - 1) / 2)) == pytest.approx(turn_deg)
    assert np.linalg.det(between) == pytest.approx(1.0)
    assert found.dimension == 3
