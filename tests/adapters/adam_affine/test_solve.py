"""The solve by Adam and the gradient through it, in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from adapters.adam_affine.adapter import AdamAffine, AdamAffineParams
from adapters.adam_affine.descent import Schedule, descend
from adapters.adam_affine.maps import LinearMap, LinearModel
from adapters.adam_affine.objective import Objective
from adapters.adam_affine.solve import ErrorGradient, Images, Solution, error_gradient, solve
from adapters.adam_affine.unrolling import backpropagate
from lmreg.grid import Grid

MODELS: tuple[LinearModel, ...] = ("rigid", "similarity", "affine")
FEW_STEPS = (Schedule(4, 0.02, 0.0, 1), Schedule(6, 0.01, 0.0, 1))
SHAPES = {2: (20, 24), 3: (12, 11, 13)}


def blobs(grid: Grid, seed: int, shift_mm: float) -> Tensor:
    """Gaussian blobs in physical space, shape (1, *shape), float64."""
    random = torch.Generator().manual_seed(seed)
    axes = [torch.arange(n, dtype=torch.float64) for n in grid.shape]
    index = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    points = index @ grid.affine[:-1, :-1].mT + grid.affine[:-1, -1] - shift_mm
    image = torch.zeros(grid.shape, dtype=torch.float64)
    for _ in range(8):
        centre = grid.centre_mm + 5 * torch.randn(grid.dim, generator=random, dtype=torch.float64)
        width, height = 2 + 2 * torch.rand(2, generator=random, dtype=torch.float64)
        image += height * torch.exp(-(points - centre).square().sum(-1) / (2 * width**2))
    return image[None] / 4


@pytest.fixture(scope="module")
def pair() -> Callable[[int], Images]:
    """Makes a pair on two anisotropic grids, the second one mirrored, with a residual that no motion explains."""

    def make(dimension: int) -> Images:
        shape = SHAPES[dimension]
        spacing = torch.tensor([*[1.3, 0.9, 1.1][:dimension], 1.0], dtype=torch.float64)
        fixed_grid = Grid(shape, torch.diag(spacing))
        mirrored = torch.diag(torch.cat([-spacing[:1], spacing[1:]]))
        mirrored[0, -1] = float(spacing[0]) * (shape[0] - 1)
        moving_grid = Grid(shape, mirrored)
        fixed, moving = blobs(fixed_grid, 1, 0.0), blobs(moving_grid, 1, 0.8)
        return Images(fixed, moving + 0.1 * blobs(moving_grid, 2, 0.0), fixed_grid, moving_grid)

    return make


def solved(images: Images, model: LinearModel, schedules: tuple[Schedule, ...] = FEW_STEPS) -> Solution:
    linear_map = LinearMap.about(model, images.fixed_grid)
    start = linear_map.identity() + 0.01
    return solve(images, linear_map, start, 1e-2, schedules, "cubic")


def changed(images: Images, name: str, change: Tensor) -> Images:
    return replace(images, **{name: getattr(images, name) + change})


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("model", MODELS)
def test_the_cost_has_the_gradient_of_its_differences(
    model: LinearModel, dimension: int, pair: Callable[[int], Images]
) -> None:
    images = pair(dimension)
    linear_map = LinearMap.about(model, images.fixed_grid)
    objective = Objective(images.level(0, "cubic"), linear_map, 1e-2)
    at = 0.02 * torch.randn(linear_map.unknowns, generator=torch.Generator().manual_seed(3)).double()
    with torch.no_grad():
        _, gradient = objective.cost_and_gradient(at)
        steps = 1e-5 * torch.eye(linear_map.unknowns, dtype=torch.float64)
        costs = [
            [float(objective.cost_and_gradient(at + sign * step)[0]) for sign in (1, -1)] for step in steps
        ]
    differences = torch.tensor([(ahead - behind) / 2e-5 for ahead, behind in costs], dtype=torch.float64)
    torch.testing.assert_close(gradient, differences, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("unrolling", ["unroll", "checkpointed"])
@pytest.mark.parametrize(("model", "dimension"), [("rigid", 2), ("similarity", 3), ("affine", 2)])
def test_the_gradient_through_the_steps_is_that_of_differences_of_the_solve(
    model: LinearModel, dimension: int, unrolling: Any, pair: Callable[[int], Images]
) -> None:
    """After few steps, far from convergence, where only the steps themselves tell what depends on what."""
    images = pair(dimension)
    solution = solved(images, model)
    gradient = error_gradient(solution, unrolling, None)
    random = torch.Generator().manual_seed(5)
    for name in ("fixed", "moving"):
        direction = torch.randn(getattr(images, name).shape, generator=random, dtype=torch.float64)
        errors = [
            float(
                (end := solved(changed(images, name, sign * 1e-6 * direction), model)).squared_error(
                    end.images.fixed, end.images.moving, end.parameters
                )
            )
            for sign in (1, -1)
        ]
        expected = (errors[0] - errors[1]) / 2e-6
        assert float((getattr(gradient, name) * direction).sum()) == pytest.approx(expected, rel=1e-6)


def test_both_ways_of_unrolling_give_the_same_gradient(pair: Callable[[int], Images]) -> None:
    solution = solved(pair(2), "affine")
    ways = [error_gradient(solution, unrolling, None) for unrolling in ("unroll", "checkpointed")]
    for name in ("fixed", "moving", "parameters"):
        torch.testing.assert_close(getattr(ways[0], name), getattr(ways[1], name), rtol=1e-9, atol=1e-15)


def test_going_back_through_the_last_steps_only_leaves_the_others_out(pair: Callable[[int], Images]) -> None:
    solution = solved(pair(2), "affine")
    whole, all_steps, few = (error_gradient(solution, "unroll", last) for last in (None, 10, 3))
    torch.testing.assert_close(whole.moving, all_steps.moving, rtol=0, atol=0)
    assert not torch.allclose(whole.moving, few.moving, rtol=1e-2)
    coarse, _ = backpropagate(solution.descents, whole.parameters, "unroll", 6)
    assert not coarse.fixed.any()
    pieces = [
        backpropagate(solution.descents, whole.parameters, way, 3)[1] for way in ("unroll", "checkpointed")
    ]
    torch.testing.assert_close(pieces[0].fixed, pieces[1].fixed, rtol=1e-9, atol=1e-15)


def test_a_level_ends_when_nothing_is_gained(pair: Callable[[int], Images]) -> None:
    images = pair(2)
    linear_map = LinearMap.about("affine", images.fixed_grid)
    objective = Objective(images.level(0, "cubic"), linear_map, 1e-3)
    ends = [
        descend(objective, linear_map.identity(), Schedule(400, 0.01, tolerance, 10))
        for tolerance in (1e-2, 1e-5)
    ]
    assert 10 < len(ends[0].costs) < len(ends[1].costs) < 400
    assert ends[1].costs[-1] < 0.5 * ends[1].costs[0]
    for end in ends:
        assert len(end.states) == len(end.costs) + 1


def test_the_penalty_leaves_the_translation_alone(pair: Callable[[int], Images]) -> None:
    images = pair(2)
    linear_map = LinearMap.about("affine", images.fixed_grid)
    level = images.level(0, "cubic")
    moved, stretched = linear_map.identity(), linear_map.identity()
    moved[:2] = stretched[:2] = stretched[2] = 0.1
    with torch.no_grad():
        free, held = (
            [
                float(Objective(level, linear_map, weight).cost_and_gradient(at)[0])
                for at in (moved, stretched)
            ]
            for weight in (0.0, 9.0)
        )
    assert held[0] == free[0]
    assert held[1] - free[1] == pytest.approx(0.09)


def test_maps_are_what_they_are_called() -> None:
    fixed = Grid.from_spacing((11, 21, 31), (2.0, 1.0, 1.0))
    parameters = torch.tensor([0.1, -0.2, 0.3, 0.4, -0.5, 0.6, 0.7], dtype=torch.float64)
    rigid, similarity = LinearMap.about("rigid", fixed), LinearMap.about("similarity", fixed)
    assert rigid.scale_mm == 15.0
    turned = rigid.matrix(parameters[:6])
    torch.testing.assert_close(turned[:3, :3] @ turned[:3, :3].mT, torch.eye(3, dtype=torch.float64))
    assert float(torch.linalg.det(turned[:3, :3])) == pytest.approx(1)
    centre = torch.cat([fixed.centre_mm, torch.ones(1, dtype=torch.float64)])
    torch.testing.assert_close((turned @ centre)[:3] - fixed.centre_mm, 15 * parameters[:3])
    scaled = similarity.matrix(parameters)
    torch.testing.assert_close(scaled[:3, :3], math.exp(0.7) * turned[:3, :3])
    affine = LinearMap.about("affine", fixed)
    assert (rigid.unknowns, similarity.unknowns, affine.unknowns) == (6, 7, 12)
    torch.testing.assert_close(affine.matrix(affine.identity()), torch.eye(4, dtype=torch.float64))


def test_the_gradient_over_parameters_is_that_of_the_warp(pair: Callable[[int], Images]) -> None:
    images = pair(2)
    solution = solved(images, "rigid")
    gradient: ErrorGradient = error_gradient(solution, "checkpointed", None)
    steps = 1e-6 * torch.eye(3, dtype=torch.float64)
    errors = [
        [
            float(solution.squared_error(images.fixed, images.moving, solution.parameters + sign * step))
            for sign in (1, -1)
        ]
        for step in steps
    ]
    differences = torch.tensor([(ahead - behind) / 2e-6 for ahead, behind in errors], dtype=torch.float64)
    torch.testing.assert_close(gradient.parameters, differences, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"iterations": (10, 10)}, "iterations has 2 levels and learning_rates 3"),
        ({"adjoint": "none", "unrolled_steps": 3}, "unrolled_steps has no effect"),
        ({"model": "bspline"}, "model"),
        ({"learning_rates": (0.1, 0.0, 0.1)}, "learning_rates"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AdamAffineParams(**params)


def test_without_an_adjoint_there_is_no_backward_pass() -> None:
    adapter = AdamAffine(AdamAffineParams(adjoint="none"))
    assert not adapter.differentiates
    with pytest.raises(ValueError, match="'none' leaves the backward pass out"):
        adapter.backward()
