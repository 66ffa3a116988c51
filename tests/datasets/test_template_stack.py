"""Sections of the template under a known jitter."""

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import TypeAdapter, ValidationError

from datasets.draws import rotation
from datasets.fetching import FetchRequest
from datasets.template_stack import TemplateStack, TemplateStackParams, relative
from datasets.warps import LinearWarp


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    data = TemplateStack(TemplateStackParams(sections=3), tmp_path_factory.mktemp("cache"))
    data.fetch(FetchRequest())
    return data


def array(image):
    return sitk.GetArrayFromImage(image)


def test_each_section_is_paired_with_the_next():
    pairs = TemplateStack(TemplateStackParams(sections=12), None).pairs()
    assert [pair.pair_id for pair in pairs] == [f"{i:02d}-{i + 1:02d}" for i in range(11)]
    assert [pair.sections for pair in pairs] == [(i, i + 1) for i in range(11)]
    assert {(pair.dimension, pair.kind, pair.subjects) for pair in pairs} == {
        (2, "consecutive", ("icbm152",))
    }


def test_the_moving_section_of_a_pair_is_the_fixed_one_of_the_next(stack):
    first, second = stack.load("0-1"), stack.load("1-2")
    for role in ("", "_mask", "_labels"):
        np.testing.assert_array_equal(
            array(getattr(first, f"moving{role}")), array(getattr(second, f"fixed{role}"))
        )
    assert np.abs(array(first.fixed) - array(second.fixed)).max() > 0.1


def test_the_true_transform_undoes_a_rigid_jitter(stack):
    for info in stack.pairs():
        pair = stack.load(info.pair_id)
        assert pair.true_transform.IsLinear()
        centre = np.array(pair.fixed.TransformContinuousIndexToPhysicalPoint((127.5, 127.5)))
        axes = centre + np.array([[0, 0], [10, 0], [0, 10]])
        origin, *ends = (np.array(pair.true_transform.TransformPoint(point)) for point in axes.tolist())
        assert [np.linalg.norm(end - origin) for end in ends] == pytest.approx([10, 10])
        assert np.linalg.norm(origin - centre) > 0.3
        labels = array(pair.fixed_labels)
        start = array(pair.moving_labels)
        warped = array(
            sitk.Resample(pair.moving_labels, pair.fixed, pair.true_transform, sitk.sitkNearestNeighbor)
        )
        # Anatomy changes within 2 mm, so that not even the truth brings labels onto labels exactly.
        assert np.mean((labels == start)[labels > 0]) + 0.1 < np.mean((labels == warped)[labels > 0]) > 0.75
        brain = sitk.Resample(pair.moving_mask, pair.fixed, pair.true_transform, sitk.sitkNearestNeighbor)
        overlap = array(brain) & array(pair.fixed_mask)
        assert 2 * overlap.sum() / (array(brain).sum() + array(pair.fixed_mask).sum()) > 0.97


def test_relative_jitters_compose_along_the_stack():
    rng = np.random.default_rng(0)
    jitters = [LinearWarp(rotation([angle]), rng.normal(0, 3, 2)) for angle in (5.0, -8.0, 2.0)]
    points = rng.normal(0, 50, (9, 2))
    stepwise = relative(jitters[1], jitters[2]).forward(relative(jitters[0], jitters[1]).forward(points))
    np.testing.assert_allclose(stepwise, relative(jitters[0], jitters[2]).forward(points), atol=1e-12)
    np.testing.assert_allclose(stepwise, jitters[2].forward(jitters[0].inverse(points)), atol=1e-12)


def test_without_jitter_the_truth_is_the_identity(tmp_path):
    params = TemplateStackParams(sections=2, translation_mm=0, rotation_deg=0)
    pair = TemplateStack(params, tmp_path).load("0-1")
    points = np.array([[0.0, 0.0], [50.0, -30.0]])
    mapped = [pair.true_transform.TransformPoint(point) for point in points.tolist()]
    np.testing.assert_allclose(mapped, points, atol=1e-12)


def test_the_same_seed_gives_the_same_stack_and_another_one_another(tmp_path, digest, stack):
    again = TemplateStack(TemplateStackParams(sections=3), tmp_path / "again").load("1-2")
    other = TemplateStack(TemplateStackParams(sections=3, seed=1), tmp_path / "other").load("1-2")
    assert digest(again) == digest(stack.load("1-2")) != digest(other)


@pytest.mark.parametrize("wrong", [{"sections": 1}, {"section_mm": 3}, {"rotation_deg": -1}, {"jitter": 1}])
def test_bad_parameters_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TypeAdapter(TemplateStackParams).validate_python(wrong)


def test_an_unknown_pair_is_named(stack):
    with pytest.raises(KeyError, match="no pair '1-3'"):
        stack.load("1-3")
