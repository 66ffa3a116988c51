"""Template pairs shifted and turned by known amounts, to tell from how far a backend finds the solution.

A base pair differs by a smooth deformation of a few millimetres and by its scanner, as two scans of a head do after a
rough alignment. On top of it comes a shift or a rotation, so that what has to be found is known at every level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets import icbm152, synthesis
from datasets.grid import Grid
from datasets.recipes import Flow, Recipe, Scanner
from datasets.starts import UNDISTURBED, Base, Disturbance, Draws, StartsDataset, slice_height_mm
from datasets.template import Seed, Spacing

_FIELD_OF_VIEW_MM = 256

Translations = Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], Field(min_length=1)]
Rotations = Annotated[tuple[Annotated[float, Field(gt=0, le=180)], ...], Field(min_length=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class CaptureRangeParams:
    """Parameters of ``capture_range2d`` and ``capture_range3d``.

    Attributes
    ----------
    seed : int
        From which every deformation, bias field, noise and disturbance derives.
    draws : int
        Pairs of images, and so directions of each disturbance.
    translations_mm : tuple of float
        Lengths of the shifts; every pair of images is there undisturbed too.
    rotations_deg : tuple of float
        Angles about the centre of the grid.
    spacing_mm : float
        Voxel size: 1, 2, 3 or 4 mm.
    """

    seed: Seed = 0
    draws: Draws = 5
    translations_mm: Translations = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0)
    rotations_deg: Rotations = (5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0)
    spacing_mm: Spacing = 2.0


class CaptureRangeDataset(StartsDataset[CaptureRangeParams]):
    """What the two datasets share: every base pair at every level of shift and of rotation."""

    Params = CaptureRangeParams
    code = (*StartsDataset.code, "capture_range.py")
    choosing = ("draws", "translations_mm", "rotations_deg")

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        return (
            "The ICBM 152 2009a T1 template and a copy under a smooth deformation of at most 3 mm, with noise and "
            f"another bias field ({self._geometry}), shifted in a random direction or turned about the centre by a "
            "known amount. Scores tell from how far a backend finds the solution; a purely deformable one is not made "
            "to bridge a large motion, and its small range is no fault of it."
        )

    def _make_bases(self) -> Sequence[Base]:
        return [
            Base(
                "capture",
                Recipe(
                    f"draw-{draw}",
                    slice_height_mm(draw),
                    deformation=Flow(control_spacing_mm=36.0, amplitude_mm=3.0),
                    fixed=Scanner(noise=0.02),
                    moving=Scanner(gamma=1.1, bias=0.1, noise=0.02),
                ),
            )
            for draw in range(self.params.draws)
        ]

    def _disturbances(self) -> Sequence[Disturbance]:
        return (
            _disturbance(UNDISTURBED, UNDISTURBED),
            *(
                # In full: what the pair is follows from its name.
                _disturbance(f"translation-{mm:.15g}mm", "translation", mm=mm)
                for mm in self.params.translations_mm
            ),
            *(
                _disturbance(f"rotation-{deg:.15g}deg", "rotation", deg=deg)
                for deg in self.params.rotations_deg
            ),
        )

    def _kind(self, base: Base, disturbance: Disturbance) -> str:  # noqa: ARG002
        return disturbance.kind

    @property
    def _seed(self) -> int:
        return self.params.seed


class CaptureRange2D(CaptureRangeDataset):
    """From how far a backend finds the solution: axial slices over 256 mm, shifted or turned by known amounts."""

    name = "capture_range2d"
    dimension = 2

    @property
    def _geometry(self) -> str:
        return f"axial slices of {_FIELD_OF_VIEW_MM} mm at {self.params.spacing_mm:g} mm"

    @property
    def _grid(self) -> Grid:
        samples = int(_FIELD_OF_VIEW_MM // self.params.spacing_mm)
        return Grid.centred((samples, samples), self.params.spacing_mm, icbm152.CENTRE_MM[:2])


class CaptureRange3D(CaptureRangeDataset):
    """From how far a backend finds the solution: volumes, shifted or turned by known amounts."""

    name = "capture_range3d"
    dimension = 3

    @property
    def _geometry(self) -> str:
        return f"volumes at {self.params.spacing_mm:g} mm"

    @property
    def _grid(self) -> Grid:
        return synthesis.volume_grid(self.params.spacing_mm)


def _disturbance(name: str, kind: str, mm: float = 0.0, deg: float = 0.0) -> Disturbance:
    return Disturbance(name, kind, {"start_translation_mm": mm, "start_rotation_deg": deg}, mm, deg)
