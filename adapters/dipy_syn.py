"""Adapter for DIPY's symmetric diffeomorphic registration (SyN)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from typing_extensions import override

from adapters.coordinates import axes_to_lps, grid_array, grid_field_transform, index_to_lps
from adapters.interface import Adapter, JsonValue, Problem, Registration, Resources
from adapters.options import (
    Count,
    Iterations,
    NonNegative,
    Positive,
    powers_of_two,
    reject_foreign_options,
)
from adapters.schedule import Schedule

CC = frozenset({"cc"})
SSD = frozenset({"ssd"})
EM = frozenset({"em"})

OWNERS = {
    "cc_radius": CC,
    "update_sigma_voxels": CC | SSD,
    "step_type": SSD | EM,
    "smoothness": SSD | EM,
    "inner_iterations": SSD | EM,
    "quantization_levels": EM,
}

DEFAULT_CC_RADIUS = 4
DEFAULT_SIGMA_VOXELS = {"cc": 2.0, "ssd": 4.0}
DEFAULT_STEP_TYPE = {"ssd": "demons", "em": "gauss_newton"}
DEFAULT_SMOOTHNESS = {"ssd": 4.0, "em": 1.0}
DEFAULT_INNER_ITERATIONS = {"ssd": 10, "em": 5}
DEFAULT_QUANTIZATION_LEVELS = 256
# Iterations over which DIPY fits the slope of its energy; it offers no choice.
ENERGY_WINDOW = 12


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DipySynParams:
    """Parameters of DIPY's SyN; None stands for DIPY's default for the chosen metric.

    Attributes
    ----------
    metric : str
        ``cc``: local cross correlation; ``ssd``: squared differences; ``em``: expectation maximisation, for
        two modalities; ``mi``: mutual information, with DIPY's settings, where the installed DIPY has
        ``MIMetric``.
    iterations : tuple of int
        The most iterations per level, coarse to fine, as DIPY's ``level_iters`` is read by its code.
    step_length_voxels : float
        Longest vector of an update.
    scale_space_sigma_factor : float
        Pyramid smoothing: this times (2^level − 1) voxels, standard deviation.
    energy_tolerance : float
        Slope of the energy at which a level stops.
    cc_radius : int or None
        ``cc``: half width of the window in voxels, 4 by default.
    update_sigma_voxels : float or None
        Gaussian smoothing of each update, standard deviation in voxels: DIPY's ``sigma_diff`` for ``cc``, 2
        by default; its ``smooth`` for ``ssd`` with step ``demons``, 4 by default.
    step_type : str or None
        ``demons`` (default of ``ssd``) or ``gauss_newton`` (default of ``em``).
    smoothness : float or None
        Weight of the smoothness term of a ``gauss_newton`` step, without unit: 4 for ``ssd``, 1 for ``em``.
    inner_iterations : int or None
        Relaxations per ``gauss_newton`` step: 10 for ``ssd``, 5 for ``em``.
    quantization_levels : int or None
        ``em``: grey levels of the transfer function, 256 by default.
    """

    metric: Literal["cc", "ssd", "em", "mi"] = "cc"
    iterations: Iterations = (100, 100, 25)
    step_length_voxels: Positive = 0.25
    scale_space_sigma_factor: NonNegative = 0.2
    energy_tolerance: Positive = 1e-5
    cc_radius: Count | None = None
    update_sigma_voxels: NonNegative | None = None
    step_type: Literal["demons", "gauss_newton"] | None = None
    smoothness: Positive | None = None
    inner_iterations: Count | None = None
    quantization_levels: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> DipySynParams:
        reject_foreign_options(self, "metric", OWNERS)
        smoothed_by_weight = self.resolved_step_type == "gauss_newton"
        if smoothed_by_weight and self.update_sigma_voxels is not None:
            raise ValueError("update_sigma_voxels has no effect on a gauss_newton step; give smoothness")
        if not smoothed_by_weight and (self.smoothness is not None or self.inner_iterations is not None):
            raise ValueError("smoothness and inner_iterations go with step_type 'gauss_newton'")
        if self.metric == "em" and self.step_type == "demons":
            raise ValueError("metric 'em' is offered with step_type 'gauss_newton', DIPY's default, alone")
        return self

    @property
    def resolved_step_type(self) -> str | None:
        """Kind of step for ``ssd`` and ``em``, None for the others."""
        return self.step_type or DEFAULT_STEP_TYPE.get(self.metric)


class DipySyn(Adapter[DipySynParams]):
    """Symmetric normalisation (Avants et al., Med. Image Anal. 2008) as implemented in DIPY.

    Timed: scale space, optimisation, and the inverse that the algorithm keeps at every step. DIPY's SyN runs
    mostly on one thread; what there is of OpenMP and BLAS is held to the given number. No linear stage: the
    pair is taken as prealigned. The fields live on the fixed grid; beyond it both maps are the identity.
    Masks are ignored.

    World coordinates handed to DIPY are millimetres along the fixed image's axes, not RAS. ``em`` in DIPY
    1.12 adds gradients along the grid to gradients in the world, and diverges where the two frames differ; to
    the other metrics the choice is indifferent.
    """

    name = "dipy_syn"
    requires = ("dipy",)
    Params = DipySynParams

    @override
    def unavailable(self) -> str | None:
        """Return a reason when the installed DIPY has no such metric."""
        if self.params.metric == "mi" and not self._has_mutual_information():
            return f"DIPY {version('dipy')} has no MIMetric for SyN; use metric cc, ssd or em"
        return None

    @override
    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason when the coarsest level is smaller than the window."""
        if reason := super().unsupported(problem):
            return reason
        if self.params.metric == "cc":
            width = 2 * self._cc_radius + 1
            coarsest = self._coarsest_size(problem)
            if min(coarsest) < width:
                return (
                    f"cc_radius {self._cc_radius} needs {width} voxels along each axis at coarsest level, "
                    f"which has {coarsest}; use fewer levels or a smaller radius"
                )
        return None

    @override
    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Make arrays, with affines to the fixed image's frame. SyN draws no random numbers."""
        import dipy.align.imwarp  # noqa: F401 - imported before it is timed, and before threads are limited
        from threadpoolctl import threadpool_limits

        threadpool_limits(limits=resources.threads)
        self._threads = resources.threads
        self._grid = problem.fixed
        to_frame = np.linalg.inv(axes_to_lps(problem.fixed))
        self._static, self._static_affine = grid_array(problem.fixed), to_frame @ index_to_lps(problem.fixed)
        self._moving, self._moving_affine = (
            grid_array(problem.moving),
            to_frame @ index_to_lps(problem.moving),
        )

    def register(self) -> None:
        """Run the pyramid."""
        from dipy.align import VerbosityLevels
        from dipy.align.imwarp import RegistrationStages, SymmetricDiffeomorphicRegistration

        energies: list[tuple[float, ...]] = []

        def note_energies(optimizer: Any, stage: int) -> None:
            if stage == RegistrationStages.SCALE_END:
                energies.append(tuple(float(energy) for energy in optimizer.energy_list))

        optimizer = SymmetricDiffeomorphicRegistration(
            self._metric(),
            level_iters=list(self.params.iterations),
            step_length=self.params.step_length_voxels,
            ss_sigma_factor=self.params.scale_space_sigma_factor,
            opt_tol=self.params.energy_tolerance,
            callback=note_energies,
        )
        optimizer.verbosity = VerbosityLevels.NONE
        self._mapping = optimizer.optimize(
            self._static,
            self._moving,
            static_grid2world=self._static_affine,
            moving_grid2world=self._moving_affine,
        )
        self._optimizer, self._energies = optimizer, tuple(energies)

    def result(self) -> Registration:
        """Turn DIPY's forward and backward fields, in mm along the fixed image's axes, into transforms."""
        costs = [level[-1] for level in self._energies if level]
        return Registration(
            grid_field_transform(self._mapping.get_forward_field(), self._grid),
            inverse=grid_field_transform(self._mapping.get_backward_field(), self._grid),
            statistics={
                "iterations": sum(len(level) for level in self._energies),
                "final_cost": costs[-1] if costs else None,
            },
            effective=self._effective(),
            trace=self._energies,
            schedule=schedule.as_json() if (schedule := self._schedule()) else {},
        )

    @property
    def _cc_radius(self) -> int:
        return self.params.cc_radius or DEFAULT_CC_RADIUS

    def _has_mutual_information(self) -> bool:
        import dipy.align.metrics

        return hasattr(dipy.align.metrics, "MIMetric")

    def _coarsest_size(self, problem: Problem) -> tuple[int, ...]:
        """Size of DIPY's coarsest level: isotropic voxels, 2^(levels−1) times the smallest spacing."""
        spacing = problem.fixed.GetSpacing()
        coarse_mm = min(spacing) * 2 ** (len(self.params.iterations) - 1)
        if len(self.params.iterations) == 1:
            return tuple(problem.fixed.GetSize())
        return tuple(
            int(size * mm / coarse_mm + 0.5)
            for size, mm in zip(problem.fixed.GetSize(), spacing, strict=True)
        )

    def _metric(self) -> Any:
        from dipy.align import metrics

        dimension = self._static.ndim
        options = self._metric_options()
        if self.params.metric == "cc":
            return metrics.CCMetric(dimension, **options)
        if self.params.metric == "ssd":
            return metrics.SSDMetric(dimension, **options)
        if self.params.metric == "em":
            return metrics.EMMetric(dimension, **options)
        return metrics.MIMetric(dimension)

    def _metric_options(self) -> dict[str, Any]:
        """Return the metric's arguments in DIPY's words."""
        params, metric = self.params, self.params.metric
        sigma_voxels = params.update_sigma_voxels
        if sigma_voxels is None:
            sigma_voxels = DEFAULT_SIGMA_VOXELS.get(metric)
        if metric == "mi":
            return {}
        if metric == "cc":
            return {"radius": self._cc_radius, "sigma_diff": sigma_voxels}
        if params.resolved_step_type == "demons":
            return {"smooth": sigma_voxels, "step_type": "demons"}
        options: dict[str, Any] = {
            "smooth": params.smoothness or DEFAULT_SMOOTHNESS[metric],
            "inner_iter": params.inner_iterations or DEFAULT_INNER_ITERATIONS[metric],
            "step_type": "gauss_newton",
        }
        if metric == "em":
            options["q_levels"] = params.quantization_levels or DEFAULT_QUANTIZATION_LEVELS
        return options

    def _schedule(self) -> Schedule | None:
        """Return the schedule in common units; None where steps are smoothed by a weight instead of a Gaussian."""
        options = self._metric_options()
        # DIPY smooths the update itself and nothing else: its fields are only ever composed.
        word = {"cc": "sigma_diff", "ssd": "smooth"}.get(self.params.metric)
        if word is None or options.get("step_type") == "gauss_newton":
            return None
        params, levels = self.params, len(self.params.iterations)
        factors = powers_of_two(levels)
        sigmas = tuple(params.scale_space_sigma_factor * (factor - 1) for factor in factors)
        local = params.metric == "cc"
        return Schedule(
            similarity="local cross-correlation" if local else "squared differences",
            window_voxels=2 * self._cc_radius + 1 if local else None,
            iterations=params.iterations,
            shrink_factors=factors,
            pyramid_sigmas_voxels=sigmas,
            longest_update_voxels=params.step_length_voxels,
            update_sigma_voxels=float(options[word]),
            total_sigma_voxels=0.0,
            stops_early=f"slope of the energy over {ENERGY_WINDOW} iterations below {params.energy_tolerance:g}",
            threads=self._threads,
            own_words={
                **({"window_voxels": f"radius {self._cc_radius}"} if local else {}),
                "iterations": f"level_iters {list(params.iterations)}",
                "pyramid_sigmas_voxels": f"ss_sigma_factor {params.scale_space_sigma_factor:.4g}",
                "longest_update_voxels": f"step_length {params.step_length_voxels:g}",
                "update_sigma_voxels": f"{word} {options[word]:g}, a standard deviation",
                "total_sigma_voxels": "not offered",
                "stops_early": f"opt_tol {params.energy_tolerance:g}",
            },
        )

    def _effective(self) -> dict[str, JsonValue]:
        return {
            "metric": type(self._optimizer.metric).__name__,
            **self._metric_options(),
            "level_iters": list(self.params.iterations),
            "step_length": self.params.step_length_voxels,
            "ss_sigma_factor": self.params.scale_space_sigma_factor,
            "opt_tol": self.params.energy_tolerance,
            "inv_iter": int(self._optimizer.inv_iter),
            "inv_tol": float(self._optimizer.inv_tol),
            "threads": self._threads,
        }
