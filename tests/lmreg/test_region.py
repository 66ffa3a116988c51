"""Cropping to the voxels that decide leaves the objective as it is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import lmreg
from lmreg.grid import Grid
from lmreg.model import Linear
from lmreg.problem import Images, Problem
from lmreg.region import cropped, foreground, reached, support
from lmreg.sampling import Interpolant, sample
from lmreg.similarity import Similarity
from lmreg.stages import pyramid_stages

Pairs = Callable[..., tuple[Tensor, Tensor]]


def embedded(image: Tensor, before: int, after: int, value: float = 0.2) -> Tensor:
    """The image in the middle of a constant background."""
    pads = [before, after] * (image.ndim - 2)
    return torch.nn.functional.pad(image, pads, value=value)


def problem(fixed: Tensor, moving: Tensor, similarity: Similarity, weights: Tensor | None = None) -> Problem:
    grids = [
        Grid.from_spacing(tuple(image.shape[2:]), (1.0,) * (image.ndim - 2)) for image in (fixed, moving)
    ]
    stages = pyramid_stages(
        *grids, levels=1, interpolation="cubic", hessian="exact", tolerance=1e-12, approach_tolerance=1e-3
    )
    model = Linear("affine", grids[0], torch.eye(fixed.ndim - 1, dtype=torch.float64))
    return Problem(model, stages, similarity, None, weights, 50, lmreg.problem.InnerSolver())


@pytest.mark.parametrize("similarity", [lmreg.SSD(), lmreg.NCC()])
@pytest.mark.parametrize(("shape", "before", "after"), [((28, 24), 40, 28), ((16, 14, 15), 30, 24)])
def test_background_that_one_voxel_stands_for_changes_nothing(
    shape, before, after, similarity, deformed_pair: Pairs
):
    fixed, moving = (embedded(image, before, after) for image in deformed_pair(shape, residual=0.1))
    images = Images(fixed[0], moving[0], torch.zeros((), dtype=torch.float64))
    whole = problem(fixed, moving, similarity)
    solution = whole.solve(images)
    assert solution.status is lmreg.Status.CONVERGED
    region = foreground(fixed[0], moving[0], torch.eye(len(shape) + 1, dtype=torch.float64), motion_voxels=2)
    assert region is not None
    assert region.background
    objective = whole.final_objective(images)
    evaluation = objective.evaluate(solution.state, None, bent=True)
    # The whole objective is at its minimum where the cropped one was driven to.
    scale = objective.evaluate(
        torch.eye(len(shape) + 1, dtype=torch.float64), None, bent=True
    ).gradient.norm()
    assert float(evaluation.gradient.norm()) < 1e-4 * float(scale)
    assert solution.trace[-1][-1] == pytest.approx(float(evaluation.cost), rel=1e-6)
    torch.testing.assert_close(solution.warped, evaluation.warped, rtol=0, atol=1e-5)


def test_content_at_the_edge_of_the_moving_image_reaches_out(deformed_pair: Pairs):
    _, moving = deformed_pair((32, 32))
    at_edge = torch.nn.functional.pad(moving[..., 8:, :], (24, 24, 24, 0))[0]
    box = reached((80, 80), at_edge, torch.eye(3, dtype=torch.float64))
    assert box is not None
    assert box[0].stop == 80
    assert box[1].stop < 80


def test_voxels_outside_the_box_are_background(deformed_pair: Pairs):
    _, moving = deformed_pair((30, 26))
    image = embedded(moving, 34, 30)[0]
    turn = torch.tensor([[0.9, 0.3, -4.0], [-0.25, 1.1, 6.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    box = reached((90, 84), image, turn)
    assert box is not None
    index = torch.stack(torch.meshgrid(torch.arange(90.0), torch.arange(84.0), indexing="ij")).double()
    positions = torch.einsum("ab,b...->a...", turn[:2, :2], index) + turn[:2, 2].reshape(2, 1, 1)
    values = sample(Interpolant.from_image(image, "cubic"), positions)
    outside = torch.ones(90, 84, dtype=torch.bool)
    outside[box] = False
    assert bool(outside.any())
    assert float((values[0] - image[0, 0, 0]).abs()[outside].max()) < 1e-4


@pytest.mark.parametrize("similarity", [lmreg.SSD(), lmreg.NCC()])
def test_voxels_without_weight_need_not_be_sampled(similarity, deformed_pair: Pairs):
    fixed, moving = deformed_pair((40, 36), residual=0.1)
    mask = torch.zeros_like(fixed)
    mask[..., 9:30, 7:26] = 1
    solution = problem(fixed, moving, similarity, mask[0]).solve(
        Images(fixed[0], moving[0], torch.zeros((), dtype=torch.float64))
    )
    assert support(mask[0]).box == (slice(9, 30), slice(7, 26))
    whole = problem(fixed, moving, similarity, mask[0])
    images = Images(fixed[0], moving[0], torch.zeros((), dtype=torch.float64))
    evaluation = whole.final_objective(images).evaluate(solution.state, None, bent=True)
    assert float(evaluation.gradient.abs().max()) < 1e-6
    torch.testing.assert_close(solution.warped, evaluation.warped)
    assert float(solution.evaluation.cost) == pytest.approx(solution.trace[-1][-1], rel=1e-9)


def test_a_cropped_grid_keeps_its_place():
    grid = Grid.from_spacing((8, 9), (2.0, 3.0))
    part = cropped(grid, (slice(2, 5), slice(4, 9)))
    assert part.shape == (3, 5)
    torch.testing.assert_close(part.affine[:2, 2], torch.tensor([4.0, 12.0], dtype=torch.float64))


def test_background_that_differs_across_the_image_is_kept(deformed_pair: Pairs):
    fixed, moving = (embedded(image, 30, 30) for image in deformed_pair((24, 24)))
    ramp = torch.linspace(0, 1, fixed.shape[-1], dtype=torch.float64)
    assert foreground(fixed[0] + ramp, moving[0], torch.eye(3, dtype=torch.float64), motion_voxels=0) is None
