from __future__ import annotations

from typing import Any

import pytest
import SimpleITK as sitk
from pydantic import ValidationError

from adapters.interface import Problem, Registration, Resources
from adapters.simpleitk import SimpleITKRegistration
from adapters.simpleitk_method import mesh_size
from adapters.simpleitk_params import SimpleITKParams


def run(params: SimpleITKParams, problem: Problem, seed: int = 0) -> Registration:
    adapter = SimpleITKRegistration(params)
    assert adapter.unsupported(problem) is None
    adapter.prepare(problem, Resources(threads=1), seed)
    adapter.register()
    return adapter.result()


@pytest.mark.parametrize(
    "options",
    [
        {"model": "rigid", "optimizer": "lbfgsb"},
        {"model": "affine", "optimizer": "conjugate_gradient"},
        {"model": "rigid", "initialization": "geometry"},
        {"model": "affine", "initialization": "moments"},
        {"model": "translation", "initialization": "geometry"},
        {"model": "translation", "initialization": "moments"},
        {"model": "rigid", "sampling": "random", "sampling_fraction": 0.5, "iterations": (60, 60)},
        {"model": "rigid", "use_fixed_mask": True},
        {"model": "bspline", "control_spacing_mm": 40.0, "optimizer": "regular_step"},
    ],
    ids=str,
)
def test_options_recover_a_translation(options: dict[str, Any], synthetic_pair: Any) -> None:
    pair = synthetic_pair("translation", 2)
    registration = run(SimpleITKParams(**options), pair.problem)
    assert pair.errors_mm(registration.transform).mean() < 0.5


def test_random_samples_follow_the_seed(synthetic_pair: Any) -> None:
    problem = synthetic_pair("rotation", 2).problem
    params = SimpleITKParams(
        model="rigid", sampling="random", sampling_fraction=0.3, iterations=(20,), metric="mattes"
    )
    first, again, other = (run(params, problem, seed).transform.GetParameters() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_effective_schedule_is_in_simpleitks_words(synthetic_pair: Any) -> None:
    params = SimpleITKParams(mesh_size=1, metric="mattes", histogram_bins=32, iterations=(3, 3, 3))
    effective = run(params, synthetic_pair("translation", 2).problem).effective
    assert effective["metric"] == "MattesMutualInformation(numberOfHistogramBins=32)"
    assert "LBFGSB(gradientConvergenceTolerance=1e-08, numberOfIterations=3" in str(effective["optimizer"])
    assert effective["shrink_factors"] == [4, 2, 1]
    assert effective["smoothing_sigmas_voxels"] == [2.0, 1.0, 0.0]
    assert effective["mesh_size"] == [1, 1]


def test_trace_counts_iterations_not_evaluations(synthetic_pair: Any) -> None:
    params = SimpleITKParams(mesh_size=2, iterations=(6, 6))
    registration = run(params, synthetic_pair("rotation", 2).problem)
    assert all(len(level) <= 6 for level in registration.trace)
    assert registration.trace[0][-1] < registration.trace[0][0]


def test_bspline_has_four_control_points_for_one_cell(synthetic_pair: Any) -> None:
    params = SimpleITKParams(mesh_size=1, iterations=(1,))
    transform = run(params, synthetic_pair("translation", 2).problem).transform
    assert len(transform.GetParameters()) == 2 * 4 * 4


def test_mesh_follows_the_field_of_view() -> None:
    image = sitk.Image([100, 60, 10], sitk.sitkFloat32)
    image.SetSpacing((1.0, 2.0, 3.0))
    assert mesh_size(SimpleITKParams(), image) == [2, 2, 1]
    assert mesh_size(SimpleITKParams(control_spacing_mm=20.0), image) == [5, 6, 2]
    assert mesh_size(SimpleITKParams(mesh_size=3), image) == [3, 3, 3]
    assert mesh_size(SimpleITKParams(mesh_size=(1, 2, 3)), image) == [1, 2, 3]


def test_mesh_of_another_dimension_is_refused(synthetic_pair: Any) -> None:
    adapter = SimpleITKRegistration(SimpleITKParams(mesh_size=(2, 2, 2)))
    reason = adapter.unsupported(synthetic_pair("translation", 2).problem)
    assert reason is not None
    assert "3 axes" in reason


def test_demons_smoothing_makes_smoother_fields(synthetic_pair: Any) -> None:
    pair = synthetic_pair("rotation", 2)
    roughness = []
    for sigma_voxels in (0.7, 3.0):
        params = SimpleITKParams(
            model="diffeomorphic_demons", iterations=(30,), total_sigma_voxels=sigma_voxels
        )
        field = run(params, pair.problem).transform.GetDisplacementField()
        determinant = sitk.DisplacementFieldJacobianDeterminant(field)
        statistics = sitk.StatisticsImageFilter()
        statistics.Execute(determinant)
        roughness.append(statistics.GetSigma())
    assert roughness[1] < 0.5 * roughness[0]


def test_lbfgsb_goes_on_under_a_tighter_cost_tolerance(synthetic_pair: Any) -> None:
    problem = synthetic_pair("rotation", 2).problem
    costs, iterations = [], []
    for tolerance in (1e-2, 1e-15):
        params = SimpleITKParams(mesh_size=1, iterations=(60,), cost_tolerance=tolerance)
        statistics = run(params, problem).statistics
        costs.append(statistics["final_cost"])
        iterations.append(statistics["iterations"])
    assert costs[1] < costs[0]
    assert iterations[1] > iterations[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "rigid", "mesh_size": 3}, "mesh_size has no effect with model 'rigid'"),
        ({"model": "diffeomorphic_demons", "metric": "mattes"}, "metric has no effect"),
        ({"model": "diffeomorphic_demons", "use_fixed_mask": True}, "use_fixed_mask has no effect"),
        ({"iterations": (10, 20)}, "same at every level"),
        ({"iterations": (0, 0)}, "at least 1"),
        ({"mesh_size": 3, "control_spacing_mm": 20.0}, "give one of them"),
        ({"histogram_bins": 20}, "without metric 'mattes'"),
        ({"sampling_fraction": 0.2}, "without sampling"),
        ({"optimizer": "conjugate_gradient", "gradient_tolerance": 1e-4}, "gradient_tolerance has no effect"),
        ({"optimizer": "regular_step", "cost_tolerance": 1e-9}, "cost_tolerance has no effect"),
        ({"model": "affine", "cost_tolerance": 1e-9}, "cost_tolerance has no effect"),
        ({"cost_tolerance": 1e-17}, "greater than or equal"),
        ({"iterations": (5, 5), "shrink_factors": (4, 2, 1)}, "shrink_factors has 3 levels, iterations 2"),
        ({"control_spacing_mm": 0.0}, "greater than 0"),
    ],
)
def test_contradictions_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SimpleITKParams(**options)
