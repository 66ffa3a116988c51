from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import ValidationError

from adapters.dipy_syn import DipySyn, DipySynParams
from adapters.interface import Problem, Resources


def smooth_noise(size: list[int]) -> sitk.Image:
    noise = np.random.default_rng(0).uniform(size=size[::-1]).astype(np.float32)
    return sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(noise), 2.0)


def test_window_larger_than_the_coarsest_level_is_refused_before_dipy_does() -> None:
    image = smooth_noise([40, 32])
    reason = DipySyn(DipySynParams(cc_radius=4, iterations=(5, 5, 5))).unsupported(Problem(image, image))
    assert reason is not None
    assert "9 voxels" in reason
    assert "(10, 8)" in reason
    assert (
        DipySyn(DipySynParams(cc_radius=3, iterations=(5, 5, 5))).unsupported(Problem(image, image)) is None
    )


@pytest.mark.parametrize("radius", [3, 4])
def test_the_size_it_computes_is_dipys_own(radius: int) -> None:
    image = smooth_noise([40, 32])
    image.SetSpacing((1.0, 1.0))
    problem = Problem(image, image)
    adapter = DipySyn(DipySynParams(cc_radius=radius, iterations=(1, 0, 0)))
    adapter.prepare(problem, Resources(), 0)
    if adapter.unsupported(problem) is None:
        adapter.register()
    else:
        with pytest.raises(ValueError, match="too small"):
            adapter.register()


def test_mutual_information_needs_a_dipy_that_has_it() -> None:
    import dipy.align.metrics

    reason = DipySyn(DipySynParams(metric="mi")).unavailable()
    if hasattr(dipy.align.metrics, "MIMetric"):
        assert reason is None
    else:
        assert reason is not None
        assert "has no MIMetric" in reason


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"radius": 4, "sigma_diff": 2.0}),
        ({"cc_radius": 2, "update_sigma_voxels": 1.5}, {"radius": 2, "sigma_diff": 1.5}),
        ({"metric": "ssd"}, {"smooth": 4.0, "step_type": "demons"}),
        ({"metric": "ssd", "update_sigma_voxels": 3.0}, {"smooth": 3.0, "step_type": "demons"}),
        (
            {"metric": "ssd", "step_type": "gauss_newton"},
            {"smooth": 4.0, "inner_iter": 10, "step_type": "gauss_newton"},
        ),
        (
            {"metric": "em", "smoothness": 2.0},
            {"smooth": 2.0, "inner_iter": 5, "step_type": "gauss_newton", "q_levels": 256},
        ),
    ],
)
def test_options_in_dipys_words(params: dict[str, Any], expected: dict[str, Any]) -> None:
    image = smooth_noise([64, 64])
    adapter = DipySyn(DipySynParams(iterations=(2,), **params))
    adapter.prepare(Problem(image, image), Resources(), 0)
    adapter.register()
    effective = adapter.result().effective
    assert {key: effective[key] for key in expected} == expected
    assert effective["level_iters"] == [2]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metric": "ssd", "cc_radius": 3}, "cc_radius has no effect with metric 'ssd'"),
        ({"metric": "em", "update_sigma_voxels": 1.0}, "update_sigma_voxels has no effect"),
        ({"metric": "ssd", "smoothness": 1.0}, "go with step_type 'gauss_newton'"),
        ({"metric": "ssd", "step_type": "gauss_newton", "update_sigma_voxels": 1.0}, "give smoothness"),
        ({"metric": "em", "step_type": "demons"}, "gauss_newton"),
        ({"metric": "cc", "quantization_levels": 16}, "quantization_levels has no effect"),
    ],
)
def test_contradictions_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DipySynParams(**params)


def test_first_entry_of_iterations_is_the_coarsest_level(synthetic_pair: Any) -> None:
    adapter = DipySyn(DipySynParams(cc_radius=2, iterations=(4, 0)))
    adapter.prepare(synthetic_pair("translation", 2).problem, Resources(), 0)
    adapter.register()
    assert [len(level) for level in adapter.result().trace] == [4, 0]
