"""The public entry point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from lmreg.adjoint import Adjoint, adjoint_for, differentiable
from lmreg.allocator import keep_freed_memory
from lmreg.diffeomorphic import Diffeomorphic, NodalDisplacement
from lmreg.increments import Increments, attach
from lmreg.levenberg_marquardt import Status
from lmreg.linear import LinearModel
from lmreg.model import BSpline, Linear, Model
from lmreg.objective import SPECTRAL_UNKNOWNS, InnerSolver
from lmreg.options import (
    ITERATIONS,
    ModelChoice,
    Options,
    ResolvedModel,
    SimilarityName,
    at_least_one,
    bending_of,
    check_used,
    deformable,
    elements_of,
    initial_of,
    models_of,
    one_of,
    similarity_of,
    tolerance_of,
)
from lmreg.problem import Images, Problem
from lmreg.result import Result
from lmreg.robust import Huber
from lmreg.sampling import Interpolation
from lmreg.similarity import Hessian, Similarity
from lmreg.stages import APPROACH_TOLERANCE, COARSE_TOLERANCE, Stage, pyramid_stages
from lmreg.start import start_matrix
from lmreg.validation import check_images, check_mask, check_overlap, grid_of

POLISH_STEP = InnerSolver(iterations=60, hessian="exact")


def register(
    fixed: Tensor,
    moving: Tensor,
    *,
    model: ModelChoice | Sequence[ModelChoice] = "bspline",
    similarity: SimilarityName | Similarity = "ssd",
    spacing: float | Sequence[float] | None = None,
    fixed_affine: Tensor | None = None,
    moving_affine: Tensor | None = None,
    levels: int = 4,
    control_spacing: float | Sequence[float] | None = None,
    control_points: int | Sequence[int] | None = None,
    bending: float | Tensor | None = None,
    fixed_mask: Tensor | None = None,
    initial: Tensor | None = None,
    interpolation: Interpolation = "cubic",
    robust: Huber | None = None,
    adjoint: Adjoint | None = None,
    iterations: int | None = None,
    tolerance: float | None = None,
) -> Result:
    """Register pairs of images.

    Parameters
    ----------
    fixed, moving : Tensor
        Shape (N, 1, *spatial), 2D or 3D, float32 or float64, on one device. Pairs are independent of each other; the
        grids of ``fixed`` and ``moving`` may differ.
    model : str or Diffeomorphic, or a sequence of them
        ``translation``, ``rigid``, ``similarity``, ``affine``, ``bspline`` or ``diffeomorphic``, or several, run in
        turn: each starts where the one before it ended. The last two can only come last. ``Diffeomorphic(...)`` is the
        diffeomorphic model with options of its own, instead of ``control_spacing``, ``control_points``, ``bending``,
        ``iterations`` and ``tolerance`` (but ``tolerance`` ends its polish). An option that no model uses is an error.
    similarity : str or Similarity
        ``ssd``, ``ncc``, ``lncc`` or ``mind``, or an object such as ``MIND(dilation=1)``.
    spacing : float or sequence of float, optional
        Millimetres per voxel of both grids, whose axes are then those of physical space. Default 1.
    fixed_affine, moving_affine : Tensor, optional
        Shape (dim + 1, dim + 1): maps the index, in tensor axis order, to millimetres. Instead of ``spacing``.
    levels : int
        Resolutions of the pyramid, each half as fine as the next.
    control_spacing : float or sequence of float, optional
        ``bspline``: distance of control points at full resolution, in millimetres; rounded so that they divide the
        image evenly. Twice as much per coarser level. Default: a twelfth of the longest side.
    control_points : int or sequence of int, optional
        ``bspline``: number of control points along each axis at full resolution, at least 4, instead of
        ``control_spacing``. Four is a single cubic polynomial over the image.
    bending : float or Tensor, optional
        ``bspline``: weight of the bending energy, dimensionless: the data term is a share of the fixed image's
        variance, lengths are in control point spacings. A scalar tensor can be differentiated by. Default 0.3:
        slices of two subjects did not fold with it. Less, such as 1e-3 to 3e-2, fits closer where anatomy is alike or
        control points are few.
    fixed_mask : Tensor, optional
        Weights of the voxels, shape of ``fixed``, not negative.
    initial : Tensor, optional
        Shape (dim + 1, dim + 1) or (N, dim + 1, dim + 1): maps fixed to moving millimetres. Default: the identity; a
        linear first model also tries to bring the centres of mass together, and begins with what matches better.
    interpolation : "linear" or "cubic"
        Of the moving image at the end of full resolution. Linear is faster, but its gradient is not continuous,
        and so is not that through the solve.
    robust : Huber, optional
        Robust loss on the residuals.
    adjoint : Adjoint, optional
        How gradients pass through the solve: ``Implicit()``, ``Truncated(steps)`` or ``Unroll()``. With several
        models, that of the last one, the result of those before it held fixed. Default: ``Implicit()``, but
        ``Unroll()`` for ``diffeomorphic``, whose increments stop before they converge: ``Implicit`` needs its
        ``polish``, and takes the solution at full resolution, what came before held fixed.
    iterations : int, optional
        Most trial steps per level. Default 50.
    tolerance : float, optional
        A level has converged when the next step promises to bring the cost down by at most this share of it; coarse
        levels stop at 1e-3 already. Default 1e-6.

    Returns
    -------
    Result
        Warped images, parameters, displacements, and how the solve went.

    Raises
    ------
    ValueError
        For invalid images, grids or options; the message names them.
    """
    keep_freed_memory()
    check_images(fixed, moving)
    models = models_of(model)
    given = {
        "control_spacing": control_spacing,
        "control_points": control_points,
        "bending": bending,
        "iterations": iterations,
        "tolerance": tolerance,
    }
    check_used(models, given)
    fixed_grid = grid_of("fixed", fixed, fixed_affine, spacing)
    moving_grid = grid_of("moving", moving, moving_affine, spacing)
    options = Options(
        fixed_grid,
        moving_grid,
        elements_of(fixed_grid, control_spacing, control_points),
        similarity_of(similarity),
        robust,
        one_of("interpolation", interpolation, get_args(Interpolation)),
        at_least_one("levels", levels),
        at_least_one("iterations", ITERATIONS if iterations is None else iterations),
        tolerance_of(tolerance),
    )
    weights = None if fixed_mask is None else check_mask(fixed_mask, fixed)
    weight = bending_of(bending, fixed.device)
    starts = initial_of(initial, fixed.shape[0], fixed.ndim - 2, fixed.device)
    converges = not isinstance(models[-1], Diffeomorphic) or models[-1].polish > 0
    tracked = torch.is_grad_enabled() and (fixed.requires_grad or moving.requires_grad)
    adjoint = adjoint_for(adjoint, converges=converges, tracked=tracked)
    pairs = [
        _register_pair(
            number,
            models,
            Images(fixed[number].contiguous(), moving[number].contiguous(), weight),
            None if weights is None else weights[number],
            starts[number],
            options,
            adjoint,
        )
        for number in range(fixed.shape[0])
    ]
    parameters = torch.stack([pair.state for pair in pairs])
    described = [(pair.model, state) for pair, state in zip(pairs, parameters, strict=True)]
    return Result(
        warped=torch.stack([pair.warped for pair in pairs]),
        parameters=parameters,
        displacement=torch.stack([model.displacement(state, fixed) for model, state in described]),
        matrix=torch.stack([model.matrix(state) for model, state in described]),
        trace=tuple(pair.trace for pair in pairs),
        status=tuple(pair.status for pair in pairs),
        fixed_grid=fixed_grid,
        moving_grid=moving_grid,
    )


@dataclass(frozen=True, eq=False)
class _Pair:
    model: Model
    state: Tensor
    warped: Tensor
    trace: tuple[tuple[float, ...], ...]
    status: Status


def _register_pair(
    number: int,
    models: tuple[ResolvedModel, ...],
    images: Images,
    weights: Tensor | None,
    initial: Tensor | None,
    options: Options,
    adjoint: Adjoint,
) -> _Pair:
    matrix = start_matrix(
        options.fixed, options.moving, images.fixed, images.moving, initial, centre=not deformable(models[0])
    )
    check_overlap(options.fixed, options.moving, matrix, number)
    trace: tuple[tuple[float, ...], ...] = ()
    for choice in models:
        if isinstance(choice, Diffeomorphic):
            return _register_diffeomorphic(choice, images, weights, matrix, trace, options, adjoint)
        model = _model(choice, matrix, options)
        problem = _problem(model, weights, options)
        solution = problem.solve(images)
        trace += solution.trace
        matrix = model.matrix(solution.state)
    state, warped = differentiable(problem, solution, images, adjoint)
    return _Pair(model, state, warped, trace, solution.status)


def _register_diffeomorphic(
    choice: Diffeomorphic,
    images: Images,
    weights: Tensor | None,
    matrix: Tensor,
    trace: tuple[tuple[float, ...], ...],
    options: Options,
    adjoint: Adjoint,
) -> _Pair:
    polished = choice.polish > 0
    stages = _stages(options, options.interpolation if polished else "linear", COARSE_TOLERANCE)
    levels = tuple(stage.level for stage in stages)
    increments = Increments(choice, levels, matrix, options.similarity, options.huber, weights)
    fitted = increments.fit(images.fixed, images.moving)
    voxels = float(images.fixed.numel() if weights is None else weights.sum())
    model = NodalDisplacement(choice, options.fixed, matrix, fitted.displacement, voxels)
    problem = Problem(
        model,
        stages[-1:],
        options.similarity,
        options.huber,
        weights,
        choice.polish,
        POLISH_STEP,
    )
    trace += fitted.trace
    if not polished:
        state = attach(images.fixed, images.moving, increments, fitted, adjoint.last_steps).double()
        return _Pair(model, state, problem.warp_unsolved(images, state), trace, fitted.status)
    solution = problem.solve(images)
    before = adjoint.last_steps - len(solution.steps)
    if before > 0:
        start = attach(images.fixed, images.moving, increments, fitted, before).double()
        images = replace(images, start=start)
    state, warped = differentiable(problem, solution, images, adjoint)
    return _Pair(model, state, warped, trace + solution.trace, solution.status)


def _model(name: LinearModel | Literal["bspline"], matrix: Tensor, options: Options) -> Model:
    if name == "bspline":
        return BSpline(options.elements, options.fixed, matrix)
    return Linear(name, options.fixed, matrix)


def _stages(
    options: Options, interpolation: Interpolation, approach_tolerance: float, *, linear_first: bool = False
) -> tuple[Stage, ...]:
    hessian: Hessian = "exact" if interpolation == "cubic" else "gauss_newton"
    return pyramid_stages(
        options.fixed,
        options.moving,
        levels=options.levels,
        interpolation=interpolation,
        hessian=hessian,
        tolerance=options.tolerance,
        approach_tolerance=approach_tolerance,
        linear_first=linear_first,
    )


def _problem(model: Model, weights: Tensor | None, options: Options) -> Problem:
    stages = _stages(
        options,
        options.interpolation,
        APPROACH_TOLERANCE if isinstance(model, Linear) else COARSE_TOLERANCE,
        linear_first=isinstance(model, BSpline) and model.unknowns > SPECTRAL_UNKNOWNS,
    )
    return Problem(
        model, stages, options.similarity, options.huber, weights, options.iterations, InnerSolver()
    )
