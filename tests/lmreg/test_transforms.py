"""Positions of the models, and how a step moves them."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.linear import generators
from lmreg.model import BSpline, Level, Linear, Model

FIXED = Grid.from_spacing((8, 9, 7), (1.5, 1.0, 2.0))
KINDS = ["translation", "rigid", "similarity", "affine"]


def moving_grid() -> Grid:
    affine = torch.diag(torch.tensor([0.9, -1.1, 1.3, 1.0], dtype=torch.float64))
    affine[:3, 3] = torch.tensor([1.0, 9.0, -2.0])
    affine[0, 1] = 0.2
    return Grid((10, 8, 9), affine)


def initial() -> Tensor:
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3] += 0.05 * torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return matrix


def models() -> list[Model]:
    return [*(Linear(kind, FIXED, initial()) for kind in KINDS), BSpline((2, 1, 1), FIXED, initial())]  # type: ignore[arg-type]


def at_level(model: Model):
    return model.at(Level(0, FIXED, moving_grid()), torch.zeros(1, dtype=torch.float64))


@pytest.mark.parametrize("model", models())
def test_push_is_the_derivative_of_the_positions(model: Model):
    transform = at_level(model)
    state = model.start(Level(0, FIXED, moving_grid()))
    step = torch.randn(transform.unknowns, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    size = 1e-5
    ahead, behind = (transform.positions(transform.retract(state, sign * size * step)) for sign in (1, -1))
    expected = transform.basis.evaluate(transform.push(state, step))
    torch.testing.assert_close((ahead - behind) / (2 * size), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("model", models())
def test_pull_and_congruence_belong_to_push(model: Model):
    transform = at_level(model)
    state = model.start(Level(0, FIXED, moving_grid()))
    steps = torch.eye(transform.unknowns, dtype=torch.float64)
    rows = torch.stack([transform.push(state, step).reshape(-1) for step in steps])
    moments = torch.randn(
        3, *transform.basis.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )
    torch.testing.assert_close(transform.pull(state, moments), rows @ moments.reshape(-1))
    size = rows.shape[1]
    gram = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(transform.congruence(state, gram), rows @ gram @ rows.T)


@pytest.mark.parametrize("kind", KINDS)
def test_bend_is_the_second_derivative_of_the_positions(kind):
    model = Linear(kind, FIXED, initial())
    transform = at_level(model)
    weights = torch.randn(3, *FIXED.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    moments = transform.basis.adjoint(weights)

    def along(step: Tensor) -> Tensor:
        return (transform.positions(transform.retract(initial(), step)) * weights).sum()

    expected = torch.autograd.functional.hessian(along, torch.zeros(transform.unknowns, dtype=torch.float64))
    torch.testing.assert_close(transform.bend(initial(), moments), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("kind", "count"), [*zip(KINDS, (3, 6, 7, 12), strict=True)])
def test_groups_have_their_number_of_parameters(kind, count):
    assert generators(kind, torch.zeros(3, dtype=torch.float64), 10.0).shape == (count, 4, 4)


def test_a_rigid_step_keeps_lengths_and_the_centre_of_a_rotation():
    centre = torch.tensor([3.0, -2.0, 5.0], dtype=torch.float64)
    turn = torch.linalg.matrix_exp(generators("rigid", centre, 1.0)[3] * math.pi / 2)
    torch.testing.assert_close(turn[:3, :3] @ turn[:3, :3].T, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(turn[:3, :3] @ centre + turn[:3, 3], centre)
    assert float(torch.linalg.det(turn)) == pytest.approx(1)


@pytest.mark.parametrize("model", models())
def test_displacement_describes_the_same_map(model: Model, smooth: Callable[..., Tensor]):
    transform = at_level(model)
    state = model.start(Level(0, FIXED, moving_grid()))
    state = transform.retract(state, 0.3 * smooth((transform.unknowns,), 0)[0])
    displacement = model.displacement(state, torch.zeros(1, dtype=torch.float64))
    index = torch.stack(torch.meshgrid(*[torch.arange(n).double() for n in FIXED.shape], indexing="ij"))
    to_moving = FIXED.index_map(moving_grid(), torch.eye(4, dtype=torch.float64))
    reached = torch.einsum("ab,b...->a...", to_moving[:3, :3], index + displacement) + to_moving[
        :3, 3
    ].reshape(3, 1, 1, 1)
    torch.testing.assert_close(reached, transform.positions(state))


def test_refining_control_points_keeps_the_field():
    model = BSpline((4, 2, 1), FIXED, initial())
    coarse, fine = Level(1, FIXED, moving_grid()), Level(0, FIXED, moving_grid())
    state = torch.randn(3, 5, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    like = torch.zeros(1, dtype=torch.float64)
    before = model.at(coarse, like).positions(state)
    torch.testing.assert_close(model.at(fine, like).positions(model.carry(state, coarse, fine)), before)
