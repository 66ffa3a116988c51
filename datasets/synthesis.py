"""From a recipe to a pair: the template seen through a deformation and through a scanner."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from datasets.appearance import scan
from datasets.draws import random_displacement, random_flow, random_motion, random_spline
from datasets.grid import Grid, PointFunction
from datasets.icbm152 import CENTRE_MM, LABEL_NAMES, Anatomy, Template
from datasets.pair import Pair, PairInfo
from datasets.recipes import Flow, Recipe, Scanner, Spline
from datasets.warps import ComposedWarp, SplineWarp, Warp

_SLICE_SIZE = (256, 256)
_VOLUME_EXTENT_MM = (184, 216, 184)
_TAPER_MM = {2: 30.0, 3: 14.0}
_LATTICE_MM = 4


@dataclass(frozen=True)
class Stage:
    """Where pairs are made.

    Attributes
    ----------
    template : Template
        The volume.
    grid : Grid
        Grid of both images.
    supersampling : int
        Samples of the template per voxel and axis, which are averaged.
    seed : int
        Source of all random numbers.
    """

    template: Template
    grid: Grid
    supersampling: int
    seed: int

    def rng(self, name: str) -> np.random.Generator:
        """Return random numbers of their own for a purpose."""
        return np.random.default_rng([self.seed, self.grid.dimension, zlib.crc32(name.encode())])

    def anatomy(self, recipe: Recipe, place: PointFunction) -> Anatomy:
        """Return the template at ``place(voxel)`` for every voxel, averaged over the voxel's samples."""
        template = self.template if self.grid.dimension == 3 else self.template.axial_slice(recipe.slice_z_mm)
        fine = self.grid.refined(self.supersampling)
        points = fine.sample(place, lattice_step(fine)).reshape(-1, fine.dimension)
        return template.at(points).block_means(self.grid, self.supersampling)


def slice_grid() -> Grid:
    """Return the grid of the axial slices."""
    return Grid.centred(_SLICE_SIZE, 1.0, CENTRE_MM[:2])


def volume_grid(spacing_mm: float) -> Grid:
    """Return the grid of the volumes: the same field of view at every spacing, up to a voxel."""
    return Grid.centred(tuple(int(n // spacing_mm) for n in _VOLUME_EXTENT_MM), spacing_mm, CENTRE_MM)


def lattice_step(grid: Grid) -> int:
    """Return how coarsely a smooth map may be evaluated: everywhere in 2D, every 4 mm in 3D."""
    return 1 if grid.dimension == 2 else max(1, round(_LATTICE_MM / grid.spacing_mm))


def subject_warp(stage: Stage) -> SplineWarp:
    """Return the map from the fixed image to the template, which makes a subject of the template.

    The template is exactly symmetric. Seen through a random smooth deformation, the same for all pairs, it is
    not, so a confusion of left and right cannot go unnoticed; and both images are interpolated alike.
    """
    return random_displacement(stage.rng("anatomy"), stage.grid, control_spacing_mm=48.0, amplitude_mm=5.0)


def true_warp(stage: Stage, recipe: Recipe) -> Warp:
    """Return the map from fixed to moving points."""
    rng = stage.rng(recipe.kind)
    parts: list[Warp] = []
    match recipe.deformation:
        case Spline(control_points, amplitude_mm):
            parts.append(
                random_spline(rng, stage.grid, [control_points] * stage.grid.dimension, amplitude_mm)
            )
        case Flow(control_spacing_mm, amplitude_mm):
            taper_mm = _TAPER_MM[stage.grid.dimension]
            parts.append(random_flow(rng, stage.grid, control_spacing_mm, amplitude_mm, taper_mm))
        case None:
            pass
    if recipe.motion is not None:
        parts.append(random_motion(rng, recipe.motion, np.asarray(CENTRE_MM[: stage.grid.dimension])))
    return ComposedWarp(tuple(parts))


def make_pairs(stage: Stage, recipes: Sequence[Recipe], subject_name: str) -> Iterator[Pair]:
    """Make pairs one by one.

    The moving image is the fixed anatomy seen through the inverse of the true map T, so that moving(T(x))
    equals fixed(x) up to interpolation and to what the scanners add.
    """
    subject = subject_warp(stage)
    fixed_anatomies: dict[int, Anatomy] = {}
    for recipe in recipes:
        if recipe.slice_z_mm not in fixed_anatomies:
            fixed_anatomies[recipe.slice_z_mm] = stage.anatomy(recipe, subject.forward)
        yield _make_pair(stage, recipe, subject, fixed_anatomies[recipe.slice_z_mm], subject_name)


def pair_info(recipe: Recipe, dimension: int, subject_name: str) -> PairInfo:
    """Return what is known of a recipe's pair before it is made."""
    return PairInfo(recipe.kind, dimension, (subject_name,), recipe.kind)


def _make_pair(stage: Stage, recipe: Recipe, subject: Warp, fixed: Anatomy, subject_name: str) -> Pair:
    warp = true_warp(stage, recipe)
    moving = stage.anatomy(recipe, lambda points: subject.forward(warp.inverse(points)))
    return Pair(
        info=pair_info(recipe, stage.grid.dimension, subject_name),
        fixed=_scan(stage, fixed, recipe.fixed, f"{recipe.kind} fixed"),
        moving=_scan(stage, moving, recipe.moving, f"{recipe.kind} moving"),
        fixed_mask=_mask(stage.grid, fixed),
        moving_mask=_mask(stage.grid, moving),
        fixed_labels=stage.grid.image(fixed.labels()),
        moving_labels=stage.grid.image(moving.labels()),
        label_names=LABEL_NAMES,
        true_transform=warp.transform(stage.grid, lattice_step(stage.grid)),
    )


def _scan(stage: Stage, anatomy: Anatomy, scanner: Scanner, name: str) -> sitk.Image:
    return stage.grid.image(scan(anatomy, stage.grid, scanner, stage.rng(name)).astype(np.float32))


def _mask(grid: Grid, anatomy: Anatomy) -> sitk.Image:
    return grid.image((anatomy.brain >= 0.5).astype(np.uint8))
