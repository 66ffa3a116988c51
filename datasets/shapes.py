"""Pairs of circles and of triangles, filled or hollow: large deformations between simple outlines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets.base import Dataset, refuse_source
from datasets.fetching import FetchRequest
from datasets.grid import Grid
from datasets.outlines import HOLE, SHAPE, Kind, drawn_image, drawn_labels, random_outline
from datasets.pair import Pair, PairInfo

KINDS: tuple[Kind, ...] = ("circle", "triangle")
_CODE = ("grid.py", "outlines.py", "shapes.py")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Shapes2DParams:
    """Parameters of ``shapes2d``.

    Attributes
    ----------
    count : int
        Pairs. They are filled circles, filled triangles, hollow circles and hollow triangles in turn; a larger
        number adds to a smaller one.
    size : int
        Pixels along each side, of 1 mm.
    seed : int
        From which positions, sizes and rotations derive.
    """

    count: Annotated[int, Field(ge=1, le=10_000)] = 8
    size: Annotated[int, Field(ge=32, le=1024)] = 128
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Shapes2D(Dataset[Shapes2DParams]):
    """Circles and triangles, filled or hollow, of random size, position and rotation; drawn when asked for."""

    name = "shapes2d"
    Params = Shapes2DParams
    choosing = ("count",)

    @property
    def version(self) -> str:
        """Hash of the code that draws, and of numpy's version."""
        return self._version

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        return (
            f"Circles and triangles, filled or hollow, {self.params.size}×{self.params.size} pixels of 1 mm, of random "
            "size, position and rotation: the hollow triangles and circles on which inverse-consistent registration "
            "(ICON, GradICON) is shown. Both images of a pair show the same kind. There is no true transform, and "
            "nothing but the outlines to hold on to; scores are no evidence about anatomy."
        )

    def fetch(self, request: FetchRequest) -> None:
        """Do nothing: pairs are drawn when they are loaded."""
        refuse_source(request, self.name)

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs; each has two subjects of its own."""
        return tuple(info for info, _, _ in self._plan())

    def load(self, pair_id: str) -> Pair:
        """Draw one pair.

        Raises
        ------
        KeyError
            When the dataset has no such pair.
        """
        planned = {info.pair_id: (info, number, hollow) for info, number, hollow in self._plan()}
        if pair_id not in planned:
            raise KeyError(f"{self.name} has no pair {pair_id!r}, only {', '.join(planned)}")
        info, number, hollow = planned[pair_id]
        random = np.random.default_rng([self.params.seed, number])
        side = self.params.size
        grid = Grid.centred((side, side), 1.0, (0.0, 0.0))
        kind = KINDS[number % 2]
        fixed, moving = (random_outline(random, kind, side, hollow=hollow) for _ in range(2))
        return Pair(
            info=info,
            fixed=grid.image(drawn_image(fixed, grid)),
            moving=grid.image(drawn_image(moving, grid)),
            fixed_labels=grid.image(drawn_labels(fixed, grid)),
            moving_labels=grid.image(drawn_labels(moving, grid)),
            label_names={SHAPE: "shape", HOLE: "hole"} if hollow else {SHAPE: "shape"},
        )

    def _plan(self) -> Iterator[tuple[PairInfo, int, bool]]:
        """Information, number and hollowness of each pair."""
        for number in range(self.params.count):
            hollow = number // 2 % 2 == 1
            kind = f"hollow-{KINDS[number % 2]}" if hollow else KINDS[number % 2]
            pair_id = f"{kind}-{number:04d}"
            subjects = (f"{pair_id}-fixed", f"{pair_id}-moving")
            yield PairInfo(pair_id, dimension=2, subjects=subjects, kind=kind), number, hollow

    @cached_property
    def _version(self) -> str:
        digest = sha256(package_version("numpy").encode())
        for name in _CODE:
            digest.update(Path(__file__).with_name(name).read_bytes())
        return digest.hexdigest()[:16]
