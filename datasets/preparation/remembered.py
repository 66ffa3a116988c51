"""Costly steps are done once: their results lie in the cache under a hash of all that went into them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import SimpleITK as sitk

from datasets.cache import DerivedFolder, sha256
from datasets.disk import write_image, write_transform

_CONTENT = "content"


@dataclass(frozen=True)
class Memory:
    """Where a dataset keeps the results of costly steps.

    Attributes
    ----------
    cache_root : Path
        Results lie in ``derived/<dataset>/<recipe hash>/`` below it.
    dataset : str
        Name of the dataset.
    pair_id : str
        Written to the manifest beside the recipe, for people.
    """

    cache_root: Path
    dataset: str
    pair_id: str

    def transform(
        self, step: ModuleType, recipe: Mapping[str, str], find: Callable[[], sitk.Transform]
    ) -> sitk.Transform:
        """Return a transform, found at most once for every recipe.

        Parameters
        ----------
        step : module
            Whose source does the work.
        recipe : mapping
            All that the result depends on: settings, and :func:`fingerprint` of the images.
        find : callable
            Does the work.
        """

        def build(folder: Path) -> None:
            write_transform(find(), folder / "transform.h5")

        return sitk.ReadTransform(str(self._folder(step, recipe, build) / "transform.h5"))

    def image(
        self, step: ModuleType, recipe: Mapping[str, str], make: Callable[[], sitk.Image]
    ) -> sitk.Image:
        """Return an image, made at most once for every recipe; see :meth:`transform`."""

        def build(folder: Path) -> None:
            write_image(make(), folder / "image.mha")

        return sitk.ReadImage(str(self._folder(step, recipe, build) / "image.mha"))

    def _folder(self, step: ModuleType, recipe: Mapping[str, str], build: Callable[[Path], None]) -> Path:
        whole = {
            **recipe,
            "step": step.__name__.rpartition(".")[2],
            "code": sha256(Path(str(step.__file__)))[:16],
            "SimpleITK": sitk.Version.VersionString(),
        }
        name = hashlib.sha256(repr(sorted(whole.items())).encode()).hexdigest()[:16]

        def fill(folder: Path) -> None:
            content = folder / _CONTENT
            content.mkdir()
            build(content)

        path = self.cache_root / "derived" / self.dataset / name
        return DerivedFolder(path, {**whole, "pair": self.pair_id}, fill).checked(_CONTENT)


def fingerprint(image: sitk.Image) -> str:
    """Return a hash of an image's values, their type and their place in space."""
    digest = hashlib.sha256(repr(image.GetPixelIDTypeAsString()).encode())
    for part in (image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()):
        digest.update(repr(part).encode())
    digest.update(sitk.GetArrayViewFromImage(image))
    return digest.hexdigest()[:32]
