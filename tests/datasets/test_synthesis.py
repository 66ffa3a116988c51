from __future__ import annotations

import numpy as np
import pytest

from datasets.grid import Grid
from datasets.icbm152 import Template
from datasets.recipes import RECIPES_2D, RECIPES_3D
from datasets.synthesis import Stage, lattice_step, subject_warp, true_warp, volume_grid

TINY = Template(np.ones((2, 2, 2)), np.ones((2, 2, 2)), np.zeros((2, 2, 2)), (0.0, 0.0, 0.0))


def stage(seed: int, spacing_mm: float = 2.0) -> Stage:
    return Stage(TINY, volume_grid(spacing_mm), supersampling=round(spacing_mm), seed=seed)


@pytest.mark.parametrize("seed", [0, 1])
def test_lattice_keeps_volumes_true_to_a_few_micrometres(seed: int) -> None:
    """The moving volume samples the inverse map on a lattice: how far that is from the exact inverse."""
    here = stage(seed)
    warp = true_warp(here, RECIPES_3D[0])
    fine = here.grid.refined(here.supersampling)
    sampled = fine.sample(warp.inverse, lattice_step(fine)).reshape(-1, 3)
    points = fine.points()
    in_brain = np.flatnonzero((((points - (0.0, 17.0, 13.0)) / (72.0, 90.0, 82.0)) ** 2).sum(axis=-1) < 1.0)
    chosen = np.random.default_rng(0).choice(in_brain, 20_000, replace=False)
    error_mm = np.linalg.norm(sampled[chosen] - warp.inverse(points[chosen]), axis=-1)
    assert np.sqrt(np.mean(error_mm**2)) < 2e-3
    assert error_mm.max() < 0.06  # in the seam, at the rim of the brain


def test_volumes_cover_the_same_field_of_view_at_every_spacing() -> None:
    for spacing_mm in (1.0, 2.0, 4.0):
        lower, upper = volume_grid(spacing_mm).extent_mm
        np.testing.assert_allclose(upper - lower, (184.0, 216.0, 184.0))
        np.testing.assert_allclose((upper + lower) / 2, (0.0, 17.0, 13.0))


def test_deformation_depends_on_kind_and_seed_but_not_on_the_spacing() -> None:
    point = np.array([[10.0, 20.0, 30.0]])
    here = true_warp(stage(0), RECIPES_3D[0]).forward(point)
    assert not np.allclose(here, true_warp(stage(1), RECIPES_3D[0]).forward(point))
    assert not np.allclose(here, true_warp(stage(0), RECIPES_3D[1]).forward(point))
    np.testing.assert_allclose(here, true_warp(stage(0, 1.0), RECIPES_3D[0]).forward(point), atol=0.05)


def test_subject_is_a_deformation_that_cannot_fold() -> None:
    warp = subject_warp(stage(0))
    points = volume_grid(4.0).points()
    np.testing.assert_allclose(warp.forward(warp.inverse(points)), points, atol=1e-6)


def test_recipes_are_named_apart() -> None:
    for recipes in (RECIPES_2D, RECIPES_3D):
        assert len({recipe.kind for recipe in recipes}) == len(recipes)


def test_template_has_no_slice_beyond_its_field_of_view() -> None:
    with pytest.raises(ValueError, match="no slice at z = 5 mm"):
        TINY.axial_slice(5)


def test_template_is_interpolated_between_its_voxels_and_dark_outside() -> None:
    ramp = np.arange(1, 6, dtype=float)[None, :].repeat(5, axis=0) / 10.0
    template = Template(ramp, 0.5 * np.ones((5, 5)), 0.25 * np.ones((5, 5)), (-2.0, 0.0))
    anatomy = template.at(np.array([[-0.5, 2.0], [0.0, 2.0], [40.0, 2.0]]))
    np.testing.assert_allclose(anatomy.t1, [0.25, 0.3, 0.0], atol=1e-2)
    np.testing.assert_allclose(anatomy.brain, [1.0, 1.0, 0.0])
    np.testing.assert_allclose(anatomy.grey, [0.5, 0.5, 0.0])
    np.testing.assert_allclose(anatomy.csf, [0.25, 0.25, 0.0])
    np.testing.assert_array_equal(anatomy.x_mm, [-0.5, 0.0, 40.0])


def test_labels_are_the_most_probable_tissue_with_its_side() -> None:
    template = Template(np.ones((3, 5)), 0.6 * np.ones((3, 5)), 0.3 * np.ones((3, 5)), (-2.0, 0.0))
    grid = Grid((5, 1), 1.0, (-2.0, 1.0))
    labels = template.at(np.vstack([grid.points() + np.array([0.25, 0.0]), [[99.0, 1.0]]])).labels()
    np.testing.assert_array_equal(labels, [2, 2, 1, 1, 0, 0])
