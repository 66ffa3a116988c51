from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.greedy import Greedy, GreedyParams
from adapters.interface import Registration, Resources


def run(params: GreedyParams, problem: Any) -> Registration:
    adapter = Greedy(params)
    adapter.prepare(problem, Resources(threads=1), 5)
    adapter.register()
    return adapter.result()


def test_command_in_greedys_words(synthetic_pair: Any) -> None:
    adapter = Greedy(GreedyParams(iterations=(7, 5), update_sigma_voxels=2.0, total_sigma_voxels=0.0))
    adapter.prepare(synthetic_pair("translation", 3).problem, Resources(threads=2), 5)
    assert adapter.command() == (
        "-i fixed moving -m NCC 2x2x2 -n 7x5 -s 2vox 0vox -e 1 -wp 0 -threads 2 -seed 6 -V 0 -o answer"
    )


def test_radius_has_one_entry_per_axis(synthetic_pair: Any) -> None:
    adapter = Greedy(GreedyParams(cc_radius=4, model="rigid"))
    adapter.prepare(synthetic_pair("translation", 2).problem, Resources(), 5)
    assert "-m NCC 4x4 " in adapter.command()
    assert "-a -dof 6 -ia-identity" in adapter.command()


@pytest.mark.parametrize("metric", ["ncc", "ssd", "mi", "nmi"])
def test_trace_of_a_rigid_run_is_a_cost(metric: Any, synthetic_pair: Any) -> None:
    problem = synthetic_pair("translation", 2).problem
    registration = run(GreedyParams(model="rigid", metric=metric, iterations=(30, 10)), problem)
    coarsest = registration.trace[0]
    assert coarsest[-1] < coarsest[0]


@pytest.mark.parametrize("metric", ["ncc", "ssd"])
def test_trace_of_a_deformable_run_is_a_cost(metric: Any, synthetic_pair: Any) -> None:
    problem = synthetic_pair("translation", 2).problem
    registration = run(GreedyParams(metric=metric, iterations=(40, 10)), problem)
    assert registration.trace[0][-1] < registration.trace[0][0]
    assert registration.statistics == {"iterations": 50, "final_cost": registration.trace[-1][-1]}


def test_single_precision_agrees_with_double(synthetic_pair: Any) -> None:
    pair = synthetic_pair("rotation", 2)
    for precision in ("double", "float"):
        params = GreedyParams(metric="ssd", iterations=(50, 30), precision=precision)
        assert pair.errors_mm(run(params, pair.problem).transform).mean() < 0.5


def test_fixed_mask_is_used_when_asked(synthetic_pair: Any) -> None:
    pair = synthetic_pair("translation", 2)
    registration = run(GreedyParams(use_fixed_mask=True), pair.problem)
    assert "-gm mask" in str(registration.effective["command"])
    assert pair.errors_mm(registration.transform).mean() < 0.6


def test_start_from_the_grids_centres(synthetic_pair: Any) -> None:
    pair = synthetic_pair("translation", 2)
    params = GreedyParams(model="rigid", initialization="geometry", iterations=(50, 30))
    assert pair.errors_mm(run(params, pair.problem).transform).mean() < 0.5


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"model": "affine", "update_sigma_voxels": 1.0}, "update_sigma_voxels has no effect"),
        ({"initialization": "geometry"}, "initialization has no effect with model 'deformable'"),
        ({"metric": "ssd", "cc_radius": 2}, "cc_radius has no effect"),
    ],
)
def test_contradictions_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GreedyParams(**params)


def test_standard_output_stays_clean(synthetic_pair: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(GreedyParams(iterations=(5, 2)), synthetic_pair("translation", 2).problem)
    assert capsys.readouterr().out == ""
