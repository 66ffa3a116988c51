"""Diffeomorphic demons of SimpleITK in a pyramid (Vercauteren et al., NeuroImage 2009)."""

from __future__ import annotations

import SimpleITK as sitk

from adapters.coordinates import lps_field_transform
from adapters.interface import JsonValue, Problem, Registration, Resources
from adapters.simpleitk_params import SimpleITKParams

DEFAULT_TOTAL_SIGMA_VOXELS = 1.0
DEFAULT_STEP_LENGTH_VOXELS = 0.5
DEFAULT_RMS_CHANGE_VOXELS = 0.02


class DemonsRegistration:
    """``DiffeomorphicDemonsRegistrationFilter`` run level by level, the field handed from one to the next.

    The filter itself has no pyramid, and it wants both images on one grid: the moving image is resampled to
    the fixed grid once, so what lies outside the fixed field of view is lost to it.

    Parameters
    ----------
    params : SimpleITKParams
        With model ``diffeomorphic_demons``.
    problem : Problem
        The images.
    resources : Resources
        Threads for the filter.
    """

    def __init__(self, params: SimpleITKParams, problem: Problem, resources: Resources) -> None:
        self._params = params
        self._fixed = problem.fixed
        self._moving = sitk.Resample(problem.moving, problem.fixed)
        self._threads = resources.threads

    def run(self) -> None:
        """Register from the start."""
        params = self._params
        field: sitk.Image | None = None
        self._trace: list[tuple[float, ...]] = []
        schedule = zip(
            params.iterations, params.level_shrink_factors, params.level_sigmas_voxels, strict=True
        )
        for iterations, factor, sigma_voxels in schedule:
            fixed = _pyramid_level(self._fixed, factor, sigma_voxels)
            moving = _pyramid_level(self._moving, factor, sigma_voxels)
            field = self._level(fixed, moving, field, iterations)
        self._field = _on_grid(field, self._fixed)

    def registration(self) -> Registration:
        """Return the field as a transform, with the metric of every iteration."""
        costs = [level[-1] for level in self._trace if level]
        return Registration(
            lps_field_transform(self._field, self._fixed),
            statistics={
                "iterations": sum(len(level) for level in self._trace),
                "final_cost": costs[-1] if costs else None,
            },
            effective=self._effective(),
            trace=tuple(self._trace),
        )

    def _level(
        self, fixed: sitk.Image, moving: sitk.Image, field: sitk.Image | None, iterations: int
    ) -> sitk.Image:
        params = self._params
        demons = sitk.DiffeomorphicDemonsRegistrationFilter()
        demons.SetNumberOfThreads(self._threads)
        demons.SetNumberOfIterations(iterations)
        demons.SetMaximumUpdateStepLength(params.step_length_voxels or DEFAULT_STEP_LENGTH_VOXELS)
        demons.SetMaximumRMSError(self._rms_change_voxels)
        demons.SetSmoothDisplacementField(self._total_sigma_voxels > 0)
        demons.SetStandardDeviations(self._total_sigma_voxels)
        demons.SetSmoothUpdateField(bool(params.update_sigma_voxels))
        demons.SetUpdateFieldStandardDeviations(params.update_sigma_voxels or 0.0)
        costs: list[float] = []
        demons.AddCommand(sitk.sitkIterationEvent, lambda: costs.append(demons.GetMetric()))
        start = _on_grid(field, fixed)
        refined = demons.Execute(fixed, moving, start) if iterations else start
        self._trace.append(tuple(costs))
        return refined

    @property
    def _total_sigma_voxels(self) -> float:
        given = self._params.total_sigma_voxels
        return DEFAULT_TOTAL_SIGMA_VOXELS if given is None else given

    @property
    def _rms_change_voxels(self) -> float:
        given = self._params.rms_change_voxels
        return DEFAULT_RMS_CHANGE_VOXELS if given is None else given

    def _effective(self) -> dict[str, JsonValue]:
        params = self._params
        return {
            "model": "DiffeomorphicDemonsRegistrationFilter, symmetric gradient",
            "iterations": list(params.iterations),
            "shrink_factors": list(params.level_shrink_factors),
            "smoothing_sigmas_voxels": list(params.level_sigmas_voxels),
            "StandardDeviations": self._total_sigma_voxels,
            "UpdateFieldStandardDeviations": params.update_sigma_voxels or 0.0,
            "MaximumUpdateStepLength": params.step_length_voxels or DEFAULT_STEP_LENGTH_VOXELS,
            "MaximumRMSError": self._rms_change_voxels,
            "moving": "resampled to the fixed grid",
            "threads": self._threads,
        }


def _pyramid_level(image: sitk.Image, factor: int, sigma_voxels: float) -> sitk.Image:
    smooth = image
    if sigma_voxels > 0:
        sigmas_mm = [sigma_voxels * spacing for spacing in image.GetSpacing()]
        smooth = sitk.SmoothingRecursiveGaussian(image, sigmas_mm)
    return sitk.Shrink(smooth, [min(factor, size) for size in image.GetSize()])


def _on_grid(field: sitk.Image | None, grid: sitk.Image) -> sitk.Image:
    """Interpolate a field on a grid, constant beyond the field's border; zero where there is none yet."""
    if field is None:
        zero = sitk.Image(grid.GetSize(), sitk.sitkVectorFloat64, grid.GetDimension())
        zero.CopyInformation(grid)
        return zero
    return sitk.Resample(
        field,
        grid,
        sitk.Transform(),
        sitk.sitkLinear,
        0.0,
        sitk.sitkVectorFloat64,
        useNearestNeighborExtrapolator=True,
    )
