"""One pair and one model: the sequence of objectives, and its solution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.grid import Grid
from lmreg.levenberg_marquardt import Descent, Status, Step, minimise
from lmreg.model import Level, Model
from lmreg.objective import SPECTRAL_UNKNOWNS, Evaluation, InnerSolver, Objective
from lmreg.pyramid import downsample, level_grid, level_spacing_mm
from lmreg.robust import Huber
from lmreg.sampling import Interpolant, Interpolation, sample
from lmreg.similarity import Hessian, Similarity

COARSE_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Images:
    """What the solution depends on, and can be differentiated by.

    Attributes
    ----------
    fixed, moving : Tensor
        Shape (1, *spatial) each.
    bending : Tensor
        Weight of the bending energy: a scalar, float64.
    start : Tensor or None
        Where the first stage begins, where that depends on the images itself.
    """

    fixed: Tensor
    moving: Tensor
    bending: Tensor
    start: Tensor | None = None


@dataclass(frozen=True)
class Stage:
    """Iterations on one objective.

    Attributes
    ----------
    level : Level
        Resolution.
    interpolation : "linear" or "cubic"
        Of the moving image.
    hessian : "gauss_newton" or "exact"
        Of the steps.
    tolerance : float
        See :func:`lmreg.levenberg_marquardt.minimise`.
    """

    level: Level
    interpolation: Interpolation
    hessian: Hessian
    tolerance: float


@dataclass(frozen=True, eq=False)
class Solution:
    """Where the solve ended, and how it came there.

    Attributes
    ----------
    evaluation : Evaluation
        Of the last objective, at the solution.
    warped : Tensor
        Moving image on the fixed grid, shape (1, *spatial).
    steps : tuple of (int, Step)
        Accepted steps with the number of their stage.
    trace : tuple of tuple of float
        Cost per stage.
    status : Status
        Of the last stage.
    """

    evaluation: Evaluation
    warped: Tensor
    steps: tuple[tuple[int, Step], ...]
    trace: tuple[tuple[float, ...], ...]
    status: Status


@dataclass(frozen=True, eq=False)
class Problem:
    """One pair of grids, one model, one similarity.

    Attributes
    ----------
    model : Model
        The transform model.
    stages : tuple of Stage
        Objectives in turn, coarse to fine.
    similarity : Similarity
        What is compared.
    huber : Huber or None
        Robust loss.
    weights : Tensor or None
        Weight of each voxel of the fixed image, shape (1, *spatial).
    iterations : int
        Most trial steps per stage.
    inner : InnerSolver
        Of steps with many unknowns.
    """

    model: Model
    stages: tuple[Stage, ...]
    similarity: Similarity
    huber: Huber | None
    weights: Tensor | None
    iterations: int
    inner: InnerSolver

    def objectives(self, images: Images) -> Iterator[Objective]:
        """Objective of each stage in turn; what stages of one level share is computed once."""
        level: Level | None = None
        for stage in self.stages:
            if stage.level is not level:
                level = stage.level
                moving, fixed, weights = self._at_level(level, images)
            yield self._assemble(stage, moving, fixed, weights, images)

    def final_objective(self, images: Images) -> Objective:
        """Objective of the last stage."""
        stage = self.stages[-1]
        return self._assemble(stage, *self._at_level(stage.level, images), images)

    def warp(self, objective: Objective, images: Images, evaluation_warped: Tensor, state: Tensor) -> Tensor:
        """Moving image at a state of the last objective, given its warped features."""
        if self.warps_image:
            return evaluation_warped
        interpolant = Interpolant.from_image(images.moving, self.stages[-1].interpolation)
        return sample(interpolant, objective.transform.positions(state))

    def warp_unsolved(self, images: Images, state: Tensor) -> Tensor:
        """Moving image at a state of the last stage, without evaluating the objective there."""
        stage = self.stages[-1]
        positions = self.model.at(stage.level, images.fixed).positions(state)
        return sample(Interpolant.from_image(images.moving, stage.interpolation), positions)

    @property
    def warps_image(self) -> bool:
        """Whether the features that are compared are the image itself."""
        return type(self.similarity).features is Similarity.features

    def solve(self, images: Images) -> Solution:
        """Run all stages, without a graph."""
        with torch.no_grad():
            descent: Descent | None = None
            state = self.model.start(self.stages[0].level)
            steps: list[tuple[int, Step]] = []
            trace = []
            for number, (stage, objective) in enumerate(
                zip(self.stages, self.objectives(images), strict=True)
            ):
                if number:
                    state = self.model.carry(state, self.stages[number - 1].level, stage.level)
                descent = minimise(objective, state, iterations=self.iterations, tolerance=stage.tolerance)
                state = descent.evaluation.state
                steps.extend((number, step) for step in descent.steps)
                trace.append(descent.trace)
            assert descent is not None
            warped = self.warp(objective, images, descent.evaluation.warped, state)
            return Solution(descent.evaluation, warped, tuple(steps), tuple(trace), descent.status)

    def _at_level(self, level: Level, images: Images) -> tuple[Tensor, Tensor, Tensor | None]:
        """Features of both images and weights of the voxels."""
        fixed, moving = (
            self.similarity.features(downsample(image, grid.shape), grid.spacing_mm)
            for image, grid in ((images.fixed, level.fixed), (images.moving, level.moving))
        )
        weights = None if self.weights is None else downsample(self.weights, level.fixed.shape)
        return moving, fixed, weights

    def _assemble(
        self, stage: Stage, moving: Tensor, fixed: Tensor, weights: Tensor | None, images: Images
    ) -> Objective:
        transform = self.model.at(stage.level, images.fixed)
        usable = transform.unknowns <= SPECTRAL_UNKNOWNS or self.inner.hessian == "exact"
        return Objective(
            Interpolant.from_image(moving, stage.interpolation),
            self.similarity.bind(fixed, weights, self.huber),
            transform,
            self.model.regularisation(stage.level, images.bending),
            stage.hessian if usable else "gauss_newton",
            self.inner,
        )


def pyramid_stages(
    fixed: Grid,
    moving: Grid,
    *,
    levels: int,
    interpolation: Interpolation,
    hessian: Hessian,
    tolerance: float,
) -> tuple[Stage, ...]:
    """Stages from coarse to fine, one per level.

    Coarse levels always run on the cubic interpolant: there the linear one blurs the moving image, which biases the
    solution.
    """
    stages = []
    for number in reversed(range(levels)):
        spacing = level_spacing_mm(fixed, moving, number)
        level = Level(number, level_grid(fixed, spacing, number), level_grid(moving, spacing, number))
        finest = number == 0
        stages.append(
            Stage(
                level,
                interpolation if finest else "cubic",
                hessian if finest else "exact",
                tolerance if finest else max(tolerance, COARSE_TOLERANCE),
            )
        )
    return tuple(stages)
