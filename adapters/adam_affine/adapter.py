"""Adapter of the registration by Adam."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from typing_extensions import override

from adapters.coordinates import lps_matrix_transform
from adapters.interface import DifferentiableAdapter, Gradients, JsonValue, Problem, Registration, Resources
from adapters.options import Count, NonNegative, Positive
from adapters.tensors import image_tensor, tensor_index_to_lps


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AdamAffineParams:
    """Parameters of the registration by Adam.

    Attributes
    ----------
    model : str
        ``rigid``, ``similarity`` or ``affine``.
    iterations : tuple of int
        Most steps at each level, coarse to fine; every level has twice the resolution of the one before it, and the
        last is the images' own.
    learning_rates : tuple of float
        Adam's learning rate at each level, coarse to fine: about how far a step moves the border of the image, in
        units of half its longest side.
    l2 : float
        Weight of the squared parameters other than the translation, dimensionless as they are.
    tolerance : float
        A level ends early when its least cost has fallen by less than this share in ``patience`` steps.
    patience : int
        See ``tolerance``.
    interpolation : str
        ``linear`` or ``cubic``, of the moving image at full resolution. Linear is faster, but its gradient is not
        continuous, and so is not that through the solve.
    adjoint : str
        How gradients pass through the solve: ``checkpointed`` (every step computed once more, in the memory of one),
        ``unroll`` (the same numbers, in memory linear in the steps of a level), or ``none``, which leaves the backward
        pass out.
    unrolled_steps : int or None
        Go back through so many steps only, from the last; None takes all.
    """

    model: Literal["rigid", "similarity", "affine"] = "affine"
    iterations: Annotated[tuple[Count, ...], Field(min_length=1, max_length=12)] = (100, 100, 100)
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=12)] = (0.02, 0.01, 0.005)
    l2: NonNegative = 1e-3
    tolerance: NonNegative = 1e-6
    patience: Count = 10
    interpolation: Literal["linear", "cubic"] = "cubic"
    adjoint: Literal["checkpointed", "unroll", "none"] = "checkpointed"
    unrolled_steps: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> AdamAffineParams:
        if len(self.iterations) != len(self.learning_rates):
            raise ValueError(
                f"iterations has {len(self.iterations)} levels and learning_rates {len(self.learning_rates)}: "
                "give one number per level in both"
            )
        if self.adjoint == "none" and self.unrolled_steps is not None:
            raise ValueError("unrolled_steps has no effect with adjoint 'none'")
        return self


class AdamAffine(DifferentiableAdapter[AdamAffineParams]):
    """Rigid, similarity or affine registration by Adam, differentiable by unrolling its steps.

    It shares pyramid, interpolation and start with lmreg, so that what remains between the two is the optimiser, and
    the way to differentiate through it.
    """

    name = "adam_affine"
    requires = ("torch", "lmreg")
    devices = ("cpu", "cuda")
    Params = AdamAffineParams

    @property
    def differentiates(self) -> bool:
        """True unless the parameters leave the backward pass out."""
        return self.params.adjoint != "none"

    @override
    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Copy the images to tensors on the device; no random numbers are drawn."""
        import torch

        from adapters.adam_affine.solve import Images
        from lmreg.grid import Grid

        torch.set_num_threads(resources.threads)
        device = torch.device(resources.device)
        fixed, moving = (image_tensor(image, device)[0] for image in (problem.fixed, problem.moving))
        self._images = Images(
            fixed,
            moving,
            Grid(tuple(fixed.shape[1:]), tensor_index_to_lps(problem.fixed).to(device)),
            Grid(tuple(moving.shape[1:]), tensor_index_to_lps(problem.moving).to(device)),
        )

    def register(self) -> None:
        """Descend through the levels."""
        from adapters.adam_affine.descent import Schedule
        from adapters.adam_affine.maps import LinearMap
        from adapters.adam_affine.solve import solve, starting_parameters

        params = self.params
        schedules = [
            Schedule(steps, rate, params.tolerance, params.patience)
            for steps, rate in zip(params.iterations, params.learning_rates, strict=True)
        ]
        linear_map = LinearMap.about(params.model, self._images.fixed_grid)
        start = starting_parameters(self._images, linear_map)
        self._solution = solve(self._images, linear_map, start, params.l2, schedules, params.interpolation)

    def loss(self) -> float:
        """Mean squared error between the warped and the fixed image, over the whole fixed grid."""
        images, solution = self._images, self._solution
        return float(solution.squared_error(images.fixed, images.moving, solution.parameters))

    def backward(self) -> Gradients:
        """Backpropagate the mean squared error through Adam's steps to both images.

        Raises
        ------
        ValueError
            When the parameters leave the backward pass out.
        """
        from adapters.adam_affine.solve import error_gradient

        if self.params.adjoint == "none":
            raise ValueError("adjoint 'none' leaves the backward pass out")
        gradient = error_gradient(self._solution, self.params.adjoint, self.params.unrolled_steps)
        return Gradients(
            moving=gradient.moving[0].cpu().numpy(),
            fixed=gradient.fixed[0].cpu().numpy(),
            parameters=gradient.parameters.cpu().numpy(),
        )

    def result(self) -> Registration:
        """Bring the matrix to SimpleITK, with its exact inverse."""
        solution = self._solution
        transform = lps_matrix_transform(solution.matrix.cpu().numpy())
        trace = tuple(descent.costs for descent in solution.descents)
        statistics: dict[str, JsonValue] = {
            "iterations": sum(map(len, trace)),
            "final_cost": trace[-1][-1],
            "parameters": solution.parameters.numel(),
        }
        effective: dict[str, JsonValue] = {
            "model": self.params.model,
            "similarity": "ncc",
            "iterations": list(self.params.iterations),
            "learning_rates": list(self.params.learning_rates),
            "timed_part": "images are tensors before; pyramid and solve inside",
        }
        return Registration(transform, transform.GetInverse(), statistics, effective, trace)
