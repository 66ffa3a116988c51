"""Composed increments from coarse to fine, and backpropagation through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmreg.composition import CompositionLevel, Path, Step
from lmreg.diffeomorphic import Diffeomorphic, elasticity_of, nodes_of, unfolded
from lmreg.fields import affine_shares
from lmreg.levenberg_marquardt import Status
from lmreg.model import Level
from lmreg.pyramid import downsample
from lmreg.region import cropped
from lmreg.robust import Huber
from lmreg.sampling import Interpolant
from lmreg.similarity import Similarity

BACKGROUND_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class Fit:
    """Result of the composed increments.

    Attributes
    ----------
    displacement : Tensor
        At the nodes of full resolution, shape (dim, *nodes), in voxels.
    paths : tuple of Path
        How each level came there, from coarse to fine.
    """

    displacement: Tensor
    paths: tuple[Path, ...]

    @property
    def trace(self) -> tuple[tuple[float, ...], ...]:
        """Cost before each increment, per level."""
        return tuple(path.costs for path in self.paths)

    @property
    def status(self) -> Status:
        """How the last level ended."""
        return self.paths[-1].status


@dataclass(frozen=True, eq=False)
class Increments:
    """What composed increments depend on besides the two images.

    Attributes
    ----------
    options : Diffeomorphic
        Schedule and regularisation.
    levels : tuple of Level
        From coarse to fine.
    initial_mm : Tensor
        The linear map that follows the deformation: from fixed to moving millimetres.
    similarity : Similarity
        What is compared.
    huber : Huber or None
        Robust loss.
    weights : Tensor or None
        Weight of each voxel of the fixed image, shape (1, *spatial).
    """

    options: Diffeomorphic
    levels: tuple[Level, ...]
    initial_mm: Tensor
    similarity: Similarity
    huber: Huber | None
    weights: Tensor | None

    @torch.no_grad()
    def fit(self, fixed: Tensor, moving: Tensor) -> Fit:
        """Register one pair of images, shape (1, *spatial) each, level by level from coarse to fine.

        The steps on the way are kept where one of the images requires a gradient.
        """
        keep_steps = fixed.requires_grad or moving.requires_grad
        paths: list[Path] = []
        for number, level in enumerate(self.levels):
            stage = self._stage(level, *self._features(level, fixed, moving))
            if paths:
                displacement = self._carry(number, stage, paths[-1].displacement)
            else:
                displacement = fixed.new_zeros(fixed.ndim - 1, *stage.nodes.shape)
            schedule = self.options.schedule(level.number)
            paths.append(stage.descend(displacement, schedule, keep_steps=keep_steps))
        return Fit(unfolded(stage.nodes, paths[-1].displacement), tuple(paths))

    def backward(
        self, fixed: Tensor, moving: Tensor, fit: Fit, cotangent: Tensor, last: float
    ) -> tuple[Tensor | None, Tensor | None]:
        """Gradient in the two images of a function of the fit, through its last increments.

        Each increment is computed once more, so that beside the displacements only one of them lies in memory.

        Parameters
        ----------
        fixed, moving : Tensor
            As given to :meth:`fit`.
        fit : Fit
            What came out.
        cotangent : Tensor
            Gradient in ``fit.displacement``.
        last : float
            How many increments gradients pass through; all of them where there are fewer.

        Returns
        -------
        tuple of Tensor or None
            Gradients in the fixed and in the moving image, for those that require one.
        """
        images = [image.detach().requires_grad_(image.requires_grad) for image in (fixed, moving)]
        wanted = [image for image in images if image.requires_grad]
        totals = [torch.zeros_like(image) for image in wanted]
        cotangent = self._through_unfolding(fit, cotangent)
        for number in reversed(range(len(self.levels))):
            level, path = self.levels[number], fit.paths[number]
            with torch.enable_grad():
                features = self._features(level, *images)
                leaves = [part.detach().requires_grad_(part.requires_grad) for part in features]
                stage = self._stage(level, leaves[0], leaves[1])
            tracked = [leaf for leaf in leaves if leaf.requires_grad]
            sums = [torch.zeros_like(leaf) for leaf in tracked]
            by_increment = torch.zeros_like(cotangent)
            for step in reversed(path.steps):
                if last <= 0:
                    break
                last -= 1
                cotangent, by_increment = self._through_increment(
                    level, stage, step, tracked, sums, (cotangent, by_increment)
                )
            tracked_features = [part for part in features if part.requires_grad]
            found = torch.autograd.grad(tracked_features, wanted, sums)
            for total, part in zip(totals, found, strict=True):
                total.add_(part)
            if last <= 0 or number == 0:
                break
            cotangent = self._through_carry(number, stage, fit.paths[number - 1].displacement, cotangent)
        gradients = iter(totals)
        by_fixed, by_moving = (next(gradients) if image.requires_grad else None for image in images)
        return by_fixed, by_moving

    def _through_unfolding(self, fit: Fit, cotangent: Tensor) -> Tensor:
        final = fit.paths[-1].displacement.detach().requires_grad_()
        with torch.enable_grad():
            nodes = nodes_of(self.options, self.levels[-1].fixed, final)
            (through,) = torch.autograd.grad(unfolded(nodes, final), final, cotangent)
        return through

    def _through_increment(
        self,
        level: Level,
        stage: CompositionLevel,
        step: Step,
        features: list[Tensor],
        sums: list[Tensor],
        cotangents: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Add the features' share to their sums, and return those of the displacement and the increment before."""
        variable = step.displacement.detach().requires_grad_()
        carried = None if step.carried is None else step.carried.detach().requires_grad_()
        leaves = [variable] if carried is None else [variable, carried]
        with torch.enable_grad():
            after = stage.advance(Step(variable, carried), self.options.schedule(level.number))
            # What binds the fixed image to the similarity is shared by all increments of a level.
            found = torch.autograd.grad(after, [*leaves, *features], cotangents, retain_graph=True)
        for total, part in zip(sums, found[len(leaves) :], strict=True):
            total.add_(part)
        return found[0], torch.zeros_like(found[0]) if carried is None else found[1]

    def _through_carry(
        self, number: int, stage: CompositionLevel, coarse: Tensor, cotangent: Tensor
    ) -> Tensor:
        variable = coarse.detach().requires_grad_()
        with torch.enable_grad():
            (through,) = torch.autograd.grad(self._carry(number, stage, variable), variable, cotangent)
        return through

    def _carry(self, number: int, stage: CompositionLevel, coarse: Tensor) -> Tensor:
        """Displacement with which a level begins, from that with which the coarser one ended."""
        before = nodes_of(self.options, self.levels[number - 1].fixed, coarse)
        return stage.repaired(stage.nodes.carried_from(before, coarse))

    def _features(self, level: Level, fixed: Tensor, moving: Tensor) -> tuple[Tensor, Tensor]:
        """What is compared at a level."""
        by_fixed, by_moving = (
            self.similarity.features(downsample(image, grid.shape), grid.spacing_mm)
            for image, grid in ((fixed, level.fixed), (moving, level.moving))
        )
        return by_fixed, by_moving

    def _stage(self, level: Level, fixed: Tensor, moving: Tensor) -> CompositionLevel:
        weights = None if self.weights is None else downsample(self.weights, level.fixed.shape)
        box = _content_box(fixed.detach(), self.similarity.reach)
        nodes = nodes_of(self.options, level.fixed, fixed)
        grid = cropped(level.fixed, box)
        index_map = grid.index_map(level.moving, self.initial_mm)
        everything = (slice(None), *box)
        weights = None if weights is None else weights[everything]
        part = fixed[everything].contiguous()
        return CompositionLevel(
            nodes,
            nodes.interpolating.restricted(box),
            nodes.smooth.restricted(box),
            elasticity_of(self.options, level.fixed, nodes, 1.0),
            self.similarity.bind(part, weights, self.huber),
            Interpolant.from_image(moving, "linear"),
            affine_shares(grid.shape, index_map, fixed),
            index_map[: grid.dim, : grid.dim].to(fixed),
            float(part[0].numel() if weights is None else weights.sum()),
        )


def attach(fixed: Tensor, moving: Tensor, increments: Increments, fit: Fit, last: float) -> Tensor:
    """The displacement of a fit as part of the graph of its images, through its last increments."""
    displacement: Tensor = _Attach.apply(fixed, moving, increments, fit, last)  # type: ignore[no-untyped-call]
    return displacement


class _Attach(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, fixed: Tensor, moving: Tensor, increments: Increments, fit: Fit, last: float
    ) -> Tensor:
        ctx.save_for_backward(fixed, moving)
        ctx.increments, ctx.fit, ctx.last = increments, fit, last
        return fit.displacement.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        images = [
            image.detach().requires_grad_(needed)
            for image, needed in zip(ctx.saved_tensors, ctx.needs_input_grad[:2], strict=True)
        ]
        gradients = ctx.increments.backward(*images, ctx.fit, cotangent, ctx.last)
        return (*gradients, None, None, None)


def _content_box(fixed: Tensor, reach: int | None) -> tuple[slice, ...]:
    """Smallest box of voxels that tell anything: all of them, or those around what differs from the corner."""
    spatial = fixed.shape[1:]
    if reach is None:
        return tuple(slice(0, samples) for samples in spatial)
    corner = fixed[(slice(None), *(slice(0, 1),) * len(spatial))]
    content = ((fixed - corner).abs() > BACKGROUND_SHARE * fixed.std()).any(0)
    box = []
    for axis, samples in enumerate(spatial):
        others = [other for other in range(len(spatial)) if other != axis]
        inside = content.amax(others).nonzero()
        first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (0, samples - 1)
        box.append(slice(max(first - reach, 0), min(last + reach + 1, samples)))
    return tuple(box)
