from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.draws import random_displacement, random_flow, random_motion, random_spline, rotation
from datasets.grid import Grid
from datasets.recipes import Motion
from datasets.warps import ComposedWarp, FlowWarp, LinearWarp, SplineField, SplineWarp, Warp

PLANE = Grid.centred((64, 48), 4.0, (5.0, -10.0))
SPACE = Grid.centred((24, 28, 20), 8.0, (0.0, 17.0, 13.0))
KINDS = ("linear", "spline", "flow", "composed")


def make(kind: str, grid: Grid, seed: int) -> Warp:
    rng = np.random.default_rng(seed)
    motion = Motion(translation_mm=5.0, rotation_deg=10.0, scaling=0.1, shear=0.05)
    linear = random_motion(rng, motion, np.zeros(grid.dimension))
    flow = random_flow(rng, grid, 32.0, 8.0, 20.0)
    spline = random_spline(rng, grid, [4] * grid.dimension, 8.0)
    return {"linear": linear, "spline": spline, "flow": flow, "composed": ComposedWarp((flow, linear))}[kind]


def inner_points(grid: Grid, seed: int, n: int = 300) -> np.ndarray:
    lower, upper = grid.extent_mm
    margin = 0.2 * (upper - lower)
    return np.random.default_rng(seed).uniform(lower + margin, upper - margin, (n, grid.dimension))


@pytest.mark.parametrize("grid", [PLANE, SPACE], ids=["2d", "3d"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_inverse_undoes_forward_both_ways(kind: str, grid: Grid, seed: int) -> None:
    warp = make(kind, grid, seed)
    points = inner_points(grid, seed)
    assert np.abs(warp.forward(points) - points).max() > 0.5
    np.testing.assert_allclose(warp.inverse(warp.forward(points)), points, atol=2e-4)
    np.testing.assert_allclose(warp.forward(warp.inverse(points)), points, atol=2e-4)


@pytest.mark.parametrize("grid", [PLANE, SPACE], ids=["2d", "3d"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_jacobian_determinant_is_positive(kind: str, grid: Grid, seed: int) -> None:
    warp, points, h = make(kind, grid, seed), inner_points(grid, seed), 1e-4
    columns = [
        (warp.forward(points + h * e) - warp.forward(points - h * e)) / (2 * h)
        for e in np.eye(grid.dimension)
    ]
    assert np.linalg.det(np.stack(columns, axis=-1)).min() > 0.1


@pytest.mark.parametrize("grid", [PLANE, SPACE], ids=["2d", "3d"])
@pytest.mark.parametrize("kind", KINDS)
def test_transform_for_simpleitk_agrees_at_the_grid_samples(kind: str, grid: Grid) -> None:
    warp = make(kind, grid, seed=3)
    transform = warp.transform(grid, step=1)
    assert transform.GetDimension() == grid.dimension
    points = grid.points()
    chosen = points[np.random.default_rng(0).choice(len(points), 200, replace=False)]
    mapped = np.array([transform.TransformPoint(p) for p in chosen.tolist()])
    np.testing.assert_allclose(mapped, warp.forward(chosen), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_transform_survives_the_disk_without_loss(kind: str, tmp_path: pytest.TempPathFactory) -> None:
    transform = make(kind, PLANE, seed=4).transform(PLANE, step=1)
    path = f"{tmp_path}/t.h5"
    sitk.WriteTransform(transform, path)
    again = sitk.ReadTransform(path)
    for point in inner_points(PLANE, seed=5, n=50).tolist():
        assert again.TransformPoint(point) == transform.TransformPoint(point)


def test_flow_is_the_exponential_of_a_linear_velocity() -> None:
    """For v(x) = A·x the flow is expm(A)·x; a 4×4 spline patch holds a linear field exactly."""
    generator = np.array([[0.05, -0.12], [0.1, -0.03]])
    grid = Grid.centred((101, 101), 1.0, (0.0, 0.0))
    nodes = np.arange(-100.0, 101.0, 20.0)
    mesh = np.stack(np.meshgrid(nodes, nodes, indexing="ij"))
    field = SplineField(np.einsum("ij,jkl->ikl", generator, mesh), np.full(2, -100.0), np.full(2, 20.0))
    flow = FlowWarp(field, grid, taper_mm=5.0, steps=8)
    points = np.random.default_rng(0).uniform(-30.0, 30.0, (50, 2))
    from scipy.linalg import expm

    np.testing.assert_allclose(flow.forward(points), points @ expm(generator).T, atol=1e-6)
    np.testing.assert_allclose(flow.inverse(points), points @ expm(-generator).T, atol=1e-6)


def test_default_step_is_exact_to_a_micrometre() -> None:
    coarse = random_flow(np.random.default_rng(1), SPACE, 36.0, 9.0, 20.0)
    fine = FlowWarp(coarse.velocity, coarse.support, coarse.taper_mm, steps=24)
    points = inner_points(SPACE, seed=1)
    np.testing.assert_allclose(coarse.forward(points), fine.forward(points), atol=1e-4)


def test_flow_stays_below_its_amplitude_and_leaves_the_outside_alone() -> None:
    flow = random_flow(np.random.default_rng(2), PLANE, 32.0, 8.0, 20.0)
    moved = np.linalg.norm(flow.forward(PLANE.points()) - PLANE.points(), axis=-1)
    assert 4.0 < moved.max() < 8.1
    lower, upper = PLANE.extent_mm
    outside = np.stack([lower - 1.0, upper + 1.0, (lower[0] - 50.0, upper[1])])
    np.testing.assert_array_equal(flow.forward(outside), outside)


def test_displacement_reaches_its_amplitude() -> None:
    warp = random_displacement(np.random.default_rng(2), PLANE, 48.0, 5.0)
    assert np.linalg.norm(warp.displacement(PLANE.points()), axis=-1).max() == pytest.approx(5.0)


def test_composition_applies_the_first_warp_first() -> None:
    shift = LinearWarp(np.eye(2), np.array([1.0, 0.0]))
    turn = LinearWarp(rotation([90.0]), np.zeros(2))
    both = ComposedWarp((shift, turn))
    np.testing.assert_allclose(both.forward(np.array([[1.0, 0.0]])), [[0.0, 2.0]], atol=1e-12)
    assert both.transform(PLANE, 1).TransformPoint((1.0, 0.0)) == pytest.approx((0.0, 2.0))


def test_rotations_follow_the_right_hand_rule() -> None:
    x, y, z = np.eye(3)
    np.testing.assert_allclose(rotation([90.0, 0.0, 0.0]) @ y, z, atol=1e-12)
    np.testing.assert_allclose(rotation([0.0, 90.0, 0.0]) @ z, x, atol=1e-12)
    np.testing.assert_allclose(rotation([0.0, 0.0, 90.0]) @ x, y, atol=1e-12)
    np.testing.assert_allclose(rotation([90.0, 0.0, 90.0]) @ y, z, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1))
def test_motion_is_never_small_nor_a_whole_number_of_millimetres(seed: int) -> None:
    motion = random_motion(np.random.default_rng(seed), Motion(translation_mm=5.0), np.zeros(3))
    size = np.abs(motion.offset_mm)
    assert np.all((size >= 2.25) & (size <= 5.0))
    assert np.all(np.abs(size - np.round(size)) >= 0.249)
    np.testing.assert_array_equal(motion.matrix, np.eye(3))


def test_motion_turns_about_the_given_centre() -> None:
    centre = np.array([3.0, -8.0])
    motion = random_motion(np.random.default_rng(0), Motion(rotation_deg=10.0), centre)
    np.testing.assert_allclose(motion.forward(centre[None]), centre[None], atol=1e-12)
    angle = np.rad2deg(np.arctan2(motion.matrix[1, 0], motion.matrix[0, 0]))
    assert 5.0 <= abs(angle) <= 10.0


def test_inverse_of_a_folding_displacement_is_refused() -> None:
    field = SplineField(
        np.random.default_rng(0).normal(0, 60.0, (2, 10, 10)), np.full(2, -90.0), np.full(2, 20.0)
    )
    with pytest.raises(ArithmeticError, match="too steep"):
        SplineWarp(field).inverse(np.random.default_rng(1).uniform(-50, 50, (200, 2)))
