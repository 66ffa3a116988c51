"""What the datasets share whose pairs are read from files and then prepared."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from datasets.base import Dataset, DatasetError
from datasets.pair import Pair, PairInfo
from datasets.preparation.pipeline import prepare, version
from datasets.preparation.remembered import Memory
from datasets.preparation.settings import Preparation
from datasets.preparation.slicing import axial_info, axial_pair


class PreparedParams(Protocol):
    """Parameters with a ``preparation`` among them."""

    @property
    def preparation(self) -> Preparation:
        """What is done to the images."""


ParamsT = TypeVar("ParamsT", bound=PreparedParams)


class PreparedDataset(Dataset[ParamsT]):
    """A dataset that reads its pairs from files and prepares them as its parameters say.

    A subclass lists and reads pairs as its source has them. Its version should cover
    :func:`datasets.preparation.version`; what the preparation asks for is among the parameters.
    """

    @abstractmethod
    def source_pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs of the source without reading an image."""

    @abstractmethod
    def read(self, pair_id: str) -> Pair:
        """Read and check one pair of the source, whose id is one of :meth:`source_pairs`."""

    def source_versions(self) -> Mapping[str, str]:
        """Return by id what the content of each pair of the source depends on."""
        return {info.pair_id: self.version for info in self.source_pairs()}

    def versions(self) -> Mapping[str, str]:
        """Return by pair id what each pair's content depends on: that of the source's pair it comes from."""
        sources = self.source_versions()
        return {info.pair_id: sources[source] for info, source, _ in self._prepared()}

    def pairs(self) -> tuple[PairInfo, ...]:
        """List what becomes of the source's pairs: themselves, or each of their slices.

        Raises
        ------
        DatasetError
            When slices of a 2D pair are asked for.
        """
        return tuple(info for info, _, _ in self._prepared())

    def load(self, pair_id: str) -> Pair:
        """Read, check and prepare one pair.

        Raises
        ------
        KeyError
            When there is no such pair.
        DatasetError
            When a file cannot be used or a step cannot be done.
        """
        found = {info.pair_id: (source, height) for info, source, height in self._prepared()}
        if pair_id not in found:
            raise KeyError(f"{self.name} has no pair {pair_id!r}, only {', '.join(found)}")
        source, height = found[pair_id]
        if height is None:
            return self._prepare(source)
        return self._slice(source, height)

    def _prepare(self, source: str) -> Pair:
        return prepare(self.read(source), self.params.preparation, self.cache_root, self.name)

    def _slice(self, source: str, height: float) -> Pair:
        """Cut a slice, unless it is kept from before: no volume is read then."""
        preparation = self.params.preparation
        recipe = {
            "step": "slice",
            "code": version(),
            "source": f"{source} {self.source_versions()[source]}",
            "preparation": repr(replace(preparation, axial_slices=())),
            "height": repr(height),
        }

        def cut() -> Pair:
            pair = self._prepare(source)
            return axial_pair(pair, height, preparation.slice_size, preparation.spacing_mm or 1.0)

        return Memory(self.cache_root, self.name, source).pair(recipe, cut)

    def _prepared(self) -> list[tuple[PairInfo, str, float | None]]:
        """Return every pair with the source's pair that it comes from, and the height of its slice."""
        sources = self.source_pairs()
        heights = self.params.preparation.axial_slices
        if not heights:
            return [(info, info.pair_id, None) for info in sources]
        for info in sources:
            if info.dimension != 3:
                raise DatasetError(
                    f"pair {info.pair_id}: is 2D, so that no slices can be cut out of it: leave out axial_slices"
                )
        return [(axial_info(info, height), info.pair_id, height) for info in sources for height in heights]
