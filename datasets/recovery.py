"""Template pairs pushed off their solution, to tell whether a solver comes back to it.

"Back" compares a solver with itself: it registers the same two images from the undisturbed start, which is the rigid
part of the true transform, and from that start disturbed. It is back when both solves end in the same place: with the
same RMSE and with the same transform. How close that has to be, a gate says (``benchmarks.gate_config.RecoveryGate``).
The scans differ in contrast curve and bias field, so that the solution is not the true transform exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from datasets import synthesis
from datasets.grid import Grid
from datasets.recipes import Motion, Recipe, Scanner, Spline
from datasets.starts import UNDISTURBED, Base, Disturbance, Draws, StartsDataset, slice_height_mm
from datasets.template import Seed, Spacing

_OTHER_SCAN = Scanner(gamma=1.15, bias=0.2)
_RECIPES = (
    Recipe("rigid", motion=Motion(translation_mm=3.0, rotation_deg=5.0), moving=_OTHER_SCAN),
    Recipe(
        "affine",
        motion=Motion(translation_mm=3.0, rotation_deg=5.0, scaling=0.06, shear=0.05),
        moving=_OTHER_SCAN,
    ),
    Recipe("bspline", deformation=Spline(control_points=4, amplitude_mm=8.0), moving=_OTHER_SCAN),
)
_TRANSLATIONS_PX = (1.0, 5.0)
_ROTATIONS_RAD = (0.1,)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RecoveryParams:
    """Parameters of ``recovery2d``.

    Attributes
    ----------
    seed : int
        From which every deformation, bias field and disturbance derives.
    draws : int
        Pairs of images of each kind, and so directions of each disturbance.
    """

    seed: Seed = 0
    draws: Draws = 5


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Recovery3DParams(RecoveryParams):
    """Parameters of ``recovery3d``: those of ``recovery2d``, and a voxel size.

    Attributes
    ----------
    spacing_mm : float
        Voxel size: 1, 2, 3 or 4 mm.
    """

    spacing_mm: Spacing = 2.0


RecoveryT = TypeVar("RecoveryT", bound=RecoveryParams)


class RecoveryDataset(StartsDataset[RecoveryT]):
    """What the two datasets share: three kinds of pairs, disturbed by 1 voxel, 5 voxels and 0.1 rad."""

    code = (*StartsDataset.code, "recovery.py")
    choosing = ("draws",)

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        return (
            "The ICBM 152 2009a T1 template and a moved or deformed copy with another contrast curve and bias field "
            f"({self._geometry}). Every pair is solved from the rigid part of its true transform, and from there after "
            "a shift by 1 or 5 voxels in a random direction or a rotation by 0.1 rad about the centre. What matters is "
            "whether a solver ends in the same place from all of them; scores are no evidence about accuracy between "
            "different subjects."
        )

    @property
    def _seed(self) -> int:
        return self.params.seed

    def _make_bases(self) -> Sequence[Base]:
        return [
            Base(recipe.kind, replace(recipe, kind=f"{recipe.kind}-{draw}", slice_z_mm=slice_height_mm(draw)))
            for recipe in _RECIPES
            for draw in range(self.params.draws)
        ]

    def _disturbances(self) -> Sequence[Disturbance]:
        return (
            self._disturbance(UNDISTURBED, UNDISTURBED),
            *(self._disturbance(f"translation-{px:g}px", "translation", px=px) for px in _TRANSLATIONS_PX),
            *(self._disturbance(f"rotation-{rad:g}rad", "rotation", rad=rad) for rad in _ROTATIONS_RAD),
        )

    def _disturbance(self, name: str, kind: str, px: float = 0.0, rad: float = 0.0) -> Disturbance:
        conditions = {"start_translation_px": px, "start_rotation_rad": rad}
        return Disturbance(name, kind, conditions, px * self._grid.spacing_mm, math.degrees(rad))

    def _kind(self, base: Base, disturbance: Disturbance) -> str:
        return f"{base.kind}, {disturbance.kind}"


class Recovery2D(RecoveryDataset[RecoveryParams]):
    """Whether a solver comes back to its solution when pushed off it: axial slices, 256×256 at 1 mm."""

    name = "recovery2d"
    Params = RecoveryParams
    dimension = 2

    @property
    def _geometry(self) -> str:
        return "axial slices, 256×256 at 1 mm"

    @property
    def _grid(self) -> Grid:
        return synthesis.slice_grid()


class Recovery3D(RecoveryDataset[Recovery3DParams]):
    """Whether a solver comes back to its solution when pushed off it: volumes at the asked spacing."""

    name = "recovery3d"
    Params = Recovery3DParams
    dimension = 3

    @property
    def _geometry(self) -> str:
        return f"volumes at {self.params.spacing_mm:g} mm"

    @property
    def _grid(self) -> Grid:
        return synthesis.volume_grid(self.params.spacing_mm)
