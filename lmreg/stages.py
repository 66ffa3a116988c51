"""Objectives of a solve in turn, from coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.grid import Grid
from lmreg.model import Level
from lmreg.pyramid import level_grid, level_spacing_mm
from lmreg.sampling import Interpolation
from lmreg.similarity import Hessian

COARSE_TOLERANCE = 1e-3
# The steps that few parameters take below full resolution are steps saved there, at eight times the price.
APPROACH_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Stage:
    """Iterations on one objective.

    Attributes
    ----------
    level : Level
        Resolution.
    interpolation : "linear" or "cubic"
        Of the moving image.
    hessian : "gauss_newton" or "exact"
        Of the steps.
    tolerance : float
        See :func:`lmreg.levenberg_marquardt.minimise`.
    """

    level: Level
    interpolation: Interpolation
    hessian: Hessian
    tolerance: float


def pyramid_stages(
    fixed: Grid,
    moving: Grid,
    *,
    levels: int,
    interpolation: Interpolation,
    hessian: Hessian,
    tolerance: float,
    approach_tolerance: float,
    linear_first: bool = False,
) -> tuple[Stage, ...]:
    """Stages from coarse to fine, one per level; where ``linear_first``, two at full resolution.

    The first of those two runs on the linear interpolant, an eighth of the taps in 3D, with steps of Gauss-Newton:
    what is left for the second are the few steps that need second derivatives.
    ``approach_tolerance`` is that of the level below full resolution. Coarse levels always run on the cubic
    interpolant: there the linear one blurs the moving image, which biases the solution.
    """
    stages = []
    for number in reversed(range(levels)):
        spacing = level_spacing_mm(fixed, moving, number)
        level = Level(number, level_grid(fixed, spacing, number), level_grid(moving, spacing, number))
        finest = number == 0
        if finest and linear_first and interpolation == "cubic":
            stages.append(Stage(level, "linear", "gauss_newton", max(tolerance, COARSE_TOLERANCE)))
        least = 0.0 if finest else approach_tolerance if number == 1 else COARSE_TOLERANCE
        stages.append(
            Stage(
                level,
                interpolation if finest else "cubic",
                hessian if finest else "exact",
                max(tolerance, least),
            )
        )
    return tuple(stages)
