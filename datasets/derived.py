"""What the datasets share whose pairs are computed: a derived folder in the cache, made when first needed."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version as package_version
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import TypeAdapter

from datasets import stored
from datasets.base import Dataset, refuse_source
from datasets.cache import DerivedFolder, sha256
from datasets.fetching import FetchRequest
from datasets.pair import Pair, PairInfo

ParamsT = TypeVar("ParamsT")

_LIBRARIES = ("numpy", "scipy", "SimpleITK")


class DerivedDataset(Dataset[ParamsT]):
    """A dataset whose pairs follow from its parameters, its code and files that installed packages carry.

    Attributes
    ----------
    label_names : mapping of int to str
        Names of the labels of all pairs.
    """

    label_names: ClassVar[Mapping[int, str]]

    @property
    def version(self) -> str:
        """Hash of the files that the pairs are made from, of the code and of the libraries that it calls."""
        return self._version

    def fetch(self, request: FetchRequest) -> None:
        """Make every pair loadable: generate them all unless the cache has them."""
        refuse_source(request, self.name)
        self._folder.ensure()
        if request.check_hashes:
            for info in self._computed():
                self._folder.checked(info.pair_id)

    def load(self, pair_id: str) -> Pair:
        """Read one pair from the cache, which is filled or mended first where necessary.

        Raises
        ------
        KeyError
            When the dataset has no such pair.
        CacheError
            When the cache cannot hold what is written to it.
        """
        infos = {info.pair_id: info for info in self.pairs()}
        if pair_id not in infos:
            raise KeyError(f"{self.name} has no pair {pair_id!r}, only {', '.join(infos)}")
        return stored.read_pair(self._folder.checked(pair_id), infos[pair_id], self.label_names)

    def _computed(self) -> tuple[PairInfo, ...]:
        """Return the pairs that lie in the derived folder."""
        return self.pairs()

    @abstractmethod
    def _origins(self) -> Mapping[str, str]:
        """Return hashes of the code and of the files that the pairs are made from, by name."""

    @abstractmethod
    def _make_pairs(self) -> Iterator[Pair]:
        """Compute the pairs one by one."""

    def _recipe_params(self) -> Mapping[str, str]:
        """Return the parameters that the computed pairs depend on."""
        params = TypeAdapter(self.Params).dump_python(self.params)
        return {name: str(value) for name, value in params.items()}

    @cached_property
    def _version(self) -> str:
        return _digest({**self._origins(), **{package: package_version(package) for package in _LIBRARIES}})

    @cached_property
    def _folder(self) -> DerivedFolder:
        recipe = {"dataset": self.name, "version": self._version, **self._recipe_params()}
        return DerivedFolder(
            self.cache_root / "derived" / self.name / _digest(recipe), recipe, self._generate
        )

    def _generate(self, folder: Path) -> None:
        for pair in self._make_pairs():
            stored.write_pair(folder / pair.info.pair_id, pair)


def code_hashes(modules: Sequence[str]) -> dict[str, str]:
    """Return the hash of each of the given modules of this package, by file name."""
    return {name: sha256(Path(__file__).with_name(name)) for name in modules}


def _digest(parts: Mapping[str, str]) -> str:
    text = "\n".join(f"{key}={value}" for key, value in sorted(parts.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
