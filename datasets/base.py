"""The interface behind which every source of image pairs stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from datasets.fetching import FetchRequest
from datasets.pair import Pair, PairInfo

ParamsT = TypeVar("ParamsT")


class DatasetError(Exception):
    """Data that cannot be had or used; the message names the file and the way out."""


class FetchError(DatasetError):
    """Data that could not be fetched; what was complete before still is."""


class UnsoundError(FetchError):
    """Data that are damaged, hostile or something else than wanted: the same copy will not do again."""


def refuse_source(request: FetchRequest, dataset: str) -> None:
    """Refuse a copy that the user gives of a dataset that is not fetched.

    Raises
    ------
    FetchError
        When the request has a source.
    """
    if request.source is not None:
        raise FetchError(f"{dataset}: is not fetched from anywhere: leave out --from {request.source}")


class Dataset(ABC, Generic[ParamsT]):
    """A named, versioned source of image pairs.

    Parameters
    ----------
    params : Params
        An instance of the class's own ``Params``.
    cache_root : Path
        Folder that holds ``raw/`` and ``derived/``; created when something is first written to it.

    Attributes
    ----------
    name : str
        The name under which configs ask for it.
    Params : type
        A frozen pydantic dataclass: the parameters that the dataset accepts, with defaults and units.
    choosing : tuple of str
        Parameters that only choose which pairs there are, so that no pair is measured anew for another value of one:
        pairs that both values have are the same, and so are their ids and versions. What a subclass with other Params
        does not have any more counts for nothing.
    """

    name: ClassVar[str]
    Params: ClassVar[type[Any]]
    choosing: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: ParamsT, cache_root: Path) -> None:
        self.params = params
        self.cache_root = cache_root

    @property
    @abstractmethod
    def version(self) -> str:
        """What the content depends on: a job measured on another version is another job."""

    def versions(self) -> Mapping[str, str]:
        """Return by pair id what each pair's content depends on.

        Datasets that can grow override this, so that a new pair makes no other one another.
        """
        return {info.pair_id: self.version for info in self.pairs()}

    @property
    @abstractmethod
    def description(self) -> str:
        """One or two sentences for the report: what the images are and what they are no evidence of."""

    def complete(self) -> bool:
        """Return whether all pairs can be loaded without a network and without consent to terms; cheap.

        Datasets that are fetched override this: those that are made from installed packages, or lie where a
        parameter says, have nothing to fetch.
        """
        return True

    @abstractmethod
    def fetch(self, request: FetchRequest) -> None:
        """Make every pair loadable. Idempotent; cheap and without network when nothing is missing.

        Raises
        ------
        FetchError
            When that is not possible; the message says what to do.
        """

    @abstractmethod
    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs without reading an image."""

    @abstractmethod
    def load(self, pair_id: str) -> Pair:
        """Read one pair.

        Raises
        ------
        KeyError
            When the dataset has no such pair.
        """
