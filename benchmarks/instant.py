"""A backend that takes no time and a dataset that takes no space: what is left is the cost of the harness."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import SimpleITK as sitk
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from adapters.interface import Adapter, Problem, Registration, Resources
from datasets.base import Dataset
from datasets.fetching import FetchRequest
from datasets.pair import Pair, PairInfo

SIDE = 16


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class InstantParams:
    """No parameters."""


class Instant(Adapter[InstantParams]):
    """Returns the identity at once."""

    name = "instant"
    Params = InstantParams

    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:  # noqa: ARG002
        """Keep the dimension."""
        self._dimension = problem.fixed.GetDimension()

    def register(self) -> None:
        """Do nothing."""

    def result(self) -> Registration:
        """Return the identity."""
        return Registration(sitk.TranslationTransform(self._dimension))


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TinyParams:
    """Parameters of the tiny dataset.

    Attributes
    ----------
    count : int
        How many pairs.
    """

    count: int = 1


class Tiny(Dataset[TinyParams]):
    """Pairs of small noise images."""

    name = "tiny"
    Params = TinyParams

    @property
    def version(self) -> str:
        """Never changes."""
        return "1"

    @property
    def description(self) -> str:
        """Say what they are."""
        return "Pairs of small noise images, which show nothing but what the harness costs."

    def fetch(self, request: FetchRequest) -> None:
        """Do nothing: everything is computed."""

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs."""
        return tuple(self._infos.values())

    def load(self, pair_id: str) -> Pair:
        """Return a pair of images."""
        return Pair(self._infos[pair_id], *self._images)

    @cached_property
    def _images(self) -> tuple[sitk.Image, sitk.Image]:
        """The same for all pairs: making or reading them is the cost of a dataset."""
        fixed, moving = np.random.default_rng(0).random((2, SIDE, SIDE))
        return sitk.GetImageFromArray(fixed), sitk.GetImageFromArray(moving)

    @cached_property
    def _infos(self) -> dict[str, PairInfo]:
        infos = (PairInfo(f"pair-{n}", 2, (f"s{n}",), "noise") for n in range(self.params.count))
        return {info.pair_id: info for info in infos}
