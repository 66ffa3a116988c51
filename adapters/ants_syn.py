"""Adapter for ANTs through ANTsPy: SyN, and the linear models beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, Literal

import SimpleITK as sitk
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from adapters.coordinates import lps_field_transform
from adapters.interface import Adapter, JsonValue, Problem, Registration, Resources
from adapters.options import (
    Count,
    Fraction,
    Initialization,
    Iterations,
    NonNegative,
    Positive,
    descending_sigmas,
    positive_seed,
    powers_of_two,
    reject_foreign_options,
)
from adapters.schedule import Schedule

LINEAR = frozenset({"Translation", "Rigid", "Similarity", "Affine"})
DEFORMABLE = frozenset({"SyN", "SyNOnly"})
WITH_LINEAR_STAGE = LINEAR | {"SyN"}

OWNERS = {
    "cc_radius": DEFORMABLE,
    "gradient_step": DEFORMABLE,
    "update_sigma_voxels": DEFORMABLE,
    "total_sigma_voxels": DEFORMABLE,
    "sampling_fraction": WITH_LINEAR_STAGE,
}

DEFAULT_DEFORMABLE_ITERATIONS = (100, 70, 50, 20)
DEFAULT_LINEAR_ITERATIONS = (2100, 1200, 1200, 10)
LINEAR_SHRINK_FACTORS = (6, 4, 2, 1)
DEFAULT_CC_RADIUS = 2
DEFAULT_HISTOGRAM_BINS = 32
DEFAULT_GRADIENT_STEP = 0.2
DEFAULT_UPDATE_SIGMA_VOXELS = 3.0**0.5
DEFAULT_SAMPLING_FRACTION = 0.2

ANTS_METRICS = {"cc": "CC", "mattes": "mattes", "mean_squares": "meansquares", "correlation": "GC"}
SIMILARITIES = {
    "cc": "local cross-correlation",
    "mattes": "mutual information",
    "mean_squares": "squared differences",
}
CONVERGENCE = "slope of the energy over 8 iterations below 1e-07"
THREADS_VARIABLE = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AntsSynParams:
    """Parameters of the ANTs adapter; None stands for the default of the chosen model.

    Defaults are those of the ``antsRegistrationSyN`` recipe for deformable and of ``ants.registration`` for
    linear models.

    Attributes
    ----------
    model : str
        In ANTs' words: ``SyNOnly`` (deformable alone), ``SyN`` (an affine stage of ANTs' own schedule first),
        ``Translation``, ``Rigid``, ``Similarity``, ``Affine``.
    metric : str or None
        Of the deformable stage: ``cc`` (default), ``mattes`` or ``mean_squares``; of a linear model:
        ``mattes`` (default), ``mean_squares`` or ``correlation``. The affine stage of ``SyN`` always uses
        ``mattes``.
    iterations : tuple of int or None
        The most iterations per level, coarse to fine; (100, 70, 50, 20) for deformable and (2100, 1200, 1200,
        10) for linear models. ANTs subsamples deformable levels by 2^(levels−1), ..., 2, 1 and smooths by
        levels−1, ..., 1, 0 voxels.
    cc_radius : int or None
        ``cc``: half width of the window in voxels, 2 by default.
    histogram_bins : int or None
        ``mattes``: 32 by default.
    gradient_step : float or None
        Length of a SyN update in voxels, ANTs' gradient step; 0.2 by default.
    update_sigma_voxels : float or None
        Gaussian smoothing of each update (fluid), standard deviation in voxels; √3 by default. ANTs'
        ``flow_sigma`` is its square.
    total_sigma_voxels : float or None
        Gaussian smoothing of the total field (elastic), standard deviation in voxels; 0 by default. ANTs'
        ``total_sigma`` is its square.
    sampling_fraction : float or None
        Share of the voxels that linear stages sample, on a regular pattern; 0.2 by default.
    initialization : str or None
        ``identity`` (default of ``SyNOnly``), ``geometry``: centres of the grids, ``moments``: centres of
        mass (default of the others).
    use_fixed_mask : bool
        Count the metric inside the fixed mask only.
    """

    model: Literal["SyNOnly", "SyN", "Translation", "Rigid", "Similarity", "Affine"] = "SyNOnly"
    metric: Literal["cc", "mattes", "mean_squares", "correlation"] | None = None
    iterations: Iterations | None = None
    cc_radius: Count | None = None
    histogram_bins: Count | None = None
    gradient_step: Positive | None = None
    update_sigma_voxels: NonNegative | None = None
    total_sigma_voxels: NonNegative | None = None
    sampling_fraction: Fraction | None = None
    initialization: Initialization | None = None
    use_fixed_mask: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> AntsSynParams:
        reject_foreign_options(self, "model", OWNERS)
        if self.deformable and self.metric == "correlation":
            raise ValueError("metric 'correlation' is for linear models; for SyN use 'cc'")
        if not self.deformable and self.metric == "cc":
            raise ValueError("metric 'cc' is for SyN; for linear models use 'correlation'")
        if self.cc_radius is not None and self.resolved_metric != "cc":
            raise ValueError("cc_radius has no effect without metric 'cc'")
        if self.histogram_bins is not None and self.resolved_metric != "mattes":
            raise ValueError("histogram_bins has no effect without metric 'mattes'")
        return self

    @property
    def deformable(self) -> bool:
        """Whether the model ends in a SyN stage."""
        return self.model in DEFORMABLE

    @property
    def linear_stage_by_mattes(self) -> bool:
        """Whether a linear stage uses mutual information."""
        return self.model == "SyN" or (not self.deformable and self.resolved_metric == "mattes")

    @property
    def resolved_metric(self) -> str:
        """Metric of the deformable stage or of the linear model."""
        return self.metric or ("cc" if self.deformable else "mattes")

    @property
    def level_iterations(self) -> tuple[int, ...]:
        """Iterations per level, coarse to fine."""
        if self.iterations is not None:
            return self.iterations
        return DEFAULT_DEFORMABLE_ITERATIONS if self.deformable else DEFAULT_LINEAR_ITERATIONS


class AntsSyn(Adapter[AntsSynParams]):
    """Symmetric normalisation (Avants et al., Med. Image Anal. 2008) by ``ants.registration``.

    Timed: everything inside ``ants.registration``, which others do outside: it copies both images, resamples
    each to the other's grid, keeps the inverse, and writes forward and inverse fields as compressed files.
    Those go to a folder of their own that is removed once the result is read. ANTs tells no iteration counts
    through this interface, and takes its threads from an environment variable before its first use in a
    process.

    The same seed gives the same answer bit for bit, but for linear stages with ``mattes`` (that of ``SyN``
    included) on more than one thread: they sum in varying order, and answers were seen to differ by up to 0.3
    mm.
    """

    name = "ants_syn"
    requires = ("ants",)
    Params = AntsSynParams

    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Copy images into ANTs' form and set its seed."""
        os.environ[THREADS_VARIABLE] = str(resources.threads)
        import ants

        self._threads = resources.threads
        self._seed = positive_seed(seed)
        self._grid = problem.fixed
        self._fixed = ants.from_sitk(problem.fixed)
        self._moving = ants.from_sitk(problem.moving)
        self._cleanup: weakref.finalize[..., Any] | None = None
        self._mask: Any = None
        if self.params.use_fixed_mask and problem.fixed_mask is not None:
            self._mask = ants.from_sitk(problem.fixed_mask)

    def register(self) -> None:
        """Run ``ants.registration``; its files stay in a folder of this registration's own."""
        import ants

        # Deterministic mode proper refuses SyN and forces one thread; this sets its seed alone.
        ants.config.set_ants_deterministic(on=False, seed_value=self._seed)
        self._discard_files()
        folder = tempfile.mkdtemp(prefix="ants-")
        self._cleanup = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._files = ants.registration(
            fixed=self._fixed,
            moving=self._moving,
            outprefix=str(Path(folder) / "stage"),
            initial_transform=self._initial_transform(),
            mask=self._mask,
            mask_all_stages=True,
            **self.arguments(),
        )

    def result(self) -> Registration:
        """Read the transforms from ANTs' files, then remove these."""
        forward = [self._read(Path(path)) for path in self._files["fwdtransforms"]]
        inverse = [
            self._read(Path(path)).GetInverse() if path.endswith(".mat") else self._read(Path(path))
            for path in self._files["invtransforms"]
        ]
        self._discard_files()
        return Registration(
            _chain(list(reversed(forward))),
            inverse=_chain(list(reversed(inverse))),
            statistics={"reproducible": self._threads == 1 or not self.params.linear_stage_by_mattes},
            effective=self._effective(),
            schedule=self._schedule().as_json() if self.params.model == "SyNOnly" else {},
        )

    def _discard_files(self) -> None:
        if self._cleanup is not None:
            self._cleanup()

    def arguments(self) -> dict[str, Any]:
        """Return the keywords for ``ants.registration``, in its own units."""
        params = self.params
        metric = ANTS_METRICS[params.resolved_metric]
        bins = params.histogram_bins or DEFAULT_HISTOGRAM_BINS
        arguments: dict[str, Any] = {"type_of_transform": params.model}
        if params.model in WITH_LINEAR_STAGE:
            arguments["aff_random_sampling_rate"] = params.sampling_fraction or DEFAULT_SAMPLING_FRACTION
        if not params.deformable:
            shrink_factors, sigmas = self._linear_pyramid()
            return arguments | {
                "aff_metric": metric,
                "aff_sampling": bins,
                "aff_iterations": params.level_iterations,
                "aff_shrink_factors": shrink_factors,
                "aff_smoothing_sigmas": sigmas,
            }
        update_sigma = params.update_sigma_voxels
        if update_sigma is None:
            update_sigma = DEFAULT_UPDATE_SIGMA_VOXELS
        return arguments | {
            "syn_metric": metric,
            "syn_sampling": (params.cc_radius or DEFAULT_CC_RADIUS) if metric == "CC" else bins,
            "reg_iterations": params.level_iterations,
            "grad_step": params.gradient_step or DEFAULT_GRADIENT_STEP,
            "flow_sigma": variance(update_sigma),
            "total_sigma": variance(params.total_sigma_voxels or 0.0),
        }

    def _linear_pyramid(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        levels = len(self.params.level_iterations)
        usual = levels == len(LINEAR_SHRINK_FACTORS)
        shrink_factors = LINEAR_SHRINK_FACTORS if usual else powers_of_two(levels)
        return shrink_factors, tuple(int(sigma) for sigma in descending_sigmas(levels))

    @property
    def _initialization(self) -> str:
        return self.params.initialization or ("identity" if self.params.model == "SyNOnly" else "moments")

    def _initial_transform(self) -> list[str]:
        from ants.internal import get_pointer_string

        if self._initialization == "identity":
            return ["Identity"]
        fixed, moving = get_pointer_string(self._fixed), get_pointer_string(self._moving)
        return [f"[{fixed},{moving},{1 if self._initialization == 'moments' else 0}]"]

    def _read(self, path: Path) -> sitk.Transform:
        if path.suffix == ".mat":
            return sitk.ReadTransform(str(path)).Downcast()
        return lps_field_transform(sitk.ReadImage(str(path)), self._grid)

    def _schedule(self) -> Schedule:
        """Return the schedule of the deformable stage in common units."""
        params, arguments = self.params, self.arguments()
        levels = len(params.level_iterations)
        local = params.resolved_metric == "cc"
        radius = params.cc_radius or DEFAULT_CC_RADIUS
        update_sigma, total_sigma = (arguments[name] ** 0.5 for name in ("flow_sigma", "total_sigma"))
        sampling = f"syn_sampling {arguments['syn_sampling']}"
        return Schedule(
            similarity=SIMILARITIES[params.resolved_metric],
            window_voxels=2 * radius + 1 if local else None,
            iterations=params.level_iterations,
            shrink_factors=powers_of_two(levels),
            pyramid_sigmas_voxels=descending_sigmas(levels),
            longest_update_voxels=arguments["grad_step"],
            update_sigma_voxels=update_sigma,
            total_sigma_voxels=total_sigma,
            stops_early=CONVERGENCE,
            threads=self._threads,
            own_words={
                **({"window_voxels": f"{sampling}, a radius"} if local else {}),
                "iterations": f"reg_iterations {list(params.level_iterations)}",
                "shrink_factors": "fixed by ANTsPy",
                "pyramid_sigmas_voxels": "fixed by ANTsPy",
                "longest_update_voxels": f"grad_step {arguments['grad_step']:g}",
                "update_sigma_voxels": f"flow_sigma {arguments['flow_sigma']:g}, a variance",
                "total_sigma_voxels": f"total_sigma {arguments['total_sigma']:g}, a variance",
                "stops_early": "fixed by ANTsPy",
            },
        )

    def _effective(self) -> dict[str, JsonValue]:
        effective: dict[str, JsonValue] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in self.arguments().items()
        }
        if self.params.deformable:
            levels = len(self.params.level_iterations)
            effective["shrink_factors"] = list(powers_of_two(levels))
            effective["smoothing_sigmas_voxels"] = list(descending_sigmas(levels))
            effective["convergence"] = CONVERGENCE
        if self.params.model == "SyN":
            effective["linear_stage"] = (
                "Affine[0.25], mattes, 2100x1200x1200x0, shrink 4x2x2x1, sigma 3x2x1x0 voxels"
            )
        effective["initial_transform"] = self._initialization
        effective["fixed_mask"] = self._mask is not None
        effective["seed"] = self._seed
        effective["threads"] = self._threads
        return effective


def variance(sigma_voxels: float) -> float:
    """Square a standard deviation: ANTs' field smoothing is given as variances in voxels²."""
    return sigma_voxels * sigma_voxels


def _chain(stages: list[sitk.Transform]) -> sitk.Transform:
    """Compose stages of which the last is applied to a point first; identities are left out."""
    moving_stages = [stage for stage in stages if not _is_identity(stage)]
    if not moving_stages:
        return sitk.Transform(stages[0].GetDimension(), sitk.sitkIdentity)
    return moving_stages[0] if len(moving_stages) == 1 else sitk.CompositeTransform(moving_stages)


def _is_identity(stage: sitk.Transform) -> bool:
    if not stage.IsLinear():
        return False
    dimension = stage.GetDimension()
    identity = sitk.AffineTransform(dimension)
    return bool(
        stage.GetMatrix() == identity.GetMatrix()
        and tuple(stage.GetTranslation()) == identity.GetTranslation()
    )
