"""Pairs made from the ICBM 152 template: real anatomy under a known deformation, without a download."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, TypeVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets import icbm152, synthesis
from datasets.derived import DerivedDataset, code_hashes
from datasets.pair import Pair, PairInfo
from datasets.recipes import RECIPES_2D, RECIPES_3D, Recipe

SUBJECT = "icbm152"

RECIPE_CODE = (
    "appearance.py",
    "draws.py",
    "grid.py",
    "icbm152.py",
    "recipes.py",
    "synthesis.py",
    "warps.py",
)

ParamsT = TypeVar("ParamsT")
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Spacing = Annotated[float, Field(ge=1.0, le=4.0, multiple_of=1.0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Template2DParams:
    """Parameters of ``template2d``.

    Attributes
    ----------
    seed : int
        From which every deformation, bias field and noise derives.
    """

    seed: Seed = 0


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Template3DParams:
    """Parameters of ``template3d``.

    Attributes
    ----------
    seed : int
        From which every deformation, bias field and noise derives.
    spacing_mm : float
        Voxel size: 1, 2, 3 or 4 mm.
    """

    seed: Seed = 0
    spacing_mm: Spacing = 2.0


class TemplateDataset(DerivedDataset[ParamsT]):
    """What datasets made from the template share.

    Attributes
    ----------
    code : tuple of str
        The modules of this package that the content of its pairs depends on.
    """

    code: ClassVar[tuple[str, ...]] = RECIPE_CODE
    label_names = icbm152.LABEL_NAMES

    def _origins(self) -> Mapping[str, str]:
        return {"template": icbm152.fingerprint(), **code_hashes(self.code)}


class DeformedTemplate(TemplateDataset[ParamsT]):
    """One pair for each of a list of recipes."""

    dimension: ClassVar[int]
    recipes: tuple[Recipe, ...]

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        return (
            f"The ICBM 152 2009a T1 template under known deformations ({self._geometry}): one anatomy, with "
            "a true transform and tissue labels for every pair. Scores tell how well a known deformation is "
            "recovered; they are no evidence about accuracy between different subjects."
        )

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs without reading an image."""
        return tuple(synthesis.pair_info(recipe, self.dimension, SUBJECT) for recipe in self.recipes)

    @property
    @abstractmethod
    def _geometry(self) -> str: ...

    @abstractmethod
    def _stage(self) -> synthesis.Stage: ...

    def _make_pairs(self) -> Iterator[Pair]:
        return synthesis.make_pairs(self._stage(), self.recipes, SUBJECT)


class Template2D(DeformedTemplate[Template2DParams]):
    """Axial slices, 256×256 at 1 mm, one pair for each kind of deformation."""

    name = "template2d"
    Params = Template2DParams
    dimension = 2
    recipes = RECIPES_2D

    @property
    def _geometry(self) -> str:
        return "axial slices, 256×256 at 1 mm"

    def _stage(self) -> synthesis.Stage:
        return synthesis.Stage(
            icbm152.load_template(), synthesis.slice_grid(), supersampling=1, seed=self.params.seed
        )


class Template3D(DeformedTemplate[Template3DParams]):
    """Volumes, deformed at 1 mm and then averaged to the asked spacing."""

    name = "template3d"
    Params = Template3DParams
    dimension = 3
    recipes = RECIPES_3D

    @property
    def _geometry(self) -> str:
        return f"volumes at {self.params.spacing_mm:g} mm"

    def _stage(self) -> synthesis.Stage:
        spacing_mm = self.params.spacing_mm
        return synthesis.Stage(
            icbm152.load_template(),
            synthesis.volume_grid(spacing_mm),
            supersampling=round(spacing_mm),
            seed=self.params.seed,
        )
