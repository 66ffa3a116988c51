"""What the parameters of all adapters share: field types in one language of units, and two small helpers.

Smoothing is given as standard deviations in voxels of the level at hand, lengths that a backend counts in
grid steps as voxels, iterations as one number per pyramid level from coarse to fine. Adapters convert to what
their backend wants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

Count = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1)]

Iterations = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, max_length=12)]
ShrinkFactors = Annotated[tuple[Count, ...], Field(min_length=1, max_length=12)]
SigmasVoxels = Annotated[tuple[NonNegative, ...], Field(min_length=1, max_length=12)]

Initialization = Literal["identity", "geometry", "moments"]

LARGEST_SEED = 2**31 - 1


def positive_seed(seed: int) -> int:
    """Map any seed to 1...2³¹−1: several backends read 0 as "seed from the clock"."""
    return seed % LARGEST_SEED + 1


def reject_foreign_options(params: Any, chooser: str, owners: Mapping[str, frozenset[str]]) -> None:
    """Refuse an option that the chosen variant would silently ignore.

    Parameters
    ----------
    params : object
        Parameters of an adapter; options left at None count as not given.
    chooser : str
        Name of the parameter that chooses the variant.
    owners : mapping of str to frozenset of str
        For each option, the variants that it belongs to.

    Raises
    ------
    ValueError
        Naming the option, the chosen variant and the variants that know the option.
    """
    chosen = getattr(params, chooser)
    for option, variants in owners.items():
        if getattr(params, option) is not None and chosen not in variants:
            wanted = " or ".join(repr(variant) for variant in sorted(variants))
            raise ValueError(f"{option} has no effect with {chooser} {chosen!r}; it goes with {wanted}")


def powers_of_two(levels: int) -> tuple[int, ...]:
    """Shrink factors 2^(levels−1), ..., 2, 1."""
    return tuple(2**level for level in reversed(range(levels)))


def descending_sigmas(levels: int) -> tuple[float, ...]:
    """Smoothing of ANTs' schedules: levels−1, ..., 1, 0 voxels."""
    return tuple(float(level) for level in reversed(range(levels)))
