"""One pair and one model: the sequence of objectives, and its solution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from torch import Tensor

from lmreg.levenberg_marquardt import Descent, Status, Step, minimise
from lmreg.model import Level, Linear, Model
from lmreg.objective import DENSE_UNKNOWNS, SPECTRAL_UNKNOWNS, Evaluation, InnerSolver, Objective
from lmreg.pyramid import downsample
from lmreg.region import MOTION_VOXELS, Region, cropped, foreground, reached, support, whole
from lmreg.robust import Huber
from lmreg.sampling import Interpolant, Interpolation, sample
from lmreg.similarity import Similarity
from lmreg.stages import Stage


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

    def detached(self) -> Images:
        """The same numbers, outside any graph."""
        return Images(self.fixed.detach(), self.moving.detach(), self.bending.detach())


@dataclass(frozen=True, eq=False)
class Solution:
    """Where the solve ended, and how it came there.

    Attributes
    ----------
    state : Tensor
        The solution.
    warped : Tensor
        Moving image on the fixed grid, shape (1, *spatial).
    steps : tuple of (int, Step)
        Accepted steps with the number of their stage.
    trace : tuple of tuple of float
        Cost per stage.
    status : Status
        Of the last stage.
    evaluate : callable
        Makes the evaluation.
    """

    state: Tensor
    warped: Tensor
    steps: tuple[tuple[int, Step], ...]
    trace: tuple[tuple[float, ...], ...]
    status: Status
    evaluate: Callable[[], Evaluation]

    @cached_property
    def evaluation(self) -> Evaluation:
        """Of the last objective on all voxels, at the solution."""
        return self.evaluate()


@dataclass(frozen=True, eq=False)
class _LevelData:
    """What the stages of one level share.

    Attributes
    ----------
    level : Level
        Which level.
    features, fixed : Tensor
        Features of the moving and of the fixed image, shape (channels, *spatial).
    moving : Interpolant
        Of the features of the moving image.
    weights : Tensor or None
        Of the voxels, shape (1, *spatial).
    """

    level: Level
    features: Tensor
    fixed: Tensor
    moving: Interpolant
    weights: Tensor | None

    def interpolated(self, interpolation: Interpolation) -> _LevelData:
        """The same with another interpolation of the moving image."""
        if self.moving.stencil.interpolation == interpolation:
            return self
        return replace(self, moving=Interpolant.from_image(self.features, interpolation))


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
        for stage, data in self._prepared(images):
            yield self._assemble(stage, data, images, None)

    def final_objective(self, images: Images) -> Objective:
        """Objective of the last stage."""
        stage = self.stages[-1]
        return self._assemble(stage, self._at_level(stage, images), images, None)

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
            state = self.model.start(self.stages[0].level)
            steps: list[tuple[int, Step]] = []
            trace = []
            for number, (stage, data) in enumerate(self._prepared(images)):
                if number:
                    state = self.model.carry(state, self.stages[number - 1].level, stage.level)
                descent, objective, region = self._descend(stage, data, images, state)
                state = descent.evaluation.state
                steps.extend((number, step) for step in descent.steps)
                trace.append(descent.trace)
            if region is None:
                warped = self.warp(objective, images, descent.evaluation.warped, state)
            else:
                warped = self._completed(region, descent.evaluation, images)
        last = descent.evaluation
        evaluate = partial(self._evaluate, images.detached(), last.state, last.threshold)
        return Solution(
            state,
            warped,
            tuple(steps),
            tuple(trace),
            descent.status,
            evaluate if region is not None else lambda: last,
        )

    def _descend(
        self, stage: Stage, data: _LevelData, images: Images, state: Tensor
    ) -> tuple[Descent, Objective, Region | None]:
        """Iterations of one stage; on the voxels that decide, where it is known that they do."""
        region = self._region(stage, data, images, state, MOTION_VOXELS)
        while True:
            objective = self._assemble(stage, data, images, region)
            descent = minimise(objective, state, iterations=self.iterations, tolerance=stage.tolerance)
            if region is None or not region.background:
                return descent, objective, region
            after = self._region(stage, data, images, descent.evaluation.state, 0)
            if after is not None and region.covers(after.box):
                return descent, objective, region
            region = None

    def _region(
        self, stage: Stage, data: _LevelData, images: Images, state: Tensor, motion_voxels: int
    ) -> Region | None:
        """Voxels that decide a stage. The threshold of a robust loss follows all of them."""
        if not isinstance(self.model, Linear) or not self.similarity.pointwise or self.huber is not None:
            return None
        if data.weights is not None:
            return support(data.weights)
        if stage.level.number:
            return None
        index_map = stage.level.fixed.index_map(stage.level.moving, state)
        return foreground(data.fixed, images.moving, index_map, motion_voxels=motion_voxels)

    def _completed(self, region: Region, evaluation: Evaluation, images: Images) -> Tensor:
        """Warped image on the whole fixed grid from that on a part of it."""
        level, state = self.stages[-1].level, evaluation.state
        shape = level.fixed.shape
        box = reached(shape, images.moving, level.fixed.index_map(level.moving, state)) or whole(shape)
        warped = images.moving.reshape(-1)[0].expand(1, *shape).contiguous()
        if not region.covers(box):
            transform = self.model.at(replace(level, fixed=cropped(level.fixed, box)), images.fixed)
            interpolant = Interpolant.from_image(images.moving, self.stages[-1].interpolation)
            warped[(slice(None), *box)] = sample(interpolant, transform.positions(state))
        warped[(slice(None), *region.box)] = evaluation.warped
        return warped

    def _evaluate(self, images: Images, state: Tensor, threshold: Tensor | None) -> Evaluation:
        with torch.no_grad():
            return self.final_objective(images).evaluate(state, threshold, bent=True)

    def _prepared(self, images: Images) -> Iterator[tuple[Stage, _LevelData]]:
        data: _LevelData | None = None
        for stage in self.stages:
            if data is None or stage.level is not data.level:
                data = self._at_level(stage, images)
            data = data.interpolated(stage.interpolation)
            yield stage, data

    def _at_level(self, stage: Stage, images: Images) -> _LevelData:
        level = stage.level
        fixed, moving = (
            self.similarity.features(downsample(image, grid.shape), grid.spacing_mm)
            for image, grid in ((images.fixed, level.fixed), (images.moving, level.moving))
        )
        weights = None if self.weights is None else downsample(self.weights, level.fixed.shape)
        return _LevelData(level, moving, fixed, Interpolant.from_image(moving, stage.interpolation), weights)

    def _assemble(self, stage: Stage, data: _LevelData, images: Images, region: Region | None) -> Objective:
        level, fixed, weights = data.level, data.fixed, data.weights
        if region is not None:
            fixed = region.crop(fixed).contiguous()
            weights = region.weights(fixed) if weights is None else region.crop(weights)
            level = replace(level, fixed=cropped(level.fixed, region.box))
        transform = self.model.at(level, images.fixed)
        term = self.similarity.bind(fixed, weights, self.huber)
        assembled = transform.unknowns <= (DENSE_UNKNOWNS if term.exact else SPECTRAL_UNKNOWNS)
        usable = assembled or self.inner.hessian == "exact"
        return Objective(
            data.moving,
            term,
            transform,
            self.model.regularisation(stage.level, images.bending),
            stage.hessian if usable else "gauss_newton",
            self.inner,
        )
