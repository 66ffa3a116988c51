"""What was asked of a gradient check, and what it found."""

from __future__ import annotations

from typing import Literal

from benchmarks.frozen import Frozen

ImageName = Literal["moving", "fixed"]


class GradientCheckRequest(Frozen, kw_only=True):
    """How a backend's gradient is compared with differences of its own solve.

    Attributes
    ----------
    directions : int
        How many random directions.
    seed : int
        From which the directions derive; also the seed of the registrations.
    step : float
        Largest root mean square change of the perturbed image, in normalised intensities.
    version : str
        Hash of the sources of the check.
    """

    directions: int
    seed: int
    step: float
    version: str


class DirectionalDerivative(Frozen, kw_only=True):
    """The derivative of the loss along one direction, twice.

    Attributes
    ----------
    image : {"moving", "fixed"}
        Which image is perturbed.
    gradient : float
        By the backend's backward pass.
    difference : float or None
        By central differences of its solve; None where no two steps agree, so that there is no derivative to
        compare with.
    discrepancy : float
        How far the last two difference quotients lie from each other.
    step : float
        The smaller of their two steps.
    """

    image: ImageName
    gradient: float
    difference: float | None
    discrepancy: float
    step: float


class GradientCheck(Frozen, kw_only=True):
    """The backward pass of a job compared with differences of its solve.

    Attributes
    ----------
    cosine : float or None
        Between the two vectors of derivatives along the directions; None where the check tells nothing.
    norm_ratio : float or None
        Norm of the backward pass's vector by that of the differences; None where the check tells nothing.
    uncertainty : float or None
        Norm of the discrepancies by that of the differences: errors of the check itself are about as large.
    directions : tuple of DirectionalDerivative
        What the numbers were made from.
    note : str
        Why the check tells nothing, or which directions it left out; empty where there is nothing to say.
    """

    cosine: float | None = None
    norm_ratio: float | None = None
    uncertainty: float | None = None
    directions: tuple[DirectionalDerivative, ...] = ()
    note: str = ""

    @property
    def resolved(self) -> int:
        """Number of directions along which the solve has a derivative."""
        return sum(direction.difference is not None for direction in self.directions)
