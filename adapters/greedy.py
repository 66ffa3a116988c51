"""Adapter for greedy, the fast diffeomorphic registration of PICSL, through its Python package."""

from __future__ import annotations

import io
import shlex
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from adapters.coordinates import lps_field_transform, ras_matrix_transform
from adapters.interface import Adapter, JsonValue, Problem, Registration, Resources
from adapters.options import (
    Count,
    Iterations,
    NonNegative,
    Positive,
    positive_seed,
    reject_foreign_options,
)

LINEAR = frozenset({"rigid", "similarity", "affine"})
DEFORMABLE = frozenset({"deformable"})

OWNERS = {
    "step_length_voxels": DEFORMABLE,
    "update_sigma_voxels": DEFORMABLE,
    "total_sigma_voxels": DEFORMABLE,
    "initialization": LINEAR,
}

DEFAULT_CC_RADIUS = 2
DEFAULT_STEP_LENGTH_VOXELS = 1.0
DEFAULT_UPDATE_SIGMA_VOXELS = 1.732
DEFAULT_TOTAL_SIGMA_VOXELS = 0.7071

DEGREES_OF_FREEDOM = {"rigid": 6, "similarity": 7, "affine": 12}
START_FLAGS = {"identity": "-ia-identity", "geometry": "-ia-image-centers"}


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class GreedyParams:
    """Parameters of greedy; None stands for its own documented default.

    Attributes
    ----------
    model : str
        ``deformable``, ``rigid``, ``similarity`` or ``affine``.
    metric : str
        ``ncc`` (local normalised cross correlation), ``ssd``, ``mi`` or ``nmi``.
    iterations : tuple of int
        Iterations per level, coarse to fine; levels are subsampled by 2^(levels−1), ..., 2, 1.
    cc_radius : int or None
        ``ncc``: half width of the window in voxels, 2 by default.
    step_length_voxels : float or None
        Longest vector of an update in voxels of the level, greedy's ``-e``; 1 by default.
    update_sigma_voxels : float or None
        Gaussian smoothing of each update, standard deviation in voxels; 1.732 by default.
    total_sigma_voxels : float or None
        Gaussian smoothing of the total field, standard deviation in voxels; 0.7071 by default.
    initialization : str or None
        Start of the linear models: ``identity`` (default) or ``geometry``: centres of the grids.
    precision : str
        Floating point numbers inside greedy: ``double``, as its documentation recommends, or ``float``.
    use_fixed_mask : bool
        Compute metric gradients inside the fixed mask only.
    """

    model: Literal["deformable", "rigid", "similarity", "affine"] = "deformable"
    metric: Literal["ncc", "ssd", "mi", "nmi"] = "ncc"
    iterations: Iterations = (100, 50, 10)
    cc_radius: Count | None = None
    step_length_voxels: Positive | None = None
    update_sigma_voxels: NonNegative | None = None
    total_sigma_voxels: NonNegative | None = None
    initialization: Literal["identity", "geometry"] | None = None
    precision: Literal["double", "float"] = "double"
    use_fixed_mask: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> GreedyParams:
        reject_foreign_options(self, "model", OWNERS)
        if self.cc_radius is not None and self.metric != "ncc":
            raise ValueError("cc_radius has no effect without metric 'ncc'")
        return self


class Greedy(Adapter[GreedyParams]):
    """Greedy diffeomorphic registration (Yushkevich et al., Alzheimer's & Dementia 2016).

    Timed: pyramid and optimisation. The inverse of a deformable result is no part of greedy's algorithm; it
    is computed afterwards by greedy's fixed-point inversion, untimed. No prealignment inside.
    """

    name = "greedy"
    requires = ("picsl_greedy",)
    Params = GreedyParams

    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Hand both images to greedy, which copies them."""
        import picsl_greedy

        precision = "Float" if self.params.precision == "float" else ""
        self._greedy = getattr(picsl_greedy, f"Greedy{precision}{problem.dimension}D")()
        self._log = io.StringIO()
        self._problem = problem
        self._threads = resources.threads
        self._seed = positive_seed(seed)
        self._masked = self.params.use_fixed_mask and problem.fixed_mask is not None
        self._hand_images_over()
        self._images_are_spent = False

    def register(self) -> None:
        """Run greedy, which adds noise to its copies in place: a second run gets the images anew."""
        if self._images_are_spent:
            self._hand_images_over()
        self._images_are_spent = True
        self._execute(self.command(), "answer")
        self._levels = self._greedy.metric_log()

    def result(self) -> Registration:
        """Turn greedy's matrix (RAS) or warp (LPS, mm) into transforms."""
        trace = self._trace()
        costs = [level[-1] for level in trace if level]
        if self.params.model in LINEAR:
            transform = ras_matrix_transform(np.asarray(self._greedy["answer"], dtype=np.float64))
            inverse = transform.GetInverse()
        else:
            transform = lps_field_transform(self._greedy["answer"], self._problem.fixed)
            inverse = lps_field_transform(self._inverse_warp(), self._problem.fixed)
        return Registration(
            transform,
            inverse=inverse,
            statistics={
                "iterations": sum(len(level) for level in trace),
                "final_cost": costs[-1] if costs else None,
            },
            effective=self._effective(),
            trace=trace,
        )

    def command(self) -> str:
        """Return greedy's command line, in its own words and units."""
        params = self.params
        parts = ["-i fixed moving", f"-m {self._metric()}", f"-n {_by_x(params.iterations)}"]
        if params.model in LINEAR:
            parts += [
                "-a",
                f"-dof {DEGREES_OF_FREEDOM[params.model]}",
                START_FLAGS[params.initialization or "identity"],
            ]
        else:
            update = _given(params.update_sigma_voxels, DEFAULT_UPDATE_SIGMA_VOXELS)
            total = _given(params.total_sigma_voxels, DEFAULT_TOTAL_SIGMA_VOXELS)
            parts += [
                f"-s {update:g}vox {total:g}vox",
                f"-e {_given(params.step_length_voxels, DEFAULT_STEP_LENGTH_VOXELS):g}",
                "-wp 0",
            ]
        if self._masked:
            parts.append("-gm mask")
        return " ".join([*parts, f"-threads {self._threads} -seed {self._seed} -V 0 -o answer"])

    def _metric(self) -> str:
        if self.params.metric != "ncc":
            return self.params.metric.upper()
        radius = self.params.cc_radius or DEFAULT_CC_RADIUS
        return f"NCC {_by_x((radius,) * self._problem.dimension)}"

    def _hand_images_over(self) -> None:
        self._greedy["fixed"] = self._problem.fixed
        self._greedy["moving"] = self._problem.moving
        if self._masked:
            self._greedy["mask"] = self._problem.fixed_mask

    def _inverse_warp(self) -> sitk.Image:
        """Invert the warp; greedy's inversion reads it from a file alone."""
        with tempfile.TemporaryDirectory(prefix="greedy-") as folder:
            path = Path(folder) / "warp.mha"
            sitk.WriteImage(self._greedy["answer"], str(path))
            self._execute(
                f"-iw {shlex.quote(str(path))} inverse -wp 0 -V 0 -threads {self._threads}", "inverse"
            )
        return self._greedy["inverse"]

    def _execute(self, command: str, output: str) -> None:
        self._greedy[output] = None
        self._greedy.execute(command, out=self._log, err=self._log)

    def _trace(self) -> tuple[tuple[float, ...], ...]:
        """Return costs per level; deformable greedy reports similarities, to be maximised, but for ssd."""
        maximised = self.params.model == "deformable" and self.params.metric != "ssd"
        sign = -1.0 if maximised else 1.0
        return tuple(
            tuple(sign * float(value) for value in level["TotalPerPixelMetric"]) for level in self._levels
        )

    def _effective(self) -> dict[str, JsonValue]:
        return {"command": f"greedy {self.command()}", "precision": self.params.precision}


def _given(value: float | None, default: float) -> float:
    return default if value is None else value


def _by_x(numbers: tuple[Any, ...]) -> str:
    return "x".join(str(number) for number in numbers)
