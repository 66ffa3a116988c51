"""What adapters say of their schedules in common units is what the backends are really given."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from adapters.ants_syn import AntsSyn, AntsSynParams
from adapters.dipy_syn import ENERGY_WINDOW, DipySyn, DipySynParams
from adapters.interface import Adapter, Problem, Resources

SAME = {"metric": "cc", "cc_radius": 2, "iterations": (4, 3, 2), "update_sigma_voxels": 1.5}


def registered(adapter: Adapter[Any], problem: Problem) -> Any:
    adapter.prepare(problem, Resources(threads=1), 0)
    adapter.register()
    return adapter.result().schedule


@pytest.fixture
def problem(synthetic_pair: Any) -> Problem:
    found: Problem = synthetic_pair("translation", 2).problem
    return found


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ANTs' program is called with; it runs all the same."""
    # Imported by its path: the package calls its function by the same name.
    registration = importlib.import_module("ants.registration.registration")
    seen: list[str] = []
    find = registration.get_lib_fn

    def listening(name: str) -> Any:
        program = find(name)

        def call(arguments: list[str]) -> Any:
            seen.extend(map(str, arguments))
            return program(arguments)

        return call if name == "antsRegistration" else program

    monkeypatch.setattr(registration, "get_lib_fn", listening)
    return seen


def test_ants_is_given_its_schedule(problem: Problem, command_line: list[str]) -> None:
    params = AntsSynParams(**SAME, gradient_step=0.25, total_sigma_voxels=0.5)
    schedule = registered(AntsSyn(params), problem)
    given = dict(zip(command_line[::2], command_line[1::2], strict=False))
    assert given["--shrink-factors"] == "x".join(map(str, schedule["shrink_factors"])) == "4x2x1"
    sigmas = [float(sigma) for sigma in given["--smoothing-sigmas"].split("x")]
    assert sigmas == schedule["pyramid_sigmas_voxels"] == [2.0, 1.0, 0.0]
    assert given["--convergence"] == "[4x3x2,1e-7,8]"
    assert schedule["iterations"] == [4, 3, 2]
    assert "over 8 iterations below 1e-07" in schedule["stops_early"]
    step, update_variance, total_variance = map(float, given["--transform"][4:-1].split(","))
    assert step == schedule["longest_update_voxels"] == 0.25
    assert (update_variance, total_variance) == pytest.approx((1.5**2, 0.5**2))
    assert (schedule["update_sigma_voxels"], schedule["total_sigma_voxels"]) == pytest.approx((1.5, 0.5))
    name, _, _, _, radius = given["--metric"].strip("]").replace("[", ",").split(",")
    assert (name, 2 * int(radius) + 1) == ("CC", schedule["window_voxels"])


def test_dipy_is_given_its_schedule(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    from dipy.align import imwarp

    pyramids: list[Any] = []
    build = imwarp.ScaleSpace

    def listening(*arguments: Any, **options: Any) -> Any:
        pyramids.append(build(*arguments, **options))
        return pyramids[-1]

    monkeypatch.setattr(imwarp, "ScaleSpace", listening)
    adapter = DipySyn(DipySynParams(**SAME, scale_space_sigma_factor=2 / 3, step_length_voxels=0.2))
    schedule = registered(adapter, problem)
    optimizer = adapter._optimizer
    assert len(pyramids) == 2
    for pyramid in pyramids:
        levels = [2, 1, 0]
        # Pixels of the pair are not square: the finest axis is shrunk by the factors, others by less.
        factors = [float(np.max(pyramid.get_scaling(level))) for level in levels]
        sigmas = [float(np.max(pyramid.get_sigmas(level))) for level in levels]
        assert factors == schedule["shrink_factors"] == [4, 2, 1]
        assert sigmas == pytest.approx([2.0, 2 / 3, 0.0])
        assert schedule["pyramid_sigmas_voxels"] == pytest.approx(sigmas)
    assert list(optimizer.level_iters) == schedule["iterations"]
    assert optimizer.step_length == schedule["longest_update_voxels"] == 0.2
    assert optimizer.metric.sigma_diff == schedule["update_sigma_voxels"] == 1.5
    assert 2 * optimizer.metric.radius + 1 == schedule["window_voxels"] == 5
    assert optimizer.energy_window == ENERGY_WINDOW
    assert f"over {ENERGY_WINDOW} iterations below {optimizer.opt_tol:g}" in schedule["stops_early"]


@pytest.mark.parametrize("step", [0.1, 0.4])
def test_the_longest_vector_of_an_update_is_the_step_in_both(step: float, problem: Problem) -> None:
    """After one iteration each side has moved by one update: the whole map by one to two, as they need not agree."""
    spacing = np.array(problem.fixed.GetSpacing())
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in problem.fixed.GetSize()), indexing="ij"), -1)
    points = [problem.fixed.TransformContinuousIndexToPhysicalPoint(i) for i in grid.reshape(-1, 2).tolist()]
    axes = np.reshape(problem.fixed.GetDirection(), (2, 2))
    common: dict[str, Any] = {"metric": "cc", "cc_radius": 2, "iterations": (1,), "update_sigma_voxels": 1.5}
    for adapter in (
        AntsSyn(AntsSynParams(**common, gradient_step=step, total_sigma_voxels=0.0)),
        DipySyn(DipySynParams(**common, step_length_voxels=step)),
    ):
        adapter.prepare(problem, Resources(threads=1), 0)
        adapter.register()
        transform = adapter.result().transform
        moved = np.array([transform.TransformPoint(point) for point in points]) - np.array(points)
        longest = np.linalg.norm(moved @ axes / spacing, axis=1).max()
        assert step < longest < 2.1 * step


def test_a_schedule_is_told_only_where_it_is_one_of_gaussians(problem: Problem) -> None:
    assert (
        registered(DipySyn(DipySynParams(metric="ssd", step_type="gauss_newton", iterations=(1,))), problem)
        == {}
    )
    assert registered(DipySyn(DipySynParams(metric="em", iterations=(1,))), problem) == {}
    assert registered(AntsSyn(AntsSynParams(model="Translation", iterations=(1,))), problem) == {}
