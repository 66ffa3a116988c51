"""What a registration is asked for: checked, and resolved to what the solver works with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor

from lmreg.bspline import elements_from_spacing
from lmreg.diffeomorphic import Diffeomorphic
from lmreg.grid import Grid
from lmreg.linear import LinearModel
from lmreg.lncc import LNCC
from lmreg.mind import MIND
from lmreg.ncc import NCC
from lmreg.robust import Huber
from lmreg.sampling import Interpolation
from lmreg.similarity import SSD, Similarity
from lmreg.validation import per_axis

ModelName = Literal["translation", "rigid", "similarity", "affine", "bspline", "diffeomorphic"]
ModelChoice = ModelName | Diffeomorphic
ResolvedModel = LinearModel | Literal["bspline"] | Diffeomorphic
SimilarityName = Literal["ssd", "ncc", "lncc", "mind"]

SIMILARITIES: dict[str, Similarity] = {"ssd": SSD(), "ncc": NCC(), "lncc": LNCC(), "mind": MIND()}
CONTROL_INTERVALS = 12
# Below this, slices of two subjects end in folded deformations of the background.
BENDING = 0.3
ITERATIONS = 50
TOLERANCE = 1e-6

DIFFEOMORPHIC_COUNTERPARTS = {
    "control_spacing": "Diffeomorphic(node_spacing=...)",
    "control_points": "Diffeomorphic(node_spacing=...)",
    "bending": "Diffeomorphic(membrane=..., volume=...)",
    "iterations": "Diffeomorphic(iterations=...)",
    "tolerance": "Diffeomorphic(tolerance=...)",
}

T = TypeVar("T", bound=str)


@dataclass(frozen=True, eq=False)
class Options:
    """Options that every pair and every model share.

    Attributes
    ----------
    fixed, moving : Grid
        Full-resolution grids.
    elements : tuple of int
        Intervals between control points along each axis, at full resolution.
    similarity : Similarity
        What is compared.
    huber : Huber or None
        Robust loss.
    interpolation : "linear" or "cubic"
        Of the moving image at the end of full resolution.
    levels : int
        Resolutions of the pyramid.
    iterations : int
        Most trial steps per level.
    tolerance : float
        Share of the cost below which full resolution has converged.
    """

    fixed: Grid
    moving: Grid
    elements: tuple[int, ...]
    similarity: Similarity
    huber: Huber | None
    interpolation: Interpolation
    levels: int
    iterations: int
    tolerance: float


def models_of(model: ModelChoice | Sequence[ModelChoice]) -> tuple[ResolvedModel, ...]:
    """Models in the order in which they run."""
    choices = (model,) if isinstance(model, str | Diffeomorphic) else tuple(model)
    if not choices:
        raise ValueError("model: at least one is needed")
    resolved = tuple(_model_of(choice) for choice in choices)
    for choice, one in zip(choices[:-1], resolved, strict=False):
        if deformable(one):
            raise ValueError(f"model: {choice} can only come last (got {list(choices)})")
    return resolved


def deformable(model: ResolvedModel) -> bool:
    """Whether a model is more than a linear map."""
    return isinstance(model, Diffeomorphic) or model == "bspline"


def check_used(models: tuple[ResolvedModel, ...], given: Mapping[str, object]) -> None:
    """Refuse options that none of the models uses.

    Parameters
    ----------
    models : tuple of str or Diffeomorphic
        The models that run.
    given : mapping
        Value of each option of :func:`lmreg.register` that some model has no use for; None where it was left out.
    """
    last = models[-1]
    has_levels = any(not isinstance(model, Diffeomorphic) for model in models)
    polishes = isinstance(last, Diffeomorphic) and last.polish > 0
    used = {
        "control_spacing": last == "bspline",
        "control_points": last == "bspline",
        "bending": last == "bspline",
        "iterations": has_levels,
        "tolerance": has_levels or polishes,
    }
    for name, value in given.items():
        if value is None or used[name]:
            continue
        if isinstance(last, Diffeomorphic):
            way_out = f"the diffeomorphic model takes {DIFFEOMORPHIC_COUNTERPARTS[name]} instead"
        else:
            way_out = "only bspline has control points"
        raise ValueError(
            f"{name}: nothing uses it with model {[_name(model) for model in models]}; {way_out}"
        )


def tolerance_of(tolerance: float | None) -> float:
    """Tolerance of full resolution."""
    value = TOLERANCE if tolerance is None else tolerance
    if not value > 0:
        raise ValueError(f"tolerance: must be > 0 (got {tolerance})")
    return value


def elements_of(
    grid: Grid, control_spacing: float | Sequence[float] | None, control_points: int | Sequence[int] | None
) -> tuple[int, ...]:
    """Intervals between control points along each axis at full resolution."""
    if control_points is not None and control_spacing is not None:
        raise ValueError("control_points and control_spacing both given: choose one")
    if control_points is not None:
        counts = per_axis("control_points", control_points, grid.dim)
        if any(count < 4 or count != int(count) for count in counts):
            raise ValueError(f"control_points: whole numbers of at least 4 (got {control_points})")
        return tuple(int(count) - 3 for count in counts)
    if control_spacing is None:
        longest = max((n - 1) * mm for n, mm in zip(grid.shape, grid.spacing_mm, strict=True))
        control_spacing = max(longest / CONTROL_INTERVALS, min(grid.spacing_mm))
    return elements_from_spacing(grid, per_axis("control_spacing", control_spacing, grid.dim))


def similarity_of(similarity: str | Similarity) -> Similarity:
    """Similarity by its name."""
    if isinstance(similarity, Similarity):
        return similarity
    return SIMILARITIES[one_of("similarity", similarity, tuple(SIMILARITIES))]


def bending_of(bending: float | Tensor | None, device: torch.device) -> Tensor:
    """Weight of the bending energy: a scalar, float64."""
    weight = torch.as_tensor(BENDING if bending is None else bending, dtype=torch.float64, device=device)
    if weight.ndim or not 0 <= weight.item() < float("inf"):
        raise ValueError(f"bending: expected one finite number that is not negative (got {bending})")
    return weight


def initial_of(initial: Tensor | None, pairs: int, dim: int, device: torch.device) -> Sequence[Tensor | None]:
    """Start of each pair: from fixed to moving millimetres."""
    if initial is None:
        return [None] * pairs
    matrix = torch.as_tensor(initial, dtype=torch.float64, device=device).detach()
    if matrix.shape not in ((dim + 1, dim + 1), (pairs, dim + 1, dim + 1)):
        raise ValueError(
            f"initial: expected shape {(dim + 1, dim + 1)} or {(pairs, dim + 1, dim + 1)} "
            f"(got {tuple(matrix.shape)})"
        )
    if not bool(torch.isfinite(matrix).all()):
        raise ValueError("initial: holds NaN or infinite values")
    return list(matrix.expand(pairs, dim + 1, dim + 1))


def one_of(name: str, value: str, allowed: tuple[T, ...]) -> T:
    """The value, required to be one of those allowed."""
    for choice in allowed:
        if value == choice:
            return choice
    raise ValueError(f"{name}: unknown {value!r}; one of {', '.join(allowed)}")


def at_least_one(name: str, value: int) -> int:
    """The value, required to be a whole number above zero."""
    if int(value) != value or value < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1 (got {value})")
    return int(value)


def _model_of(choice: ModelChoice) -> ResolvedModel:
    if isinstance(choice, Diffeomorphic):
        return choice
    name = one_of("model", choice, get_args(ModelName))
    return Diffeomorphic() if name == "diffeomorphic" else name


def _name(model: ResolvedModel) -> str:
    return "diffeomorphic" if isinstance(model, Diffeomorphic) else model
