from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.catalogue import METRICS
from benchmarks.evaluation import InvalidResult, evaluate, problem_of, scored_labels
from datasets.pair import Pair, PairInfo
from datasets.template import Template2D, Template2DParams

OF_THE_JOB = {
    "forward_s",
    "backward_s",
    "prepare_s",
    "peak_rss_mib",
    "peak_cuda_mib",
    "gradient_cosine",
    "gradient_norm_ratio",
}
SHIFT_MM = (3.0, -2.0)


def image(array: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0)) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(spacing)
    return made


def blocks(shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Two labelled squares of 8×8 and 4×4 in a field of 40×50."""
    labels = np.zeros((40, 50), dtype=np.uint8)
    column, row = shift
    labels[10 + row : 18 + row, 10 + column : 18 + column] = 4
    labels[24 + row : 28 + row, 30 + column : 34 + column] = 9
    return labels


@pytest.fixture
def pair() -> Pair:
    """Moving is fixed, moved by whole voxels, so that everything can be worked out by hand."""
    fixed, moving = blocks(), blocks((3, -2))
    shading = np.linspace(0.5, 1.0, 50)
    mask = np.zeros((40, 50), dtype=np.uint8)
    mask[4:36, 5:45] = 1
    return Pair(
        PairInfo("blocks", 2, ("s",), "test"),
        image((fixed > 0) * shading),
        image((moving > 0) * np.roll(shading, 3)),
        fixed_mask=image(mask),
        fixed_labels=image(fixed),
        moving_labels=image(moving),
        label_names={4: "large", 9: "small", 5: "absent"},
        true_transform=sitk.TranslationTransform(2, SHIFT_MM),
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template2D:
    return Template2D(Template2DParams(), tmp_path_factory.mktemp("cache"))


def test_scores_are_the_catalogues(pair: Pair) -> None:
    assert set(evaluate(pair, None, None).scores) == set(METRICS) - OF_THE_JOB


def test_start_by_hand(pair: Pair) -> None:
    """Shifted by (3, −2): the large squares share 5×6 of 64 voxels, the small ones 1×2 of 16."""
    result = evaluate(pair, None, None)
    large, small = result.labels["large"], result.labels["small"]
    assert large["dice"] == pytest.approx(30 / 64)
    assert small["dice"] == pytest.approx(2 / 16)
    assert large["jaccard"] == pytest.approx(30 / 98)
    assert (large["source_voxels"], large["target_voxels"], large["common_voxels"]) == (64, 64, 30)
    assert result.scores["dice"] == pytest.approx((30 / 64 + 2 / 16) / 2)
    assert result.scores["dice_pooled"] == pytest.approx(32 / 80)
    assert result.scores["tre_mm"] == pytest.approx(np.hypot(3, 2))
    assert result.scores["tre_p95_mm"] == pytest.approx(np.hypot(3, 2))
    assert result.scores["folding_fraction"] == 0.0
    assert result.scores["min_jacobian"] == pytest.approx(1.0)
    assert result.scores["inverse_consistency_mm"] is None


def test_truth_scores_perfectly(pair: Pair) -> None:
    result = evaluate(pair, pair.true_transform, sitk.TranslationTransform(2, (-3.0, 2.0)))
    scores = result.scores
    for name in ("rmse", "rmse_full", "tre_mm", "tre_p95_mm", "hd95_mm", "assd_mm", "false_negative"):
        assert scores[name] == pytest.approx(0.0, abs=1e-6), name
    for name in ("ncc", "ssim", "dice", "jaccard", "target_overlap", "dice_pooled", "min_jacobian"):
        assert scores[name] == pytest.approx(1.0, abs=1e-6), name
    assert scores["nmi"] == pytest.approx(2.0)
    assert scores["inverse_consistency_mm"] == pytest.approx(0.0, abs=1e-12)


def test_inverse_consistency_by_hand(pair: Pair) -> None:
    result = evaluate(pair, pair.true_transform, sitk.TranslationTransform(2, (0.0, 6.0)))
    assert result.scores["inverse_consistency_mm"] == pytest.approx(np.hypot(3.0, 4.0))


def test_inverse_consistency_is_that_of_the_points_in_the_mask(pair: Pair) -> None:
    """A stretch by a tenth about the origin, and no inverse of it: the round trip moves x by x / 10."""
    stretch, nothing = sitk.AffineTransform(2), sitk.TranslationTransform(2)
    stretch.SetMatrix((1.1, 0.0, 0.0, 1.1))
    curved = sitk.DisplacementFieldTransform(
        sitk.TransformToDisplacementField(stretch, sitk.sitkVectorFloat64, pair.fixed.GetSize())
    )
    rows, columns = np.mgrid[4:36, 5:45]
    expected = np.hypot(columns, rows).mean() / 10
    for registration in (stretch, curved):
        scores = evaluate(pair, registration, nothing).scores
        assert scores["inverse_consistency_mm"] == pytest.approx(expected)


def test_a_linear_transform_stretches_equally_everywhere(pair: Pair) -> None:
    stretch = sitk.AffineTransform(2)
    stretch.SetMatrix((1.1, 0.2, -0.1, 0.9))
    scores = evaluate(pair, stretch, None).scores
    assert scores["min_jacobian"] == pytest.approx(1.1 * 0.9 + 0.2 * 0.1)
    assert scores["sd_log_jacobian"] == pytest.approx(0.0, abs=1e-12)
    stretch.SetMatrix((-1.0, 0.0, 0.0, 1.0))
    stretch.SetCenter((25.0, 20.0))
    assert evaluate(pair, stretch, None).scores["folding_fraction"] == 1.0


def test_surface_distances_use_the_spacing_in_the_right_order(pair: Pair) -> None:
    """Both squares move by one voxel along x only: 5 mm there, 0.1 mm along y."""
    spacing = (5.0, 0.1)
    wide = replace(
        pair,
        **{
            name: image(sitk.GetArrayFromImage(getattr(pair, name)), spacing)
            for name in ("fixed", "moving", "fixed_mask", "fixed_labels", "moving_labels")
        },
        true_transform=None,
    )
    result = evaluate(wide, sitk.TranslationTransform(2, (3 * 5.0 - 5.0, -0.2)), None)
    assert result.labels["large"]["hd95_mm"] == pytest.approx(5.0)
    assert result.scores["tre_mm"] is None


def test_prealignment_comes_after_the_registration(pair: Pair) -> None:
    """prealign(register(x)): a quarter turn back, then the turn itself with the true shift."""
    turn = sitk.Euler2DTransform((20.0, 20.0), np.pi / 2, SHIFT_MM)
    back = sitk.Euler2DTransform((20.0, 20.0), -np.pi / 2)
    prealigned = replace(pair, prealignment=turn)
    assert evaluate(prealigned, back, None).scores["tre_mm"] == pytest.approx(0.0, abs=1e-9)
    assert evaluate(prealigned, None, None).scores["tre_mm"] != pytest.approx(0.0, abs=1.0)


def test_jacobian_is_that_of_the_whole_transform(pair: Pair) -> None:
    scale = sitk.ScaleTransform(2, (1.1, 0.8))
    start = replace(pair, prealignment=sitk.ScaleTransform(2, (0.9, 1.2)))
    scores = evaluate(start, scale, None).scores
    assert scores["min_jacobian"] == pytest.approx(1.1 * 0.8 * 0.9 * 1.2)
    assert scores["sd_log_jacobian"] == pytest.approx(0.0, abs=1e-9)


def test_folding_transform_is_counted_inside_the_mask(pair: Pair) -> None:
    """Reflection of the right half: u = −2(x − 25) for x > 25, half of the mask's columns."""
    x = np.arange(50.0)
    u = np.zeros((40, 50, 2))
    u[..., 0] = np.where(x > 25, -2.0 * (x - 25), 0.0)
    field = sitk.GetImageFromArray(u, isVector=True)
    scores = evaluate(pair, sitk.DisplacementFieldTransform(field), None).scores
    # Central differences at column 25 average the slopes 0 and −2, so det J is 0 there: 20 of 40 columns.
    assert scores["folding_fraction"] == pytest.approx(20 / 40)
    assert scores["min_jacobian"] == pytest.approx(-1.0)


def test_lost_label_scores_zero_and_leaves_no_surface(pair: Pair) -> None:
    """Squeezed to a point between the squares, the small label vanishes."""
    shrink = sitk.AffineTransform(2)
    shrink.SetMatrix((0.0, 0.0, 0.0, 0.0))
    shrink.SetTranslation((14.0, 12.0))
    result = evaluate(pair, shrink, None)
    small = result.labels["small"]
    assert small["dice"] == small["jaccard"] == small["target_overlap"] == 0.0
    assert small["false_negative"] == 1.0
    assert small["hd95_mm"] is small["assd_mm"] is small["false_positive"] is None
    assert small["source_voxels"] == 0.0
    assert result.scores["hd95_mm"] is None
    assert result.scores["dice"] == pytest.approx((result.labels["large"]["dice"] or 0.0) / 2)


def test_labels_scored_are_those_in_both_images(pair: Pair) -> None:
    assert scored_labels(pair) == {4: "large", 9: "small"}
    only_fixed = replace(pair, moving_labels=image(np.where(blocks() == 4, 4, 0).astype(np.uint8)))
    assert scored_labels(only_fixed) == {4: "large"}
    assert scored_labels(replace(pair, label_names={})) == {4: "4", 9: "9"}
    assert scored_labels(replace(pair, label_names={4: "wm", 9: "wm"})) == {4: "wm (4)", 9: "wm (9)"}
    assert scored_labels(replace(pair, moving_labels=None)) == {}


def test_pair_without_labels_mask_and_truth_leaves_their_scores_undefined(pair: Pair) -> None:
    bare = Pair(pair.info, pair.fixed, pair.moving)
    result = evaluate(bare, None, None)
    assert result.labels == {}
    for name in ("dice", "dice_pooled", "hd95_mm", "tre_mm", "tre_p95_mm"):
        assert result.scores[name] is None
    assert result.scores["rmse"] == result.scores["rmse_full"]


def test_no_score_is_nan(pair: Pair) -> None:
    flat = replace(pair, moving=image(np.where(blocks() > 0, 1.0, 0.5)))
    for transform in (None, sitk.TranslationTransform(2, (25.0, 20.0))):
        for score in evaluate(flat, transform, None).scores.values():
            assert score is None or np.isfinite(score)


def test_landmarks_give_the_tre_where_no_transform_is_known(pair: Pair) -> None:
    fixed = np.array([[10.0, 10.0], [20.0, 10.0]])
    moving = fixed + np.array([[3.0, 4.0], [0.0, 0.0]])
    marked = replace(pair, true_transform=None, fixed_landmarks=fixed, moving_landmarks=moving)
    scores = evaluate(marked, sitk.TranslationTransform(2, (3.0, 4.0)), None).scores
    assert scores["tre_mm"] == pytest.approx(2.5)
    assert scores["tre_p95_mm"] == pytest.approx(0.95 * 5.0)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (sitk.TranslationTransform(3, (1.0, 2.0, 3.0)), "the transform is 3D, the pair 2D"),
        (sitk.TranslationTransform(2, (np.nan, 0.0)), "not finite"),
        (sitk.TranslationTransform(2, (1e4, 0.0)), "every voxel of the fixed mask outside the moving image"),
        ("identity", "not a SimpleITK transform: str"),
    ],
)
def test_invalid_answers_are_refused(pair: Pair, transform: Any, message: str) -> None:
    with pytest.raises(InvalidResult, match=message):
        evaluate(pair, transform, None)
    if "outside" not in message:
        with pytest.raises(InvalidResult, match=message):
            evaluate(pair, sitk.Transform(2, sitk.sitkIdentity), transform)


def test_problem_hides_the_truth_unless_asked(pair: Pair) -> None:
    assert problem_of(pair).true_transform is None
    shown = problem_of(pair, reveal_truth=True).true_transform
    assert shown is not None
    assert shown.TransformPoint((0.0, 0.0)) == SHIFT_MM


def test_problem_is_normalised_float32_with_binary_masks(pair: Pair) -> None:
    loud = replace(
        pair, moving=pair.moving * 900.0, moving_mask=sitk.Cast(pair.moving_labels, sitk.sitkInt16)
    )
    problem = problem_of(loud)
    assert problem.fixed.GetPixelID() == problem.moving.GetPixelID() == sitk.sitkFloat32
    assert sitk.GetArrayFromImage(problem.moving).max() == 1.0
    for mask in (problem.fixed_mask, problem.moving_mask):
        assert mask is not None
        assert mask.GetPixelID() == sitk.sitkUInt8
        assert set(np.unique(sitk.GetArrayFromImage(mask))) == {0, 1}


def test_problem_without_prealignment_keeps_the_moving_grid(pair: Pair) -> None:
    other = sitk.Resample(pair.moving, [33, 44], sitk.Transform(), sitk.sitkLinear, (2.0, 1.0), (1.2, 0.9))
    problem = problem_of(replace(pair, moving=other))
    assert problem.moving.GetSize() == (33, 44)
    assert problem.moving.GetSpacing() == (1.2, 0.9)


def test_problem_with_prealignment_shows_the_moving_image_as_it_starts(pair: Pair) -> None:
    """Prealigned by the truth, moving looks like fixed and what is left to find is the identity."""
    problem = problem_of(replace(pair, prealignment=pair.true_transform), reveal_truth=True)
    fixed, moving = sitk.GetArrayFromImage(problem.fixed), sitk.GetArrayFromImage(problem.moving)
    np.testing.assert_allclose(moving, fixed, atol=1e-6)
    assert problem.true_transform is not None
    np.testing.assert_allclose(problem.true_transform.TransformPoint((7.0, 8.0)), (7.0, 8.0))


def test_relative_truth_composed_with_the_prealignment_is_the_truth(pair: Pair) -> None:
    start = replace(pair, prealignment=sitk.Euler2DTransform((5.0, 6.0), 0.3, (2.0, 1.0)))
    relative = problem_of(start, reveal_truth=True).true_transform
    assert evaluate(start, relative, None).scores["tre_mm"] == pytest.approx(0.0, abs=1e-9)


def test_inputs_are_left_alone(pair: Pair) -> None:
    def state() -> list[bytes]:
        images = (pair.fixed, pair.moving, pair.fixed_mask, pair.fixed_labels, pair.moving_labels)
        return [sitk.GetArrayFromImage(each).tobytes() for each in images]

    before = state()
    problem_of(pair)
    evaluate(pair, pair.true_transform, None)
    assert state() == before


@pytest.mark.parametrize("kind", ["translation", "bspline", "diffeomorphic", "diffeomorphic-bias-noise"])
def test_truth_beats_the_start_and_a_near_miss_on_the_template(template: Template2D, kind: str) -> None:
    pair = template.load(kind)
    truth = problem_of(pair, reveal_truth=True).true_transform
    miss = sitk.CompositeTransform([truth, sitk.TranslationTransform(2, (0.6, -0.5))])
    start, near, best = (evaluate(pair, t, None).scores for t in (None, miss, truth))
    for name in ("rmse", "tre_mm", "hd95_mm", "assd_mm"):
        assert _number(best, name) <= _number(near, name) < _number(start, name)
    for name in ("ncc", "nmi", "ssim", "dice", "jaccard", "target_overlap", "dice_pooled"):
        assert _number(best, name) > _number(near, name) > _number(start, name)
    assert best["tre_mm"] == pytest.approx(0.0, abs=1e-9)
    assert near["tre_mm"] == pytest.approx(np.hypot(0.6, 0.5), rel=0.1)


def test_mutual_information_knows_the_answer_across_contrasts(template: Template2D) -> None:
    pair = template.load("cross-modal")
    start, best = (evaluate(pair, t, None).scores for t in (None, pair.true_transform))
    assert _number(best, "nmi") > _number(start, "nmi") + 0.1
    assert _number(best, "ncc") < -0.8


def _number(scores: Any, name: str) -> float:
    value = scores[name]
    assert isinstance(value, float)
    return value


def test_real_pair_is_evaluated_on_its_own_grids(brains: Callable[[], Pair]) -> None:
    result = evaluate(brains(), None, None)
    assert len(result.labels) == 13
    for name in ("rmse", "ncc", "nmi", "ssim", "dice", "hd95_mm", "assd_mm"):
        assert result.scores[name] is not None
    assert 0.05 < _number(result.scores, "dice") < 0.6


@pytest.fixture
def brains() -> Callable[[], Pair]:
    folder = os.environ.get("REGBENCH_BRAINS")
    if not folder:
        pytest.skip("REGBENCH_BRAINS names no folder with a labelled brain pair")

    def load() -> Pair:
        def read(name: str) -> sitk.Image:
            return sitk.ReadImage(str(Path(folder, f"{name}.nii.gz")))

        fixed, moving = read("subject1_T1w"), read("subject2_T1w")
        start = sitk.CenteredTransformInitializer(
            sitk.Cast(fixed, sitk.sitkFloat32),
            sitk.Cast(moving, sitk.sitkFloat32),
            sitk.Euler3DTransform(),
            sitk.CenteredTransformInitializerFilter.MOMENTS,
        )
        return Pair(
            PairInfo("subject2_to_subject1", 3, ("subject1", "subject2"), "inter-subject"),
            fixed,
            moving,
            fixed_mask=fixed > 0,
            fixed_labels=read("subject1_labels"),
            moving_labels=read("subject2_labels"),
            prealignment=start,
        )

    return load
