"""What the datasets share whose pairs are two scans of a list."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from datasets.base import DatasetError
from datasets.cache import sha256
from datasets.pair import Pair, PairInfo
from datasets.pairing import nested_subset
from datasets.preparation import PreparedDataset
from datasets.preparation import version as preparation_version
from datasets.preparation.dataset import ParamsT
from datasets.scans import MaskSource, Scan, read_pair

_COMMON_CODE = ("analyze.py", "reading.py", "scans.py")

Seed = Annotated[int, Field(ge=0, lt=2**32)]
SubsetSize = Annotated[int, Field(gt=0)]


@dataclass(frozen=True)
class ScanPair:
    """A pair and the files of its scans.

    Attributes
    ----------
    info : PairInfo
        Identity of the pair.
    fixed, moving : Scan
        Its files.
    """

    info: PairInfo
    fixed: Scan
    moving: Scan


class ScanPairs(PreparedDataset[ParamsT]):
    """A dataset that lists scans and pairs them.

    Attributes
    ----------
    mask : {"none", "foreground", "labelled"}
        What the masks of its scans are.
    code : tuple of str
        Names of the modules beside this one on which its pairs depend, besides those that every dataset of scans uses.
    """

    mask: ClassVar[MaskSource] = "none"
    code: ClassVar[tuple[str, ...]]

    @abstractmethod
    def list_pairs(self) -> tuple[ScanPair, ...]:
        """List the pairs without reading an image; called once."""

    def label_names(self) -> Mapping[int, str]:
        """Return the labels that are scored; none means every label that both scans show."""
        return {}

    def source_pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs."""
        return tuple(pair.info for pair in self._by_id.values())

    def read(self, pair_id: str) -> Pair:
        """Read and check one pair.

        Raises
        ------
        ImageError
            When a file cannot be used.
        """
        pair = self._by_id[pair_id]
        return read_pair(pair.info, pair.fixed, pair.moving, self.label_names(), self.mask)

    def code_digest(self) -> str:
        """Return a hash of the source on which the pairs depend, for the version."""
        parts = (source_digest(*_COMMON_CODE, *self.code), preparation_version())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def forget(self) -> None:
        """Forget what was listed: the files are others now."""
        vars(self).pop("_by_id", None)

    @cached_property
    def _by_id(self) -> dict[str, ScanPair]:
        return {pair.info.pair_id: pair for pair in self.list_pairs()}


def source_digest(*names: str) -> str:
    """Return a hash of the source of modules that lie beside this one."""
    parts = [sha256(Path(__file__).with_name(name)) for name in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def inter_subject_pairs(
    scans: Mapping[str, Scan], dimension: int, subset: int | None, seed: int
) -> tuple[ScanPair, ...]:
    """Pair every two subjects once, the first being fixed, and take a nested subset of the pairs.

    The id of a pair joins its subjects with ``-``; where another pair would have the same, with ``+``, which no name of
    a subject holds.

    Parameters
    ----------
    scans : mapping of str to Scan
        By subject, in the order wanted.
    dimension : int
        2 or 3.
    subset, seed : int
        See :func:`datasets.pairing.nested_subset`.
    """
    subjects = list(combinations(scans, 2))
    alike = Counter(map("-".join, subjects))
    pairs = []
    for fixed, moving in subjects:
        pair_id = f"{fixed}-{moving}"
        if alike[pair_id] > 1:
            pair_id = f"{fixed}+{moving}"
        info = PairInfo(pair_id, dimension, (fixed, moving), "inter-subject")
        pairs.append(ScanPair(info, scans[fixed], scans[moving]))
    return subset_of(pairs, subset, seed)


def subset_of(pairs: Sequence[ScanPair], subset: int | None, seed: int) -> tuple[ScanPair, ...]:
    """Return a random subset of pairs that contains every smaller subset of the same seed, in the order given.

    Raises
    ------
    DatasetError
        When there are fewer pairs than asked for, or two have the same id.
    """
    by_id: dict[str, ScanPair] = {}
    for pair in pairs:
        other = by_id.setdefault(pair.info.pair_id, pair)
        if other is not pair:
            both = " as of ".join(" and ".join(one.info.subjects) for one in (other, pair))
            raise DatasetError(f"{pair.info.pair_id}: is the id of the pair of {both}: rename one of them")
    return tuple(by_id[pair_id] for pair_id in nested_subset(list(by_id), subset, seed))
