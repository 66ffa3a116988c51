"""Whether a backend's gradient is that of its own solve.

A finite, non-zero gradient can point anywhere. The yardstick is the backend itself: along smooth random directions
one image is changed a little either way, the whole registration runs again, and the loss that the backend reports is
compared. A solve is a function with steps in it: a perturbation may change how many iterations it takes or which
minimum it ends in, and rounding makes the rest uneven. Steps are therefore shortened until two of them agree, and a
direction along which none do is left out: there is no derivative to compare with.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from adapters.interface import Adapter, DifferentiableAdapter, Gradients, Problem, Resources
from benchmarks.gradient_record import DirectionalDerivative, GradientCheck, GradientCheckRequest, ImageName
from benchmarks.plain_data import storable

FloatArray = npt.NDArray[np.float64]
Loss = Callable[[Problem], float]

SMOOTHNESS_VOXELS = 3.0
# No simple ratio: quotients of a loss that moves in equal steps would agree by chance at half the step.
SHORTER = 0.6
MOST_STEPS = 8
# Where not one direction has settled by then, shorter steps see more noise, not less.
HOPELESS_STEPS = 4
# Difference quotients agree when they differ by less than this share of the median derivative.
AGREEMENT = 0.02
# A check whose own error may exceed this share cannot tell whether a norm is right within 5%.
LARGEST_UNCERTAINTY = 0.05
# Of few quotients some agree by chance.
SMALLEST_RESOLVED_SHARE = 0.75


class OutOfTimeError(Exception):
    """Another solve might not end within the time that the job has."""


@dataclass
class TimeLeft:
    """Ends a series of solves in time.

    Attributes
    ----------
    end : float
        When the job has to be done, as ``time.monotonic`` counts.
    """

    end: float
    _slowest_s: float = field(default=0.0, init=False)

    def run(self, loss: Loss, problem: Problem) -> float:
        """Return the loss unless twice the time of the slowest so far no longer fits.

        Raises
        ------
        OutOfTimeError
            When it does not.
        """
        start = time.monotonic()
        if start + 2 * self._slowest_s > self.end:
            raise OutOfTimeError
        value = loss(problem)
        self._slowest_s = max(self._slowest_s, time.monotonic() - start)
        return value


def check_backend(
    make: Callable[[], Adapter[Any]],
    problem: Problem,
    gradients: Gradients,
    request: GradientCheckRequest,
    resources: Resources,
    time_left: TimeLeft,
) -> GradientCheck:
    """Compare a backend's gradient with differences of its own solve.

    Parameters
    ----------
    make : callable
        Returns a new differentiable adapter with the parameters of the job.
    problem, gradients, request, time_left
        See :func:`check_gradient`.
    resources : Resources
        Those of the job.

    Returns
    -------
    GradientCheck
        A solve that fails ends the check and is its note: nothing that the job has measured is lost.
    """

    def loss(changed: Problem) -> float:
        adapter = make()
        assert isinstance(adapter, DifferentiableAdapter)
        adapter.prepare(changed, resources, request.seed)
        adapter.register()
        return adapter.loss()

    try:
        return check_gradient(loss, problem, gradients, request, time_left)
    except (Exception, SystemExit) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return GradientCheck(note=storable(f"failed: {said}"[:500]))


def check_gradient(
    loss: Loss,
    problem: Problem,
    gradients: Gradients,
    request: GradientCheckRequest,
    time_left: TimeLeft,
) -> GradientCheck:
    """Compare a gradient with central differences along smooth random directions.

    Directions perturb the moving and the fixed image in turn. Each is Gaussian noise inside the image's mask,
    smoothed (σ of 3 voxels), of root mean square 1 there.

    Parameters
    ----------
    loss : callable
        Registers a problem and returns the loss that ``gradients`` belongs to.
    problem : Problem
        Where the gradient was taken.
    gradients : Gradients
        What the backward pass returned.
    request : GradientCheckRequest
        Number of directions, seed that they derive from, largest step.
    time_left : TimeLeft
        When to give up.

    Returns
    -------
    GradientCheck
        With a note instead of numbers where the gradient is not finite or time ran out.
    """
    if not all(np.isfinite(gradient).all() for gradient in (gradients.moving, gradients.fixed)):
        return GradientCheck(note="the gradient is not finite")
    lines = [_Line.draw(problem, gradients, number, request.seed) for number in range(request.directions)]
    try:
        for number in range(MOST_STEPS):
            step = request.step * SHORTER**number
            for line in lines:
                if not line.agreed:
                    line.differences.append(_central_difference(loss, problem, line, step, time_left))
                    line.numbers.append(number)
            _settle(lines)
            if number + 1 == HOPELESS_STEPS and not any(line.agreed for line in lines):
                break
    except OutOfTimeError:
        solves = 2 * sum(len(line.differences) for line in lines)
        return GradientCheck(note=f"given up after {solves} solves: the time limit of the job was near")
    return summarise([line.derivative(request.step) for line in lines])


def summarise(directions: Sequence[DirectionalDerivative]) -> GradientCheck:
    """Return cosine and norm ratio over the directions that have a derivative, where these carry them."""
    known = tuple(directions)
    resolved = [(d.gradient, d.difference, d.discrepancy) for d in known if d.difference is not None]
    counted = f"{len(resolved)} of {len(known)} directions"
    if len(resolved) < SMALLEST_RESOLVED_SHARE * len(known):
        return GradientCheck(
            directions=known,
            note=f"unreliable: the solve jumps or is too noisy; differences agree along {counted} only",
        )
    found, expected, discrepancies = np.array(resolved).T
    size, reference = float(np.linalg.norm(found)), float(np.linalg.norm(expected))
    uncertainty = float(np.linalg.norm(discrepancies)) / reference
    if uncertainty > LARGEST_UNCERTAINTY:
        return GradientCheck(
            uncertainty=uncertainty,
            directions=known,
            note=f"unreliable: differences at two steps are {uncertainty:.0%} apart",
        )
    if size == 0:
        return GradientCheck(
            norm_ratio=0.0, uncertainty=uncertainty, directions=known, note="the gradient is zero"
        )
    return GradientCheck(
        cosine=float(np.clip(found @ expected / (size * reference), -1, 1)),
        norm_ratio=size / reference,
        uncertainty=uncertainty,
        directions=known,
        note="" if len(resolved) == len(known) else f"over {counted}: along the others the solve jumps",
    )


@dataclass
class _Line:
    """A direction, the backward pass's derivative along it, and the difference quotients so far.

    Each quotient has its number: how often the step had been shortened. One that was passed over, while the line was
    taken as settled, leaves a gap.
    """

    image: ImageName
    direction: FloatArray
    gradient: float
    differences: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    agreed: bool = False

    @classmethod
    def draw(cls, problem: Problem, gradients: Gradients, number: int, seed: int) -> _Line:
        image: ImageName = "fixed" if number % 2 else "moving"
        direction = smooth_direction(_region(problem, image), np.random.default_rng([abs(seed), number]))
        by_image = gradients.fixed if image == "fixed" else gradients.moving
        return cls(image, direction, float(np.sum(by_image.astype(np.float64) * direction)))

    @property
    def neighbours(self) -> bool:
        """Whether there are two quotients, the last ones, of one step and the next."""
        return len(self.numbers) > 1 and self.numbers[-1] == self.numbers[-2] + 1

    @property
    def discrepancy(self) -> float:
        return abs(self.differences[-1] - self.differences[-2])

    def derivative(self, first_step: float) -> DirectionalDerivative:
        return DirectionalDerivative(
            image=self.image,
            gradient=self.gradient,
            difference=self.differences[-1] if self.agreed else None,
            discrepancy=self.discrepancy,
            step=first_step * SHORTER ** self.numbers[-1],
        )


def _settle(lines: Sequence[_Line]) -> None:
    """Mark the directions whose last two difference quotients agree, on the scale of all of them.

    The scale falls when others leave a jump behind: what agreed on the larger one may no longer. A quotient of exactly
    zero is none: the loss is too coarse to answer to so small a step.
    """
    scale = median(abs(line.differences[-1]) for line in lines)
    for line in lines:
        line.agreed = line.neighbours and line.differences[-1] != 0 and line.discrepancy <= AGREEMENT * scale


def _central_difference(loss: Loss, problem: Problem, line: _Line, step: float, time_left: TimeLeft) -> float:
    ahead, behind = (
        time_left.run(loss, perturbed(problem, line.image, change))
        for change in (step * line.direction, -step * line.direction)
    )
    if not math.isfinite(ahead - behind):
        raise ValueError(f"the loss is not finite when the {line.image} image changes by {step:g}")
    return (ahead - behind) / (2 * step)


def smooth_direction(region: npt.NDArray[np.bool_], random: np.random.Generator) -> FloatArray:
    """Return smoothed noise drawn inside a region, of root mean square 1 there."""
    noise = np.where(region, random.standard_normal(region.shape), 0.0)
    smooth = np.asarray(gaussian_filter(noise, SMOOTHNESS_VOXELS, mode="constant"), dtype=np.float64)
    return smooth / float(np.sqrt(np.mean(smooth[region] ** 2)))


def perturbed(problem: Problem, image: ImageName, change: FloatArray) -> Problem:
    """Return the problem with something added to one of its images."""
    source = problem.fixed if image == "fixed" else problem.moving
    array = sitk.GetArrayFromImage(source).astype(np.float64) + change
    changed = sitk.GetImageFromArray(array.astype(np.float32))
    changed.CopyInformation(source)
    fixed, moving = (changed, problem.moving) if image == "fixed" else (problem.fixed, changed)
    return Problem(fixed, moving, problem.fixed_mask, problem.moving_mask, problem.true_transform)


def _region(problem: Problem, image: ImageName) -> npt.NDArray[np.bool_]:
    """Return where an image counts: its mask; for a moving image on the fixed grid else the fixed mask."""
    source, mask = (
        (problem.fixed, problem.fixed_mask) if image == "fixed" else (problem.moving, problem.moving_mask)
    )
    if mask is None and source.GetSize() == problem.fixed.GetSize():
        mask = problem.fixed_mask
    region = np.ones(source.GetSize()[::-1], dtype=bool)
    if mask is not None and (inside := sitk.GetArrayFromImage(mask) != 0).any():
        region = inside
    return region
