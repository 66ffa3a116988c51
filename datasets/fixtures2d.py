"""The dataset ``fixtures2d``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets import icbm152, photograph
from datasets.csv_pairs import CsvPairs, CsvParams
from datasets.derived import DerivedDataset
from datasets.fetching import FetchRequest
from datasets.fixtures import BRAINS, FIXTURES, fixture_origins, info_of, make_fixtures
from datasets.pair import Pair, PairInfo
from datasets.preparation import Preparation

# Slices through the middle, from a common affine start, as far as an affine map goes.
_SLICED = Preparation(mask="foreground", spacing_mm=1.0, prealignment="affine", axial_slices=(0.5,))


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Fixtures2DParams:
    """Parameters of ``fixtures2d``.

    Attributes
    ----------
    seed : int
        From which every drawn transform, bias field and noise derives.
    brains : Path or None
        A list of volumes as the dataset ``csv`` takes it: the middle axial slices of its pairs, at 1 mm and from an
        affine start, take the place of the pair ``brains``, as ``brains-<pair_id>-axial50``.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    brains: Path | None = None


class Fixtures2D(DerivedDataset[Fixtures2DParams]):
    """Five pairs of a protocol: translation, rotation, affine, B-spline and a pair of brain slices."""

    name = "fixtures2d"
    Params = Fixtures2DParams
    label_names = icbm152.LABEL_NAMES

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        brains = (
            "two noisy slices with drifted intensities and a small motion, in place of real ones"
            if self._listed is None
            else f"middle slices of the pairs listed in {self._listed.params.path.name}, without a known transform"
        )
        return (
            "Five pairs of 256×256 pixels of 1 mm: slices of the ICBM 152 2009a T1 template moved by 3.5 pixels, "
            "turned by 15° and deformed by a B-spline of 4×4 control points; a photograph under an affine map "
            f"({photograph.CREDIT}), without mask and labels; and brains: {brains}. Scores tell how well a known "
            "transform is recovered; they are no evidence about accuracy between different subjects."
        )

    def fetch(self, request: FetchRequest) -> None:
        """Make every pair loadable, and check the list of brains."""
        super().fetch(request)
        if self._listed is not None:
            self._listed.fetch(request)

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs; reads the headers of the images that a list of brains names."""
        return (*self._computed(), *(info for info, _ in self._sliced))

    def versions(self) -> Mapping[str, str]:
        """Return by pair id what each pair's content depends on: of listed brains, their files."""
        made = {info.pair_id: self.version for info in self._computed()}
        listed = {} if self._listed is None else self._listed.versions()
        return made | {info.pair_id: listed[source] for info, source in self._sliced}

    def load(self, pair_id: str) -> Pair:
        """Read one pair from the cache, or slices of the listed volumes."""
        for info, source in self._sliced:
            if info.pair_id == pair_id and self._listed is not None:
                return replace(self._listed.load(source), info=info)
        return super().load(pair_id)

    def _computed(self) -> tuple[PairInfo, ...]:
        return tuple(
            info_of(fixture)
            for fixture in FIXTURES
            if fixture.pair_id != BRAINS or self.params.brains is None
        )

    @cached_property
    def _listed(self) -> CsvPairs | None:
        path = self.params.brains
        return None if path is None else CsvPairs(CsvParams(path, preparation=_SLICED), self.cache_root)

    @cached_property
    def _sliced(self) -> tuple[tuple[PairInfo, str], ...]:
        """The slices of listed volumes, with the ids that their own dataset knows them by."""
        return tuple(
            (replace(info, pair_id=f"{BRAINS}-{info.pair_id}", kind=BRAINS), info.pair_id)
            for info in (() if self._listed is None else self._listed.pairs())
        )

    def _recipe_params(self) -> Mapping[str, str]:
        return {"seed": str(self.params.seed)}

    def _origins(self) -> Mapping[str, str]:
        return fixture_origins()

    def _make_pairs(self) -> Iterator[Pair]:
        return make_fixtures(FIXTURES, self.params.seed)
