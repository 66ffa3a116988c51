"""What the 2D fixtures show: slices of the template, and a photograph, at any place of the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from datasets.grid import Float32Array, Grid, PointFunction
from datasets.photograph import Photograph
from datasets.recipes import Recipe
from datasets.synthesis import Stage
from datasets.warps import Warp

_PHOTOGRAPH_SAMPLES = 2


@dataclass(frozen=True, eq=False)
class View:
    """A scene at the samples of a grid. All arrays have the grid's shape.

    Attributes
    ----------
    signal : ndarray of float32
        Intensity, 0 to 1.
    mask : ndarray of bool or None
        What counts; None where everything does.
    labels : ndarray of uint8 or None
        Tissues, see ``datasets.icbm152.LABEL_NAMES``.
    """

    signal: Float32Array
    mask: npt.NDArray[np.bool_] | None = None
    labels: npt.NDArray[np.uint8] | None = None


class Scene(Protocol):
    """Something that can be looked at through a map of the plane."""

    def view(self, place: PointFunction) -> View:
        """Return what lies at ``place(sample)`` for every sample of the scene's grid."""


@dataclass(frozen=True, eq=False)
class TemplateSlice:
    """An axial slice of the template, seen through the deformation that makes a subject of it.

    Attributes
    ----------
    stage : Stage
        Where pairs are made; its grid is the one that is looked at.
    slice_z_mm : int
        Height in the template.
    subject : Warp
        From points of the subject to points of the template.
    """

    stage: Stage
    slice_z_mm: int
    subject: Warp

    def view(self, place: PointFunction) -> View:
        """Return the slice, with the mask of the brain and the tissues."""
        recipe = Recipe("slice", self.slice_z_mm)
        anatomy = self.stage.anatomy(recipe, lambda points: self.subject.forward(place(points)))
        return View(anatomy.t1, np.asarray(anatomy.brain >= 0.5), anatomy.labels())


@dataclass(frozen=True, eq=False)
class PhotographScene:
    """A photograph, averaged over every pixel; it has neither mask nor labels.

    Attributes
    ----------
    photograph : Photograph
        What is looked at.
    grid : Grid
        Where.
    """

    photograph: Photograph
    grid: Grid

    def view(self, place: PointFunction) -> View:
        """Return the photograph."""
        fine = self.grid.refined(_PHOTOGRAPH_SAMPLES)
        values = self.photograph.at(fine.sample(place, step=1).reshape(-1, 2)).astype(np.float32)
        return View(self.grid.block_means(values, _PHOTOGRAPH_SAMPLES))
