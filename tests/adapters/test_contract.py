"""What every registered adapter owes the harness, on grids that betray sign, axis order and unit errors."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import ValidationError

from adapters.interface import Adapter, DifferentiableAdapter, Problem, Registration, Resources
from adapters.registry import BUILTIN
from benchmarks.plugins import adapter_class

RESOURCES = Resources(threads=1)
DIFFERENTIABLE = {"adam_affine", "torch_lm"}
ALL_MOTIONS = ("translation", "rotation")


@dataclass(frozen=True)
class Case:
    """An adapter with parameters for small images, the motions its model can follow, and what to expect."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)
    motions: tuple[str, ...] = ALL_MOTIONS
    tolerance_mm: float = 0.6

    def make(self) -> Adapter[Any]:
        cls = adapter_class(self.name)
        return cls(cls.Params(**self.params))

    def __str__(self) -> str:
        options = [
            str(value) for key, value in self.params.items() if key in ("model", "metric", "regulariser")
        ]
        return "-".join([self.name, *options])


BSPLINE = {
    "model": "bspline",
    "mesh_size": 2,
    "iterations": (15, 15),
    "sampling": "regular",
    "sampling_fraction": 0.3,
}
FIELD = {
    "iterations": (50, 50),
    "width": 32,
    "learning_rate": 3e-3,
    "points": 256,
    "regulariser_points": 96,
}
TRUTH = Case("truth", tolerance_mm=1e-9)
COMPETITORS = [
    Case("simpleitk", {"model": "translation", "iterations": (60, 60)}, motions=("translation",)),
    Case("simpleitk", {"model": "rigid", "iterations": (60, 60)}),
    Case("simpleitk", {"model": "similarity", "iterations": (60, 60)}),
    Case("simpleitk", {"model": "affine", "iterations": (60, 60)}),
    Case("simpleitk", {"model": "rigid", "metric": "mattes", "iterations": (60, 60)}),
    Case("simpleitk", {"model": "affine", "metric": "correlation", "iterations": (60, 60)}),
    Case("simpleitk", BSPLINE),
    Case("simpleitk", {"model": "diffeomorphic_demons", "iterations": (60, 40)}),
    Case("ants_syn", {"model": "SyNOnly", "metric": "mattes", "iterations": (40, 20)}),
    Case("ants_syn", {"model": "SyN", "metric": "mattes", "iterations": (10, 5)}),
    Case("ants_syn", {"model": "Rigid", "iterations": (100, 100)}),
    Case("ants_syn", {"model": "Affine", "iterations": (100, 100)}),
    Case("dipy_syn", {"metric": "cc", "cc_radius": 2, "iterations": (50, 20)}),
    Case("dipy_syn", {"metric": "ssd", "iterations": (50, 30)}),
    Case("dipy_syn", {"metric": "em", "quantization_levels": 32, "iterations": (50, 20)}),
    Case("greedy", {"metric": "ncc", "iterations": (50, 30)}),
    Case("greedy", {"metric": "ssd", "iterations": (50, 30)}),
    Case("greedy", {"model": "rigid", "iterations": (50, 30)}),
    Case("greedy", {"model": "affine", "iterations": (50, 30)}),
    Case("adam_affine", {"model": "rigid", "iterations": (40, 40, 30)}),
    Case("adam_affine", {"model": "affine", "iterations": (40, 40, 30)}),
    Case("neural_field", {**FIELD, "regulariser": "bending"}),
    Case("neural_field", {**FIELD, "regulariser": "gradient_inverse_consistency"}),
    Case("torch_lm"),
    Case("torch_lm", {"model": "rigid"}),
    Case("torch_lm", {"model": "affine"}),
    Case("torch_lm", {"model": "diffeomorphic"}),
]
CASES = [Case("identity"), TRUTH, *COMPETITORS]
RECOVERIES = [
    pytest.param(case, motion, id=f"{case}-{motion}")
    for case in [TRUTH, *COMPETITORS]
    for motion in case.motions
]

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_adapter = pytest.mark.parametrize("name", sorted(BUILTIN))


def fingerprint(image: sitk.Image) -> tuple[Any, ...]:
    return (
        sitk.GetArrayViewFromImage(image).tobytes(),
        image.GetPixelIDTypeAsString(),
        image.GetSize(),
        image.GetSpacing(),
        image.GetOrigin(),
        image.GetDirection(),
        {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()},
    )


def fingerprints(problem: Problem) -> tuple[Any, ...]:
    assert problem.fixed_mask is not None
    assert problem.true_transform is not None
    images = (problem.fixed, problem.moving, problem.fixed_mask)
    return (*map(fingerprint, images), problem.true_transform.GetParameters())


def solve(case: Case, problem: Problem, seed: int = 3, times: int = 1) -> Registration:
    adapter = case.make()
    assert adapter.unsupported(problem) is None
    adapter.prepare(problem, RESOURCES, seed)
    for _ in range(times):
        adapter.register()
    return adapter.result()


def mapped(transform: sitk.Transform, points: np.ndarray) -> np.ndarray:
    return np.array([transform.TransformPoint(point) for point in points.tolist()])


@pytest.fixture(autouse=True)
def _temporary_files_in_a_folder_with_an_awkward_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's results folder has any name, and temporary files of backends lie below it."""
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


def test_every_registered_adapter_is_tried() -> None:
    assert {case.name for case in CASES} == set(BUILTIN)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize(("case", "motion"), RECOVERIES)
def test_known_motion_is_recovered(case: Case, motion: str, dimension: int, synthetic_pair: Any) -> None:
    pair = synthetic_pair(motion, dimension)
    before = fingerprints(pair.problem)
    registration = solve(case, pair.problem)
    assert fingerprints(pair.problem) == before, "the adapter modified its inputs"
    assert isinstance(registration.transform, sitk.Transform)
    assert registration.transform.GetDimension() == dimension
    start = pair.errors_mm(sitk.Transform(dimension, sitk.sitkIdentity)).mean()
    end = pair.errors_mm(registration.transform).mean()
    assert end < case.tolerance_mm, f"mean error {end:.3f} mm, {start:.3f} mm before"
    assert end < 0.25 * start
    if registration.inverse is not None:
        there_and_back = mapped(registration.inverse, mapped(registration.transform, pair.points))
        assert np.linalg.norm(there_and_back - pair.points, axis=1).mean() < 0.15


@every_case
def test_same_seed_same_answer_also_after_a_warm_up(case: Case, synthetic_pair: Any) -> None:
    pair = synthetic_pair("translation", 2)
    once, again = (solve(case, pair.problem, times=times) for times in (1, 2))
    assert np.array_equal(mapped(once.transform, pair.points), mapped(again.transform, pair.points))


@every_case
def test_what_is_told_about_a_run(case: Case, synthetic_pair: Any) -> None:
    registration = solve(case, synthetic_pair("translation", 2).problem)
    assert registration.effective
    assert json.loads(json.dumps(dict(registration.effective)))
    assert json.dumps(dict(registration.statistics), allow_nan=False)
    for level in registration.trace:
        assert np.isfinite(level).all()
    if registration.trace and "iterations" in case.params:
        assert len(registration.trace) == len(case.params["iterations"])
        assert registration.statistics["iterations"] == sum(len(level) for level in registration.trace)


@every_adapter
def test_parameters_have_defaults_and_are_documented(name: str) -> None:
    params = adapter_class(name).Params
    defaults = params()
    for parameter in dataclasses.fields(params):
        assert parameter.name in (params.__doc__ or ""), f"{name}: {parameter.name} is not documented"
    if dataclasses.fields(params):
        first = dataclasses.fields(params)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(defaults, first, getattr(defaults, first))


@every_adapter
def test_an_unknown_parameter_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(ValidationError, match="iteratoins"):
        adapter_class(name).Params(iteratoins=3)


@every_adapter
def test_unsupported_dimension_is_refused_with_a_reason(name: str) -> None:
    cls = adapter_class(name)
    image = sitk.Image([8, 8, 8, 8], sitk.sitkFloat32)
    reason = cls(cls.Params()).unsupported(Problem(image, image))
    assert reason is not None
    assert name in reason
    assert "4D" in reason


@every_adapter
def test_class_attributes_tell_what_it_is(name: str) -> None:
    cls = adapter_class(name)
    assert cls.name == name
    assert issubclass(cls, DifferentiableAdapter) == (name in DIFFERENTIABLE)
    assert cls.reference == (name in {"identity", "truth"})
    assert set(cls.dimensions) == {2, 3}
    assert "cpu" in cls.devices


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("name", sorted(DIFFERENTIABLE))
def test_gradients_are_finite_and_not_zero(name: str, dimension: int, synthetic_pair: Any) -> None:
    problem = synthetic_pair("rotation", dimension).problem
    cls = adapter_class(name)
    adapter = cls(cls.Params())
    assert isinstance(adapter, DifferentiableAdapter)
    adapter.prepare(problem, RESOURCES, 0)
    adapter.register()
    gradients = adapter.backward()
    assert gradients.fixed.shape == problem.fixed.GetSize()[::-1]
    assert gradients.moving.shape == problem.moving.GetSize()[::-1]
    for gradient in (gradients.fixed, gradients.moving, gradients.parameters):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("name", sorted(DIFFERENTIABLE))
def test_the_loss_is_what_the_gradient_is_of(name: str, synthetic_pair: Any) -> None:
    problem = synthetic_pair("rotation", 2).problem
    cls = adapter_class(name)

    # Where a solve stops early, two of them may differ by a step, and so may their losses.
    params = cls.Params(**({"tolerance": 0.0} if name == "adam_affine" else {}))

    def solved(moving: sitk.Image) -> Any:
        adapter = cls(params)
        adapter.prepare(dataclasses.replace(problem, moving=moving), RESOURCES, 0)
        adapter.register()
        return adapter

    # Under a shading, so that a residual is left: without one the derivatives are as small as rounding.
    array = sitk.GetArrayFromImage(problem.moving)
    pattern = array * np.linspace(-1, 1, array.shape[0], dtype=np.float32)[:, None]

    def shaded(strength: float) -> sitk.Image:
        moving = sitk.GetImageFromArray(array + np.float32(strength) * pattern)
        moving.CopyInformation(problem.moving)
        return moving

    ahead, behind = (solved(shaded(strength)).loss() for strength in (0.305, 0.295))
    gradient = float(np.sum(solved(shaded(0.3)).backward().moving.astype(float) * pattern))
    assert (ahead - behind) / 0.01 == pytest.approx(gradient, rel=0.02)


def test_looking_adapters_up_imports_no_backend() -> None:
    script = (
        "import sys\n"
        "from adapters.registry import BUILTIN\n"
        "from benchmarks.plugins import adapter_class\n"
        "for name in BUILTIN:\n"
        "    adapter_class(name).Params()\n"
        "backends = {'ants', 'dipy', 'picsl_greedy', 'torch', 'lmreg', 'nibabel', 'scipy'}\n"
        "print(sorted(backends & set(sys.modules)))\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
