"""Parameters of the SimpleITK adapter."""

from __future__ import annotations

from sys import float_info
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from adapters.options import (
    Count,
    Fraction,
    Initialization,
    Iterations,
    NonNegative,
    Positive,
    ShrinkFactors,
    SigmasVoxels,
    descending_sigmas,
    powers_of_two,
    reject_foreign_options,
)

LINEAR = frozenset({"translation", "rigid", "similarity", "affine"})
SPLINE = frozenset({"bspline"})
DEMONS = frozenset({"diffeomorphic_demons"})

OWNERS = {
    "metric": LINEAR | SPLINE,
    "histogram_bins": LINEAR | SPLINE,
    "sampling": LINEAR | SPLINE,
    "sampling_fraction": LINEAR | SPLINE,
    "optimizer": LINEAR | SPLINE,
    "gradient_tolerance": LINEAR | SPLINE,
    "cost_tolerance": LINEAR | SPLINE,
    "initialization": LINEAR,
    "mesh_size": SPLINE,
    "control_spacing_mm": SPLINE,
    "update_sigma_voxels": DEMONS,
    "total_sigma_voxels": DEMONS,
    "step_length_voxels": DEMONS,
    "rms_change_voxels": DEMONS,
}

MeshSize = Annotated[tuple[Count, ...], Field(min_length=2, max_length=3)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SimpleITKParams:
    """Parameters of the SimpleITK adapter; None stands for the default of the chosen model.

    Attributes
    ----------
    model : str
        ``translation``, ``rigid``, ``similarity``, ``affine``, ``bspline`` (one cubic B-spline grid for all
        levels) or ``diffeomorphic_demons``.
    iterations : tuple of int
        The most iterations per level, coarse to fine; its length is the number of levels. All but demons want
        the same number at every level: SimpleITK has one setting for all.
    shrink_factors : tuple of int or None
        Subsampling per level; by default 2^(levels−1), ..., 2, 1.
    smoothing_sigmas_voxels : tuple of float or None
        Gaussian smoothing per level, standard deviations in voxels of the full grid; by default levels−1,
        ..., 1, 0.
    use_fixed_mask : bool
        Count the metric inside the fixed mask only (all but demons).
    metric : str or None
        ``mean_squares`` (default), ``correlation`` or ``mattes`` mutual information.
    histogram_bins : int or None
        Bins of ``mattes``; 50 by default.
    sampling : str or None
        ``all`` voxels (default), ``regular`` or ``random`` ones.
    sampling_fraction : float or None
        Share of the voxels that ``regular`` and ``random`` take; 0.2 by default.
    optimizer : str or None
        ``lbfgsb`` (default of ``bspline``), ``regular_step`` gradient descent with scales from physical shift
        (default of the linear models) or ``conjugate_gradient`` with line search.
    gradient_tolerance : float or None
        Gradient magnitude at which ``lbfgsb`` and ``regular_step`` stop, 1e-8 by default. SimpleITK's own
        1e-5 and 1e-4 are meant for intensities in the hundreds; on intensities in [0, 1] they stop far from
        the optimum.
    cost_tolerance : float or None
        Relative reduction of the cost in an iteration at which ``lbfgsb`` stops, 2.2e-9 by default as in SimpleITK,
        whose ``costFunctionConvergenceFactor`` is this in units of the machine precision.
    initialization : str or None
        Start of the linear models: ``identity`` about the fixed grid's centre (default), or the centred
        initialiser by ``geometry`` or ``moments``.
    mesh_size : int or tuple of int or None
        B-spline cells, one number for all axes or one per axis; control points per axis are three more.
    control_spacing_mm : float or None
        B-spline cell size instead, rounded to whole cells of the fixed grid; 50 mm by default, as in
        SimpleITK's own free-form deformation notebook.
    update_sigma_voxels : float or None
        Demons: Gaussian smoothing of each update (fluid), standard deviation in voxels of the level; 0 by
        default.
    total_sigma_voxels : float or None
        Demons: Gaussian smoothing of the total field (diffusion), standard deviation in voxels of the level;
        1 by default.
    step_length_voxels : float or None
        Demons: longest update vector; 0.5 by default.
    rms_change_voxels : float or None
        Demons: root mean square of the update below which a level stops; ITK's ``MaximumRMSError``, 0.02 by
        default.
    """

    model: Literal["translation", "rigid", "similarity", "affine", "bspline", "diffeomorphic_demons"] = (
        "bspline"
    )
    iterations: Iterations = (100, 100, 100, 100)
    shrink_factors: ShrinkFactors | None = None
    smoothing_sigmas_voxels: SigmasVoxels | None = None
    use_fixed_mask: bool = False
    metric: Literal["mean_squares", "correlation", "mattes"] | None = None
    histogram_bins: Annotated[int, Field(ge=5)] | None = None
    sampling: Literal["all", "regular", "random"] | None = None
    sampling_fraction: Fraction | None = None
    optimizer: Literal["lbfgsb", "regular_step", "conjugate_gradient"] | None = None
    gradient_tolerance: Positive | None = None
    cost_tolerance: Annotated[float, Field(ge=float_info.epsilon, lt=1)] | None = None
    initialization: Initialization | None = None
    mesh_size: Count | MeshSize | None = None
    control_spacing_mm: Positive | None = None
    update_sigma_voxels: NonNegative | None = None
    total_sigma_voxels: NonNegative | None = None
    step_length_voxels: Positive | None = None
    rms_change_voxels: NonNegative | None = None

    @model_validator(mode="after")
    def _consistent(self) -> SimpleITKParams:
        reject_foreign_options(self, "model", OWNERS)
        if self.use_fixed_mask and self.model in DEMONS:
            raise ValueError("use_fixed_mask has no effect with model 'diffeomorphic_demons'; leave it out")
        if self.mesh_size is not None and self.control_spacing_mm is not None:
            raise ValueError("mesh_size and control_spacing_mm say the same thing; give one of them")
        if self.histogram_bins is not None and self.metric != "mattes":
            raise ValueError("histogram_bins has no effect without metric 'mattes'")
        if self.sampling_fraction is not None and self.sampling not in ("regular", "random"):
            raise ValueError("sampling_fraction has no effect without sampling 'regular' or 'random'")
        if self.gradient_tolerance is not None and self.optimizer == "conjugate_gradient":
            raise ValueError("gradient_tolerance has no effect with optimizer 'conjugate_gradient'")
        if self.cost_tolerance is not None and self.effective_optimizer != "lbfgsb":
            raise ValueError("cost_tolerance has no effect without optimizer 'lbfgsb'")
        if self.model not in DEMONS and len(set(self.iterations)) > 1:
            raise ValueError(
                f"iterations must be the same at every level for model {self.model!r}: SimpleITK has one"
            )
        if self.model not in DEMONS and self.iterations[0] == 0:
            raise ValueError(f"iterations must be at least 1 for model {self.model!r}")
        for name in ("shrink_factors", "smoothing_sigmas_voxels"):
            schedule = getattr(self, name)
            if schedule is not None and len(schedule) != len(self.iterations):
                raise ValueError(
                    f"{name} has {len(schedule)} levels, iterations {len(self.iterations)}: one per level"
                )
        return self

    @property
    def level_shrink_factors(self) -> tuple[int, ...]:
        """Subsampling per level, coarse to fine."""
        return self.shrink_factors or powers_of_two(len(self.iterations))

    @property
    def level_sigmas_voxels(self) -> tuple[float, ...]:
        """Smoothing per level, coarse to fine, standard deviations in voxels of the full grid."""
        return self.smoothing_sigmas_voxels or descending_sigmas(len(self.iterations))

    @property
    def effective_optimizer(self) -> Literal["lbfgsb", "regular_step", "conjugate_gradient"]:
        """Optimiser of all models but demons."""
        return self.optimizer or ("lbfgsb" if self.model in SPLINE else "regular_step")
