"""Steps are done once: their results lie in the cache under a hash of all that went into them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk
from pydantic import TypeAdapter

from datasets.cache import DerivedFolder, sha256
from datasets.disk import write_image, write_transform
from datasets.pair import IMAGE_ROLES, Pair, PairInfo

_CONTENT = "content"
_TOLD = "pair.json"


@dataclass(frozen=True)
class _Told:
    """What is kept of a pair beside its images."""

    info: PairInfo
    label_names: dict[int, str]


@dataclass(frozen=True)
class Memory:
    """Where a dataset keeps the results of steps.

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

    def transform(self, recipe: Mapping[str, str], find: Callable[[], sitk.Transform]) -> sitk.Transform:
        """Return a transform, found at most once for every recipe.

        Parameters
        ----------
        recipe : mapping
            All that the result depends on: the step, a hash of the code that does it, settings, and
            :func:`fingerprint` of the images or what stands for it.
        find : callable
            Does the work.
        """

        def build(folder: Path) -> None:
            write_transform(find(), folder / "transform.h5")

        return sitk.ReadTransform(str(self._folder(recipe, build) / "transform.h5"))

    def images(
        self, recipe: Mapping[str, str], make: Callable[[], Mapping[str, sitk.Image]]
    ) -> dict[str, sitk.Image]:
        """Return images by name, made at most once for every recipe; see :meth:`transform`."""

        def build(folder: Path) -> None:
            for name, image in make().items():
                write_image(image, folder / f"{name}.mha")

        return _read_images(self._folder(recipe, build))

    def pair(self, recipe: Mapping[str, str], make: Callable[[], Pair]) -> Pair:
        """Return a pair of images, masks and labels alone, made at most once for every recipe.

        What else there may be, transforms and landmarks, is not kept; see :meth:`transform`.
        """

        def build(folder: Path) -> None:
            pair = make()
            for name in IMAGE_ROLES:
                if (image := getattr(pair, name)) is not None:
                    write_image(image, folder / f"{name}.mha")
            told = TypeAdapter(_Told).dump_json(_Told(pair.info, dict(pair.label_names)))
            (folder / _TOLD).write_bytes(told)

        folder = self._folder(recipe, build)
        told = TypeAdapter(_Told).validate_json((folder / _TOLD).read_bytes())
        return Pair(told.info, **_read_images(folder), label_names=told.label_names)

    def _folder(self, recipe: Mapping[str, str], build: Callable[[Path], None]) -> Path:
        whole = {**recipe, "SimpleITK": sitk.Version.VersionString()}
        name = hashlib.sha256(repr(sorted(whole.items())).encode()).hexdigest()[:16]

        def fill(folder: Path) -> None:
            content = folder / _CONTENT
            content.mkdir()
            build(content)

        path = self.cache_root / "derived" / self.dataset / name
        return DerivedFolder(path, {**whole, "pair": self.pair_id}, fill).checked(_CONTENT)


def _read_images(folder: Path) -> dict[str, sitk.Image]:
    return {path.stem: sitk.ReadImage(str(path)) for path in sorted(folder.glob("*.mha"))}


def code_of(module_file: str) -> str:
    """Return a hash of a module's source, given its ``__file__``."""
    return sha256(Path(module_file))[:16]


def fingerprint(image: sitk.Image) -> str:
    """Return a hash of an image's values, their type and their place in space."""
    digest = hashlib.sha256(repr(image.GetPixelIDTypeAsString()).encode())
    for part in (image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()):
        digest.update(repr(part).encode())
    digest.update(sitk.GetArrayViewFromImage(image))
    return digest.hexdigest()[:32]
