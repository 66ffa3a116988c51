"""Pairs that start from a known rigid disturbance: the same images from several starts.

The start lies in the header of the moving image: origin and direction are those of an image that was moved as a whole.
Its voxels are untouched, so that every start asks the solver for the minimum of the same function. Resampling the
moving image to each start would smooth it differently each time, and that alone moves solutions by thousandths of a
voxel.
"""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import SimpleITK as sitk
from pydantic import Field
from scipy.linalg import polar
from scipy.spatial.transform import Rotation

from datasets import icbm152, stored, synthesis
from datasets.draws import rotation
from datasets.grid import FloatArray, Grid
from datasets.icbm152 import CENTRE_MM
from datasets.pair import Pair, PairInfo
from datasets.recipes import Recipe
from datasets.template import SUBJECT, DeformedTemplate, ParamsT
from datasets.warps import LinearWarp, product

# Normalisation takes the 99.5th percentile inside the mask, where the start brings it, for 1. The brightest fifth of
# the brain, white matter, is made equal, so that this is the same value wherever a start brings the mask.
_CUT_PERCENTILE = 80.0
UNDISTURBED = "undisturbed"
# Through the middle of the brain.
_LOWEST_SLICE_MM, _SLICES_MM, _STRIDE_MM = 4, 24, 7

Draws = Annotated[int, Field(ge=1, le=1000)]


@dataclass(frozen=True)
class Disturbance:
    """A rigid motion of fixed points, put before what a pair would start from.

    Attributes
    ----------
    name : str
        Tells it from the others of a dataset.
    kind : str
        ``translation``, ``rotation`` or ``undisturbed``.
    conditions : mapping of str to float
        The same in the words of the dataset, unit included; all 0 where nothing is disturbed.
    translation_mm : float
        Length of the shift.
    rotation_deg : float
        Angle about the centre of the grid.
    """

    name: str
    kind: str
    conditions: Mapping[str, float]
    translation_mm: float = 0.0
    rotation_deg: float = 0.0

    def motion(self, rng: np.random.Generator, dimension: int) -> LinearWarp:
        """Return the motion: its sizes are exactly those named; direction, axis and sign are drawn."""
        shift_mm = self.translation_mm * _direction(rng, dimension)
        return LinearWarp.about(np.asarray(CENTRE_MM[:dimension]), self._matrix(rng, dimension), shift_mm)

    def _matrix(self, rng: np.random.Generator, dimension: int) -> FloatArray:
        if dimension == 2:
            return rotation([self.rotation_deg * rng.choice((-1.0, 1.0))])
        turn_deg = self.rotation_deg * _direction(rng, dimension)
        return np.asarray(Rotation.from_rotvec(turn_deg, degrees=True).as_matrix())


@dataclass(frozen=True)
class Base:
    """Two images that several pairs share.

    Attributes
    ----------
    kind : str
        What is to be found.
    recipe : Recipe
        How they are made; its kind is a name of their own, under which they are stored.
    """

    kind: str
    recipe: Recipe


class StartsDataset(DeformedTemplate[ParamsT]):
    """A few base pairs, each from the undisturbed start and from every disturbance.

    Where the true transform is linear, the undisturbed start is its rigid part: the rotation of the polar
    decomposition, and where it takes the centre of the grid. Of other transforms it is the identity.
    """

    code = (*DeformedTemplate.code, "starts.py")

    def __init__(self, params: ParamsT, cache_root: Path) -> None:
        super().__init__(params, cache_root)
        self._bases = tuple(self._make_bases())
        self.recipes = tuple(base.recipe for base in self._bases)

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs without reading an image."""
        return tuple(
            self._info(base, disturbance) for base in self._bases for disturbance in self._disturbances()
        )

    def load(self, pair_id: str) -> Pair:
        """Read the two images from the cache, which is filled or mended first where necessary, and place the start.

        Raises
        ------
        KeyError
            When the dataset has no such pair.
        CacheError
            When the cache cannot hold what is written to it.
        """
        for base in self._bases:
            for disturbance in self._disturbances():
                info = self._info(base, disturbance)
                if info.pair_id == pair_id:
                    return self._placed(base, disturbance, info)
        raise KeyError(f"{self.name} has no pair {pair_id!r}, only {self.pairs()[0].pair_id} and its like")

    @property
    @abstractmethod
    def _seed(self) -> int: ...

    @property
    @abstractmethod
    def _grid(self) -> Grid: ...

    @abstractmethod
    def _make_bases(self) -> Sequence[Base]: ...

    @abstractmethod
    def _disturbances(self) -> Sequence[Disturbance]:
        """Return what each base is disturbed by; the first is named ``UNDISTURBED`` and is none."""

    @abstractmethod
    def _kind(self, base: Base, disturbance: Disturbance) -> str: ...

    def _info(self, base: Base, disturbance: Disturbance) -> PairInfo:
        return PairInfo(
            pair_id=f"{base.recipe.kind}-{disturbance.name}",
            dimension=self.dimension,
            subjects=(SUBJECT,),
            kind=self._kind(base, disturbance),
            conditions=dict(disturbance.conditions),
            undisturbed=f"{base.recipe.kind}-{UNDISTURBED}",
        )

    def _placed(self, base: Base, disturbance: Disturbance, info: PairInfo) -> Pair:
        stored_info = synthesis.pair_info(base.recipe, self.dimension, SUBJECT)
        pair = stored.read_pair(self._folder.checked(base.recipe.kind), stored_info, self.label_names)
        # Drawn without the template: a worker that reads a pair need not hold it.
        rng = np.random.default_rng([self._seed, self.dimension, zlib.crc32(info.pair_id.encode())])
        motion = disturbance.motion(rng, self.dimension)
        assert pair.true_transform is not None
        return moved(replace(pair, info=info), after(rigid_part(pair.true_transform), motion))

    def _stage(self) -> synthesis.Stage:
        grid = self._grid
        return synthesis.Stage(icbm152.load_template(), grid, round(grid.spacing_mm), self._seed)

    def _computed(self) -> tuple[PairInfo, ...]:
        return super().pairs()

    def _make_pairs(self) -> Iterator[Pair]:
        return map(_cut, super()._make_pairs())


def slice_height_mm(draw: int) -> int:
    """Return the height of the axial slice of a draw: neighbouring draws lie apart, and the first 24 differ."""
    return _LOWEST_SLICE_MM + _STRIDE_MM * draw % _SLICES_MM


def after(second: LinearWarp, first: LinearWarp) -> LinearWarp:
    """Return the map that applies ``first``, then ``second``."""
    return LinearWarp(second.matrix @ first.matrix, second.forward(first.offset_mm))


def rigid_part(transform: sitk.Transform) -> LinearWarp:
    """Return the rigid motion nearest to a linear transform about the centre of the grid; of others the identity."""
    dimension = transform.GetDimension()
    centre = np.asarray(CENTRE_MM[:dimension])
    if not transform.IsLinear():
        return LinearWarp(np.eye(dimension), np.zeros(dimension))
    image_of_centre = np.asarray(transform.TransformPoint(centre.tolist()))
    columns = [
        np.asarray(transform.TransformPoint((centre + unit).tolist())) - image_of_centre
        for unit in np.eye(dimension)
    ]
    nearest, _ = polar(np.stack(columns, axis=-1))
    return LinearWarp.about(centre, nearest, image_of_centre - centre)


def moved(pair: Pair, start: LinearWarp) -> Pair:
    """Return a pair whose moving image lies so in space that the identity is now what ``start`` was before.

    Parameters
    ----------
    pair : Pair
        Without a prealignment.
    start : LinearWarp
        Rigid; maps fixed to moving points.
    """
    inverse = LinearWarp(start.matrix.T, -product(start.matrix.T, start.offset_mm))
    back = sitk.AffineTransform(pair.info.dimension)
    back.SetMatrix(inverse.matrix.ravel().tolist())
    back.SetTranslation(inverse.offset_mm.tolist())
    # ITK applies the transform that was added last first.
    truth = sitk.CompositeTransform([back, pair.true_transform]) if pair.true_transform else None
    return replace(
        pair,
        moving=_placed_by(inverse, pair.moving),
        moving_mask=_placed_by(inverse, pair.moving_mask) if pair.moving_mask else None,
        moving_labels=_placed_by(inverse, pair.moving_labels) if pair.moving_labels else None,
        true_transform=truth,
    )


def _placed_by(motion: LinearWarp, image: sitk.Image) -> sitk.Image:
    dimension = image.GetDimension()
    placed = sitk.Image(image)
    placed.SetOrigin(motion.forward(np.asarray(image.GetOrigin())).tolist())
    direction = np.asarray(image.GetDirection()).reshape(dimension, dimension)
    placed.SetDirection((motion.matrix @ direction).ravel().tolist())
    return placed


def _cut(pair: Pair) -> Pair:
    return replace(
        pair,
        fixed=_cut_image(pair.fixed, pair.fixed_mask),
        moving=_cut_image(pair.moving, pair.moving_mask),
    )


def _cut_image(image: sitk.Image, mask: sitk.Image) -> sitk.Image:
    inside = sitk.GetArrayFromImage(image)[sitk.GetArrayFromImage(mask) != 0]
    highest = float(np.percentile(inside, _CUT_PERCENTILE))
    return sitk.Minimum(image, highest)


def _direction(rng: np.random.Generator, dimension: int) -> FloatArray:
    drawn = rng.standard_normal(dimension)
    unit: FloatArray = drawn / np.sqrt(np.sum(drawn**2))
    return unit
