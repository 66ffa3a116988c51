"""The steps of a preparation, one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import SimpleITK as sitk

from datasets.base import DatasetError
from datasets.cache import sha256
from datasets.pair import Pair
from datasets.preparation import intensities, prealignment
from datasets.preparation.errors import StepError
from datasets.preparation.geometry import foreground_box, reorient
from datasets.preparation.masks import otsu_foreground
from datasets.preparation.remembered import Memory, code_of, fingerprint
from datasets.preparation.resolution import resample_isotropic
from datasets.preparation.settings import Preparation

_FEWEST_SAMPLES = 4
_ADVICE = "correct the file, leave the pair out or change the preparation"


@dataclass(frozen=True)
class _Side:
    """One image of a pair with what lies on its grid.

    Attributes
    ----------
    name : str
        Begins error messages.
    image : SimpleITK.Image
        Scalar image.
    mask, labels : SimpleITK.Image or None
        On its grid.
    """

    name: str
    image: sitk.Image
    mask: sitk.Image | None
    labels: sitk.Image | None

    @property
    def images(self) -> dict[str, sitk.Image]:
        """What there is, by name."""
        found = {"image": self.image, "mask": self.mask, "labels": self.labels}
        return {name: one for name, one in found.items() if one is not None}

    def mapped(
        self, image: Callable[[sitk.Image], sitk.Image], discrete: Callable[[sitk.Image], sitk.Image]
    ) -> _Side:
        """Apply a function to the image, and another to mask and labels."""
        mask, labels = (None if one is None else discrete(one) for one in (self.mask, self.labels))
        return replace(self, image=image(self.image), mask=mask, labels=labels)


def prepare(pair: Pair, preparation: Preparation, cache_root: Path, dataset: str) -> Pair:
    """Apply all steps up to the prealignment to a pair; what comes out is kept.

    Parameters
    ----------
    pair : Pair
        As read.
    preparation : Preparation
        What to do.
    cache_root : Path
        The prepared images and the prealignments are kept in ``derived/<dataset>/<recipe hash>/`` below it,
        and so are the images that went through nothing but the costly correction of the bias field. The hash
        covers settings, code and the content of the images that go in, so pairs share what is prepared of an
        image of theirs. Several processes may ask at once.
    dataset : str
        Name of the dataset.

    Raises
    ------
    DatasetError
        When a step cannot be done, naming pair and image.
    """
    memory = Memory(cache_root, dataset, pair.info.pair_id)
    fixed, moving = (
        _prepared(_Side(f"pair {memory.pair_id}: the {name} image", image, mask, labels), preparation, memory)
        for name, image, mask, labels in (
            ("fixed", pair.fixed, pair.fixed_mask, pair.fixed_labels),
            ("moving", pair.moving, pair.moving_mask, pair.moving_labels),
        )
    )
    return replace(
        pair,
        fixed=fixed.image,
        moving=moving.image,
        fixed_mask=fixed.mask,
        moving_mask=moving.mask,
        fixed_labels=fixed.labels,
        moving_labels=moving.labels,
        prealignment=_prealigned(pair, fixed.image, moving.image, preparation, memory),
    )


@cache
def version() -> str:
    """Return a hash of the code that prepares, for a dataset's version."""
    digest = hashlib.sha256(sitk.Version.VersionString().encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(f"{path.name} {sha256(path)}\n".encode())
    return digest.hexdigest()[:16]


def _prepared(side: _Side, preparation: Preparation, memory: Memory) -> _Side:
    try:
        if not preparation.image_steps:
            _refuse_nothing_left(side)
            return side
        given = {name: fingerprint(image) for name, image in side.images.items()}
        recipe = {"step": "images", "code": version(), **preparation.image_steps, **given}
        kept = memory.images(recipe, lambda: _stepped(side, preparation, memory).images)
    except StepError as error:
        raise DatasetError(f"{side.name} {error}: {_ADVICE}") from None
    return _Side(side.name, kept["image"], kept.get("mask"), kept.get("labels"))


def _stepped(side: _Side, preparation: Preparation, memory: Memory) -> _Side:
    side = _oriented(side, preparation)
    side = _masked(side, preparation)
    side = _cropped(side, preparation)
    side = _without_bias(side, preparation, memory)
    side = _resampled(side, preparation)
    if preparation.intensity == "unit":
        image = intensities.scaled_to_unit(side.image, preparation.intensity_percentiles)
        side = replace(side, image=image)
    _refuse_nothing_left(side)
    return side


def _oriented(side: _Side, preparation: Preparation) -> _Side:
    code = preparation.orientation
    if code is None:
        return side
    if side.image.GetDimension() != 3:
        raise StepError(f"is 2D, which cannot be reoriented to {code}")
    return side.mapped(lambda image: reorient(image, code), lambda image: reorient(image, code))


def _masked(side: _Side, preparation: Preparation) -> _Side:
    if preparation.mask == "given" or side.mask is not None:
        return side
    mask = side.image != 0 if preparation.mask == "foreground" else otsu_foreground(side.image)
    return replace(side, mask=_not_empty(mask))


def _cropped(side: _Side, preparation: Preparation) -> _Side:
    if preparation.crop == "none":
        return side
    mask = side.image != 0 if side.mask is None else side.mask
    box = foreground_box(_not_empty(mask), preparation.crop_margin_mm)
    return side.mapped(lambda image: image[box], lambda image: image[box])


def _without_bias(side: _Side, preparation: Preparation, memory: Memory) -> _Side:
    if preparation.bias_correction == "none":
        return side
    image, mask = side.image, side.image != 0 if side.mask is None else side.mask
    recipe = {
        "step": "bias_correction",
        "code": code_of(intensities.__file__),
        "image": fingerprint(image),
        "mask": fingerprint(mask),
    }
    corrected = memory.images(recipe, lambda: {"image": intensities.without_bias(image, mask)})
    return replace(side, image=corrected["image"])


def _resampled(side: _Side, preparation: Preparation) -> _Side:
    mm = preparation.spacing_mm
    if mm is None:
        return side
    return side.mapped(
        lambda image: resample_isotropic(image, mm, labels=False),
        lambda image: resample_isotropic(image, mm, labels=True),
    )


def _prealigned(
    pair: Pair, fixed: sitk.Image, moving: sitk.Image, preparation: Preparation, memory: Memory
) -> sitk.Transform | None:
    model, metric = preparation.prealignment, preparation.prealignment_metric
    if model == "none":
        return pair.prealignment
    recipe = {
        "step": "prealignment",
        "code": code_of(prealignment.__file__),
        "fixed": fingerprint(fixed),
        "moving": fingerprint(moving),
        "model": model,
        "metric": metric,
    }

    def find() -> sitk.Transform:
        return prealignment.prealign(fixed, moving, model, metric)

    try:
        return memory.transform(recipe, find)
    except StepError as error:
        raise DatasetError(f"pair {pair.info.pair_id}: the moving image {error}: {_ADVICE}") from None


def _not_empty(mask: sitk.Image) -> sitk.Image:
    if not sitk.GetArrayViewFromImage(mask).any():
        raise StepError("has no foreground")
    return mask


def _refuse_nothing_left(side: _Side) -> None:
    if min(side.image.GetSize()) < _FEWEST_SAMPLES:
        size = "×".join(map(str, side.image.GetSize()))
        raise StepError(f"is {size} after preparation, fewer than {_FEWEST_SAMPLES} samples along an axis")
    if side.mask is not None and not sitk.GetArrayViewFromImage(side.mask).any():
        raise StepError("has an empty mask after preparation")
