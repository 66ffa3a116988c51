"""Parametric registration by SimpleITK's ``ImageRegistrationMethod``: linear models and one B-spline grid."""

from __future__ import annotations

from sys import float_info

import SimpleITK as sitk

from adapters.coordinates import centre_point
from adapters.interface import JsonValue, Problem, Registration, Resources
from adapters.options import positive_seed
from adapters.simpleitk_params import SimpleITKParams

DEFAULT_CONTROL_SPACING_MM = 50.0
DEFAULT_GRADIENT_TOLERANCE = 1e-8
DEFAULT_HISTOGRAM_BINS = 50
DEFAULT_SAMPLING_FRACTION = 0.2
LBFGSB_CORRECTIONS = 5
LBFGSB_EVALUATIONS_PER_ITERATION = 10
DEFAULT_COST_TOLERANCE = 1e7 * float_info.epsilon
REGULAR_STEP_MM = 1.0
REGULAR_STEP_SMALLEST_MM = 1e-4
LINE_SEARCH_RATE = 1.0
LINE_SEARCH_CHANGE = 1e-6
LINE_SEARCH_WINDOW = 10


class MethodRegistration:
    """One run of ``ImageRegistrationMethod``; its own pyramid, metric and optimiser.

    Parameters
    ----------
    params : SimpleITKParams
        With any model but demons.
    problem : Problem
        The images.
    resources : Resources
        Threads for the metric.
    seed : int
        Seeds ``regular`` and ``random`` sampling.
    """

    def __init__(self, params: SimpleITKParams, problem: Problem, resources: Resources, seed: int) -> None:
        self._params = params
        self._problem = problem
        self._threads = resources.threads
        self._seed = positive_seed(seed)
        self._optimizer = params.effective_optimizer
        self._mesh_size = mesh_size(params, problem.fixed)

    def run(self) -> None:
        """Register from the start."""
        method = sitk.ImageRegistrationMethod()
        method.SetNumberOfThreads(self._threads)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetShrinkFactorsPerLevel(list(self._params.level_shrink_factors))
        method.SetSmoothingSigmasPerLevel(list(self._params.level_sigmas_voxels))
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
        self._metric_name = self._set_metric(method)
        self._optimizer_name = self._set_optimizer(method)
        self._set_start(method)
        self._trace: list[list[float]] = []
        method.AddCommand(sitk.sitkMultiResolutionIterationEvent, lambda: self._trace.append([]))
        method.AddCommand(sitk.sitkIterationEvent, lambda: self._note_cost(method))
        self._transform = method.Execute(self._problem.fixed, self._problem.moving)
        self._final_cost = method.GetMetricValue()
        self._status = method.GetOptimizerStopConditionDescription()

    def registration(self) -> Registration:
        """Return the transform with what the optimiser told."""
        inverse = self._transform.GetInverse() if self._transform.IsLinear() else None
        return Registration(
            self._transform,
            inverse=inverse,
            statistics={
                "iterations": sum(len(level) for level in self._trace),
                "final_cost": float(self._final_cost),
                "status": self._status,
            },
            effective=self._effective(),
            trace=tuple(tuple(level) for level in self._trace),
        )

    def _note_cost(self, method: sitk.ImageRegistrationMethod) -> None:
        """Keep the last cost of each iteration: line searches report every evaluation."""
        level, iteration = self._trace[-1], method.GetOptimizerIteration()
        if iteration < len(level):
            level[iteration] = method.GetMetricValue()
        else:
            level.append(method.GetMetricValue())

    def _set_metric(self, method: sitk.ImageRegistrationMethod) -> str:
        params = self._params
        if params.use_fixed_mask and self._problem.fixed_mask is not None:
            method.SetMetricFixedMask(self._problem.fixed_mask)
        if params.sampling in ("regular", "random"):
            method.SetMetricSamplingStrategy(
                method.REGULAR if params.sampling == "regular" else method.RANDOM
            )
            fraction = params.sampling_fraction or DEFAULT_SAMPLING_FRACTION
            method.SetMetricSamplingPercentage(fraction, self._seed)
        if params.metric == "mattes":
            bins = params.histogram_bins or DEFAULT_HISTOGRAM_BINS
            method.SetMetricAsMattesMutualInformation(bins)
            return f"MattesMutualInformation(numberOfHistogramBins={bins})"
        if params.metric == "correlation":
            method.SetMetricAsCorrelation()
            return "Correlation"
        method.SetMetricAsMeanSquares()
        return "MeanSquares"

    def _set_optimizer(self, method: sitk.ImageRegistrationMethod) -> str:
        iterations = self._params.iterations[0]
        tolerance = self._params.gradient_tolerance or DEFAULT_GRADIENT_TOLERANCE
        if self._optimizer == "lbfgsb":
            evaluations = LBFGSB_EVALUATIONS_PER_ITERATION * iterations
            cost_factor = (self._params.cost_tolerance or DEFAULT_COST_TOLERANCE) / float_info.epsilon
            method.SetOptimizerAsLBFGSB(
                gradientConvergenceTolerance=tolerance,
                numberOfIterations=iterations,
                maximumNumberOfCorrections=LBFGSB_CORRECTIONS,
                maximumNumberOfFunctionEvaluations=evaluations,
                costFunctionConvergenceFactor=cost_factor,
            )
            return (
                f"LBFGSB(gradientConvergenceTolerance={tolerance:g}, numberOfIterations={iterations}, "
                f"maximumNumberOfCorrections={LBFGSB_CORRECTIONS}, "
                f"maximumNumberOfFunctionEvaluations={evaluations}, "
                f"costFunctionConvergenceFactor={cost_factor:g})"
            )
        method.SetOptimizerScalesFromPhysicalShift()
        if self._optimizer == "regular_step":
            method.SetOptimizerAsRegularStepGradientDescent(
                learningRate=REGULAR_STEP_MM,
                minStep=REGULAR_STEP_SMALLEST_MM,
                numberOfIterations=iterations,
                gradientMagnitudeTolerance=tolerance,
                estimateLearningRate=method.EachIteration,
            )
            return (
                f"RegularStepGradientDescent(minStep={REGULAR_STEP_SMALLEST_MM:g}, "
                f"numberOfIterations={iterations}, gradientMagnitudeTolerance={tolerance:g}, "
                "estimateLearningRate=EachIteration), scales from physical shift"
            )
        method.SetOptimizerAsConjugateGradientLineSearch(
            learningRate=LINE_SEARCH_RATE,
            numberOfIterations=iterations,
            convergenceMinimumValue=LINE_SEARCH_CHANGE,
            convergenceWindowSize=LINE_SEARCH_WINDOW,
        )
        return (
            f"ConjugateGradientLineSearch(numberOfIterations={iterations}, "
            f"convergenceMinimumValue={LINE_SEARCH_CHANGE:g}, convergenceWindowSize={LINE_SEARCH_WINDOW}), "
            "scales from physical shift"
        )

    def _set_start(self, method: sitk.ImageRegistrationMethod) -> None:
        if self._params.model != "bspline":
            method.SetInitialTransform(self._linear_start(), inPlace=True)
            return
        start = sitk.BSplineTransformInitializer(self._problem.fixed, self._mesh_size, order=3)
        method.SetInitialTransform(start, inPlace=True)

    def _linear_start(self) -> sitk.Transform:
        fixed, moving = self._problem.fixed, self._problem.moving
        start = _linear_transform(self._params.model, self._problem.dimension)
        if self._params.model == "translation":
            if self._params.initialization in ("geometry", "moments"):
                start.SetOffset(self._centred_offset())
            return start
        if self._params.initialization in ("geometry", "moments"):
            return sitk.CenteredTransformInitializer(fixed, moving, start, self._centring())
        start.SetCenter(centre_point(fixed))
        return start

    def _centred_offset(self) -> tuple[float, ...]:
        """Translation of the centred initialiser, which itself takes transforms with a centre only."""
        rigid = _linear_transform("rigid", self._problem.dimension)
        fixed, moving = self._problem.fixed, self._problem.moving
        centred = sitk.CenteredTransformInitializer(fixed, moving, rigid, self._centring())
        return tuple(centred.Downcast().GetTranslation())

    def _centring(self) -> int:
        centring: int = getattr(
            sitk.CenteredTransformInitializerFilter, (self._params.initialization or "geometry").upper()
        )
        return centring

    def _effective(self) -> dict[str, JsonValue]:
        params = self._params
        effective: dict[str, JsonValue] = {
            "model": params.model,
            "metric": self._metric_name,
            "optimizer": self._optimizer_name,
            "shrink_factors": list(params.level_shrink_factors),
            "smoothing_sigmas_voxels": list(params.level_sigmas_voxels),
            "sampling": params.sampling or "all",
            "fixed_mask": params.use_fixed_mask and self._problem.fixed_mask is not None,
            "threads": self._threads,
        }
        if params.sampling in ("regular", "random"):
            effective["sampling_fraction"] = params.sampling_fraction or DEFAULT_SAMPLING_FRACTION
            effective["sampling_seed"] = self._seed
        if params.model == "bspline":
            effective["mesh_size"] = list(self._mesh_size)
        else:
            effective["initialization"] = params.initialization or "identity"
        return effective


def mesh_size(params: SimpleITKParams, fixed: sitk.Image) -> list[int]:
    """Return the B-spline cells per axis of the fixed grid."""
    if isinstance(params.mesh_size, int):
        return [params.mesh_size] * fixed.GetDimension()
    if params.mesh_size is not None:
        return list(params.mesh_size)
    control_spacing_mm = params.control_spacing_mm or DEFAULT_CONTROL_SPACING_MM
    extents_mm = [size * mm for size, mm in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    return [max(1, round(extent_mm / control_spacing_mm)) for extent_mm in extents_mm]


def _linear_transform(model: str, dimension: int) -> sitk.Transform:
    if model == "translation":
        return sitk.TranslationTransform(dimension)
    if model == "rigid":
        return sitk.Euler2DTransform() if dimension == 2 else sitk.Euler3DTransform()
    if model == "similarity":
        return sitk.Similarity2DTransform() if dimension == 2 else sitk.Similarity3DTransform()
    return sitk.AffineTransform(dimension)
