from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import ValidationError

from adapters.ants_syn import AntsSyn, AntsSynParams, variance
from adapters.interface import Problem, Resources


def test_smoothing_is_converted_to_variances() -> None:
    arguments = AntsSyn(AntsSynParams(update_sigma_voxels=2.0, total_sigma_voxels=0.5)).arguments()
    assert arguments["flow_sigma"] == 4.0
    assert arguments["total_sigma"] == 0.25
    assert variance(3.0) == 9.0


def test_defaults_are_those_of_the_recipe() -> None:
    arguments = AntsSyn(AntsSynParams()).arguments()
    assert arguments["flow_sigma"] == pytest.approx(3.0)
    assert arguments["total_sigma"] == 0.0
    assert arguments["reg_iterations"] == (100, 70, 50, 20)


def test_sampling_is_a_radius_for_cc_and_a_bin_count_for_mattes() -> None:
    radius = AntsSyn(AntsSynParams(metric="cc", cc_radius=3)).arguments()
    bins = AntsSyn(AntsSynParams(metric="mattes", histogram_bins=48)).arguments()
    assert (radius["syn_metric"], radius["syn_sampling"]) == ("CC", 3)
    assert (bins["syn_metric"], bins["syn_sampling"]) == ("mattes", 48)


def test_every_keyword_is_one_that_ants_knows() -> None:
    import inspect

    import ants

    known = set(inspect.signature(ants.registration).parameters)
    for model in ("SyNOnly", "SyN", "Rigid", "Affine"):
        assert set(AntsSyn(AntsSynParams(model=model)).arguments()) <= known


def test_linear_schedules_have_one_entry_per_level() -> None:
    usual = AntsSyn(AntsSynParams(model="Affine")).arguments()
    assert usual["aff_shrink_factors"] == (6, 4, 2, 1)
    short = AntsSyn(AntsSynParams(model="Affine", iterations=(50, 20))).arguments()
    assert short["aff_shrink_factors"] == (2, 1)
    assert short["aff_smoothing_sigmas"] == (1, 0)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"model": "Affine", "cc_radius": 3}, "cc_radius has no effect with model 'Affine'"),
        ({"model": "Affine", "metric": "cc"}, "is for SyN"),
        ({"model": "SyN", "metric": "correlation"}, "for linear models"),
        ({"metric": "mattes", "cc_radius": 3}, "cc_radius has no effect without metric 'cc'"),
        ({"histogram_bins": 20}, "histogram_bins has no effect"),
        ({"update_sigma_voxels": -1.0}, "greater than or equal to 0"),
        ({"iterations": ()}, "at least 1 item"),
    ],
)
def test_contradictions_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AntsSynParams(**params)


def test_files_are_removed(synthetic_pair: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    adapter = AntsSyn(AntsSynParams(metric="mattes", iterations=(2,)))
    adapter.prepare(synthetic_pair("translation", 2).problem, Resources(), 0)
    adapter.register()
    adapter.register()
    assert len(list(tmp_path.iterdir())) == 1, "the files of a warm-up must not stay"
    assert list(tmp_path.glob("ants-*/*Warp.nii.gz"))
    adapter.result()
    assert not list(tmp_path.iterdir())
    adapter.register()
    del adapter
    gc.collect()
    assert not list(tmp_path.iterdir())


def bent_problem(pair: Any) -> Problem:
    """The fixed image turned and bent: neither an affine map nor a small warp alone undoes it."""
    fixed = pair.problem.fixed
    field = np.zeros((*fixed.GetSize()[::-1], 2))
    field[..., 0] = 3.0 * np.sin(np.linspace(0, 6, fixed.GetSize()[1]))[:, None]
    image = sitk.GetImageFromArray(field, isVector=True)
    image.CopyInformation(fixed)
    bend = sitk.CompositeTransform([sitk.DisplacementFieldTransform(image), pair.problem.true_transform])
    return Problem(fixed, sitk.Resample(fixed, fixed, bend))


def test_stages_are_chained_as_ants_itself_does(synthetic_pair: Any) -> None:
    import ants
    import pandas as pd

    pair = synthetic_pair("rotation", 2)
    problem = bent_problem(pair)
    adapter = AntsSyn(
        AntsSynParams(model="SyN", metric="mattes", iterations=(60, 40), initialization="identity")
    )
    adapter.prepare(problem, Resources(threads=1), 0)
    adapter.register()
    registration = adapter.result()
    theirs = ants.registration(
        ants.from_sitk(problem.fixed),
        ants.from_sitk(problem.moving),
        initial_transform="Identity",
        **adapter.arguments(),
    )
    points = pd.DataFrame(pair.points, columns=["x", "y"])
    for transform, files, inverted in (
        (registration.transform, theirs["fwdtransforms"], [False, False]),
        (registration.inverse, theirs["invtransforms"], [True, False]),
    ):
        expected = ants.apply_transforms_to_points(2, points, files, whichtoinvert=inverted)
        ours = [transform.TransformPoint(point) for point in pair.points.tolist()]
        assert np.abs(np.array(ours) - expected[["x", "y"]].to_numpy()).max() < 1e-3
    for path in {*theirs["fwdtransforms"], *theirs["invtransforms"]}:
        Path(path).unlink()


def test_fixed_mask_is_used_when_asked(synthetic_pair: Any) -> None:
    problem = synthetic_pair("translation", 2).problem
    ends = []
    for wanted in (True, False):
        adapter = AntsSyn(AntsSynParams(metric="mattes", iterations=(5,), use_fixed_mask=wanted))
        adapter.prepare(problem, Resources(), 0)
        adapter.register()
        registration = adapter.result()
        assert registration.effective["fixed_mask"] is wanted
        ends.append(registration.transform.TransformPoint((10.0, 5.0)))
    assert ends[0] != ends[1]


@pytest.mark.parametrize("model", ["Translation", "Similarity"])
@pytest.mark.parametrize("initialization", ["identity", "geometry", "moments"])
def test_other_linear_models_recover_a_translation(
    model: Any, initialization: Any, synthetic_pair: Any
) -> None:
    pair = synthetic_pair("translation", 2)
    adapter = AntsSyn(
        AntsSynParams(
            model=model, initialization=initialization, iterations=(200, 100), sampling_fraction=1.0
        )
    )
    adapter.prepare(pair.problem, Resources(), 0)
    adapter.register()
    assert pair.errors_mm(adapter.result().transform).mean() < 0.5
