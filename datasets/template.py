"""Pairs made from the ICBM 152 template: real anatomy under a known deformation, without a download."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from datasets import icbm152, stored, synthesis
from datasets.base import Dataset, refuse_source
from datasets.cache import DerivedFolder, sha256
from datasets.fetching import FetchRequest
from datasets.pair import Pair, PairInfo
from datasets.recipes import RECIPES_2D, RECIPES_3D, Recipe

SUBJECT = "icbm152"

_RECIPE_CODE = (
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


class TemplateDataset(Dataset[ParamsT]):
    """What the two datasets share: a derived folder in the cache, made when first needed."""

    dimension: ClassVar[int]
    recipes: tuple[Recipe, ...]
    recipe_code: ClassVar[tuple[str, ...]] = _RECIPE_CODE

    @property
    def version(self) -> str:
        """Hash of the template's files, of the recipe's code and of the libraries that it calls."""
        return self._version

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        return (
            f"The ICBM 152 2009a T1 template under known deformations ({self._geometry}): one anatomy, with "
            "a true transform and tissue labels for every pair. Scores tell how well a known deformation is "
            "recovered; they are no evidence about accuracy between different subjects."
        )

    def fetch(self, request: FetchRequest) -> None:
        """Make every pair loadable: generate them all unless the cache has them."""
        refuse_source(request, self.name)
        self._folder.ensure()
        if request.check_hashes:
            for pair_id in self._stored_pairs():
                self._folder.checked(pair_id)

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs without reading an image."""
        return tuple(self._stored_pairs().values())

    def load(self, pair_id: str) -> Pair:
        """Read one pair from the cache, which is filled or mended first where necessary.

        Raises
        ------
        KeyError
            When the dataset has no such pair.
        CacheError
            When the cache cannot hold what is written to it.
        """
        infos = self._stored_pairs()
        if pair_id not in infos:
            raise KeyError(f"{self.name} has no pair {pair_id!r}, only {', '.join(infos)}")
        return self._read(infos[pair_id])

    @property
    @abstractmethod
    def _geometry(self) -> str: ...

    @abstractmethod
    def _stage(self) -> synthesis.Stage: ...

    def _stored_pairs(self) -> dict[str, PairInfo]:
        infos = [synthesis.pair_info(recipe, self.dimension, SUBJECT) for recipe in self.recipes]
        return {info.pair_id: info for info in infos}

    def _read(self, info: PairInfo) -> Pair:
        return stored.read_pair(self._folder.checked(info.pair_id), info, icbm152.LABEL_NAMES)

    @cached_property
    def _version(self) -> str:
        parts = {
            "template": icbm152.fingerprint(),
            **{name: sha256(Path(__file__).with_name(name)) for name in self.recipe_code},
            **{package: package_version(package) for package in ("numpy", "scipy", "SimpleITK")},
        }
        return _digest(parts)

    @cached_property
    def _folder(self) -> DerivedFolder:
        params: dict[str, Any] = TypeAdapter(self.Params).dump_python(self.params)
        recipe = {"dataset": self.name, "version": self.version, **{k: str(v) for k, v in params.items()}}
        return DerivedFolder(
            self.cache_root / "derived" / self.name / _digest(recipe), recipe, self._generate
        )

    def _generate(self, folder: Path) -> None:
        for pair in synthesis.make_pairs(self._stage(), self.recipes, SUBJECT):
            stored.write_pair(folder / pair.info.pair_id, pair)


class Template2D(TemplateDataset[Template2DParams]):
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


class Template3D(TemplateDataset[Template3DParams]):
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


def _digest(parts: Mapping[str, str]) -> str:
    text = "\n".join(f"{key}={value}" for key, value in sorted(parts.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
