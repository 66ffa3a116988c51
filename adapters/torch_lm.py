"""Adapter for lmreg, the differentiable Levenberg-Marquardt registration of this repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import SimpleITK as sitk
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from adapters.coordinates import lps_matrix_transform
from adapters.interface import DifferentiableAdapter, Gradients, JsonValue, Problem, Registration, Resources
from adapters.options import Count, NonNegative, Positive
from adapters.tensors import image_tensor, tensor_index_to_lps, voxel_field_transform

if TYPE_CHECKING:
    import lmreg

ModelName = Literal["translation", "rigid", "similarity", "affine", "bspline", "diffeomorphic"]
LINEAR = frozenset({"translation", "rigid", "similarity", "affine"})


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DiffeomorphicParams:
    """Options of the diffeomorphic model; None stands for lmreg's default.

    Attributes
    ----------
    node_spacing_voxels : float or None
        Distance of the nodes that carry the displacement, in voxels of each level.
    membrane : float or None
        Weight of the squared derivatives of the displacement, dimensionless.
    volume : float or None
        Weight of the penalty on volume change, dimensionless.
    damping : float or None
        Weight of the squared derivatives of each increment (fluid regularisation), dimensionless.
    relaxation : float or None
        Factor on each increment, between 0 and 2.
    momentum : float or None
        Share of an increment that is added to the next one while the cost falls.
    inner_iterations : int or None
        Conjugate gradient iterations per increment.
    iterations : tuple of int or None
        Most increments at full resolution, at half of it, and so on.
    tolerance : float or None
        A level ends when an increment brings the cost down by less than this share.
    polish : int or None
        Most Levenberg-Marquardt steps on the objective itself at the end.
    """

    node_spacing_voxels: Annotated[float, Field(ge=1)] | None = None
    membrane: Positive | None = None
    volume: Positive | None = None
    damping: Positive | None = None
    relaxation: Annotated[float, Field(gt=0, lt=2)] | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    inner_iterations: Count | None = None
    iterations: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    tolerance: Positive | None = None
    polish: Annotated[int, Field(ge=0)] | None = None

    def options(self) -> lmreg.Diffeomorphic:
        """Return lmreg's own object."""
        import lmreg

        given: dict[str, Any] = {
            "node_spacing": self.node_spacing_voxels,
            "membrane": self.membrane,
            "volume": self.volume,
            "damping": self.damping,
            "relaxation": self.relaxation,
            "momentum": self.momentum,
            "inner_iterations": self.inner_iterations,
            "iterations": self.iterations,
            "tolerance": self.tolerance,
            "polish": self.polish,
        }
        return lmreg.Diffeomorphic(**{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TorchLMParams:
    """Parameters of lmreg.

    Attributes
    ----------
    model : str or tuple of str
        ``translation``, ``rigid``, ``similarity``, ``affine``, ``bspline`` or ``diffeomorphic``, or several run in
        turn.
    similarity : str
        ``ssd``, ``ncc``, ``lncc`` (local correlation) or ``mind`` (MIND-SSC, across modalities).
    robust : bool
        Huber's loss on the residuals, with its threshold from their spread.
    levels : int
        Resolutions of the pyramid.
    control_points : int or tuple of int or None
        ``bspline``: control points along every axis, or per axis x, y(, z).
    control_spacing_mm : float or None
        ``bspline``: distance of control points at full resolution; a twelfth of the longest side by default.
    bending : float or None
        ``bspline``: weight of the bending energy, dimensionless; 0.3 by default.
    diffeomorphic : DiffeomorphicParams
        ``diffeomorphic``: its own options.
    interpolation : str
        ``linear`` or ``cubic``, of the moving image at the end of full resolution.
    iterations : int or None
        Most trial steps per level of the models before ``diffeomorphic``; 50 by default.
    tolerance : float or None
        Share of the cost below which they, and the polish of ``diffeomorphic``, have converged; 1e-6 by default.
    use_fixed_mask : bool
        Count residuals inside the fixed mask only.
    adjoint : str or None
        How gradients pass through the solve: ``implicit`` (exact Hessian), ``implicit_gauss_newton``, ``truncated``
        or ``unroll``; ``none`` leaves the backward pass out; None stands for lmreg's default.
    truncated_steps : int
        ``truncated``: how many steps.
    """

    model: ModelName | Annotated[tuple[ModelName, ...], Field(min_length=1)] = "bspline"
    similarity: Literal["ssd", "ncc", "lncc", "mind"] = "ssd"
    robust: bool = False
    levels: Count = 4
    control_points: Count | Annotated[tuple[Count, ...], Field(min_length=2, max_length=3)] | None = None
    control_spacing_mm: Positive | None = None
    bending: NonNegative | None = None
    diffeomorphic: DiffeomorphicParams = DiffeomorphicParams()
    interpolation: Literal["linear", "cubic"] = "cubic"
    iterations: Count | None = None
    tolerance: Positive | None = None
    use_fixed_mask: bool = False
    adjoint: Literal["implicit", "implicit_gauss_newton", "truncated", "unroll", "none"] | None = None
    truncated_steps: Count = 5

    @model_validator(mode="after")
    def _consistent(self) -> TorchLMParams:
        if self.control_points is not None and self.control_spacing_mm is not None:
            raise ValueError("control_points and control_spacing_mm are both given: choose one")
        if "diffeomorphic" not in self.models and self.diffeomorphic != DiffeomorphicParams():
            raise ValueError("diffeomorphic options go with model 'diffeomorphic'")
        if "diffeomorphic" in self.models and not self.diffeomorphic.polish and self._implicit:
            raise ValueError(
                f"adjoint {self.adjoint!r} needs diffeomorphic.polish > 0: increments stop early"
            )
        for name in ("control_points", "control_spacing_mm", "bending"):
            if "bspline" not in self.models and getattr(self, name) is not None:
                raise ValueError(f"{name} goes with model 'bspline'{self._counterpart(name)}")
        if set(self.models) == {"diffeomorphic"}:
            if self.iterations is not None:
                raise ValueError(f"iterations: not used by 'diffeomorphic'{self._counterpart('iterations')}")
            if self.tolerance is not None and not self.diffeomorphic.polish:
                raise ValueError(f"tolerance: not used without polish{self._counterpart('tolerance')}")
        return self

    def _counterpart(self, name: str) -> str:
        """Where an option of the other models has its like."""
        if "diffeomorphic" not in self.models:
            return ""
        like = {
            "control_points": "node_spacing_voxels",
            "control_spacing_mm": "node_spacing_voxels",
            "bending": "membrane and volume",
        }
        return f"; the diffeomorphic model has {like.get(name, name)} under 'diffeomorphic'"

    @property
    def _implicit(self) -> bool:
        return self.adjoint in ("implicit", "implicit_gauss_newton")

    @property
    def models(self) -> tuple[ModelName, ...]:
        """The models in the order in which they run."""
        return (self.model,) if isinstance(self.model, str) else self.model


class TorchLM(DifferentiableAdapter[TorchLMParams]):
    """lmreg: Levenberg-Marquardt registration in PyTorch, differentiable through the solve."""

    name = "torch_lm"
    requires = ("torch", "lmreg")
    devices = ("cpu", "cuda")
    Params = TorchLMParams

    @property
    def differentiates(self) -> bool:
        """True unless the parameters leave the backward pass out."""
        return self.params.adjoint != "none"

    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:  # noqa: ARG002
        """Copy images and mask to tensors on the device; lmreg draws no random numbers."""
        import torch

        torch.set_num_threads(resources.threads)
        self._grids = (problem.fixed, problem.moving)
        device = torch.device(resources.device)
        self._fixed, self._moving = (
            image_tensor(image, device).requires_grad_(self.differentiates) for image in self._grids
        )
        mask = problem.fixed_mask if self.params.use_fixed_mask else None
        self._mask = None if mask is None else image_tensor(mask, device)
        self._affines = [tensor_index_to_lps(image).to(device) for image in self._grids]

    def register(self) -> None:
        """Run ``lmreg.register``."""
        import lmreg

        params = self.params
        models = [
            params.diffeomorphic.options() if name == "diffeomorphic" else name for name in params.models
        ]
        points = params.control_points
        self._result = lmreg.register(
            self._fixed,
            self._moving,
            model=models,
            similarity=params.similarity,
            fixed_affine=self._affines[0],
            moving_affine=self._affines[1],
            levels=params.levels,
            control_points=points[::-1] if isinstance(points, tuple) else points,
            control_spacing=params.control_spacing_mm,
            bending=params.bending,
            fixed_mask=self._mask,
            interpolation=params.interpolation,
            robust=lmreg.Huber() if params.robust else None,
            adjoint=_adjoint(params),
            iterations=params.iterations,
            tolerance=params.tolerance,
        )

    def loss(self) -> float:
        """Mean squared error between the warped and the fixed image, over the whole fixed grid."""
        difference = self._result.warped.detach().double() - self._fixed.detach().double()
        return float(difference.square().mean())

    def backward(self) -> Gradients:
        """Backpropagate the mean squared error to both images, and to the parameters with the images held fixed."""
        import torch

        import lmreg

        result = self._result
        error = (result.warped - self._fixed).square().mean()
        moving, fixed = torch.autograd.grad(error, [self._moving, self._fixed], retain_graph=True)
        warped = lmreg.warp(
            self._moving.detach(),
            result.displacement,
            fixed_affine=self._affines[0],
            image_affine=self._affines[1],
            interpolation=self.params.interpolation,
        )
        error = (warped - self._fixed.detach()).square().mean()
        (parameters,) = torch.autograd.grad(error, result.parameters, retain_graph=True)
        return Gradients(
            moving=moving[0, 0].cpu().numpy(),
            fixed=fixed[0, 0].cpu().numpy(),
            parameters=parameters.cpu().numpy().ravel(),
        )

    def result(self) -> Registration:
        """Bring the transform to SimpleITK: a matrix, or the displacement at every voxel of the fixed grid."""
        result = self._result
        trace = result.trace[0]
        statistics: dict[str, JsonValue] = {
            "status": result.status[0].value,
            "iterations": sum(max(len(level) - 1, 0) for level in trace),
            "final_cost": trace[-1][-1] if trace and trace[-1] else None,
            "parameters": result.parameters[0].numel(),
        }
        effective: dict[str, JsonValue] = {
            "models": list(self.params.models),
            "similarity": self.params.similarity,
            "levels": self.params.levels,
            "timed_part": "images are tensors before; pyramid, solve, warped image and displacement field inside",
        }
        fixed, moving = self._grids
        if set(self.params.models) <= LINEAR:
            transform: sitk.Transform = lps_matrix_transform(result.matrix[0].detach().cpu().numpy())
            inverse: sitk.Transform = transform.GetInverse()
        else:
            transform = voxel_field_transform(result.displacement[0], fixed)
            inverse = voxel_field_transform(result.inverse_displacement[0], moving)
        return Registration(transform, inverse, statistics, effective, trace)


def _adjoint(params: TorchLMParams) -> lmreg.Adjoint | None:
    import lmreg

    match params.adjoint:
        case "implicit":
            return lmreg.Implicit()
        case "implicit_gauss_newton":
            return lmreg.Implicit(hessian="gauss_newton")
        case "truncated":
            return lmreg.Truncated(params.truncated_steps)
        case "unroll":
            return lmreg.Unroll()
        case _:
            return None
