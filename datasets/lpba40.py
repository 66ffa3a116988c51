"""LPBA40: forty brains with 56 structures drawn by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from datasets.archive_pairs import ArchivePairs
from datasets.cache import DerivedFolder
from datasets.fetching import FetchRequest, Licence
from datasets.lpba40_anatomy import ALL_NAMES, CEREBRAL_NAMES
from datasets.lpba40_conversion import IMAGE, LABELS, SUBJECTS, check_anatomy, convert, subject_folders
from datasets.pair import Pair
from datasets.preparation import Preparation
from datasets.scan_pairs import ScanPair, Seed, SubsetSize, inter_subject_pairs, source_digest
from datasets.scans import Scan
from datasets.transfer import RemoteFile

_CONVERSION_CODE = ("analyze.py", "lpba40_anatomy.py", "lpba40_conversion.py")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Lpba40Params:
    """Parameters of ``lpba40``.

    Attributes
    ----------
    labels : {54, 56}
        56 scores every structure, 54 leaves out cerebellum and brainstem, as most of the field does.
    subset : int or None
        How many of the 780 unordered pairs to take; None takes all. A smaller subset of the same seed lies in every
        larger one.
    seed : int
        From which the subset derives.
    preparation : Preparation
        What is done to the images; rigid prealignment unless another one is given.
    """

    labels: Literal[54, 56] = 54
    subset: SubsetSize | None = None
    seed: Seed = 0
    preparation: Preparation = Preparation(prealignment="rigid")


class Lpba40(ArchivePairs[Lpba40Params]):
    """LPBA40 (LONI): T1 brains of 40 subjects in delineation space, every pair of them.

    References
    ----------
    Shattuck, D. et al., "Construction of a 3D probabilistic atlas of human cortical structures", NeuroImage 39(3),
    2008.
    """

    name = "lpba40"
    Params = Lpba40Params
    choosing = ("subset", "seed")
    mask = "foreground"
    archive = RemoteFile(
        "https://resource.loni.usc.edu/atlasfiles/LPBA40_Subjects_Delineation_Space_MRI_and_label_files.zip",
        "LPBA40_Subjects_Delineation_Space_MRI_and_label_files.zip",
    )
    archive_version = "delineation-space"
    licence = Licence(
        "LONI's terms for LPBA40 (no redistribution)",
        "https://resource.loni.usc.edu/resources/atlases-downloads/",
    )
    code = ("lpba40.py", *_CONVERSION_CODE)

    @property
    def description(self) -> str:
        """What the images are, how many labels are scored and how they were prepared."""
        return (
            "LPBA40: skull-stripped T1 brains of 40 healthy subjects with structures drawn by hand (Shattuck et al. "
            f"2008), pairs of different subjects, {self.params.labels} labels: {self.params.preparation.description}."
        )

    def fetch(self, request: FetchRequest) -> None:
        """Fetch the archive and turn it into NIfTI, once.

        Raises
        ------
        FetchError
            When it cannot be fetched; the message says what to do.
        DatasetError
            When what was found is not LPBA40, or is a mirrored copy of it.
        """
        super().fetch(request)
        self._nifti.ensure()

    def forget(self) -> None:
        """Forget what was listed, the version and where the conversion lies: the files are others now."""
        super().forget()
        vars(self).pop("_nifti", None)

    def wanted(self, name: str) -> bool:
        """Return whether a file belongs to a subject or to the terms of use."""
        return ".delineation." in name or name.endswith((".txt", ".pdf", ".xml"))

    def check(self, tree: Path) -> None:
        """Refuse a folder without all forty subjects, and a mirrored copy."""
        check_anatomy(subject_folders(tree))

    def label_names(self) -> Mapping[int, str]:
        """Return the 54 or 56 structures."""
        return CEREBRAL_NAMES if self.params.labels == 54 else ALL_NAMES

    def list_pairs(self) -> tuple[ScanPair, ...]:
        """List the pairs; needs no file."""
        folder = self._nifti.path
        scans = {name: Scan(folder / name / IMAGE, folder / name / LABELS) for name in SUBJECTS}
        return inter_subject_pairs(scans, 3, self.params.subset, self.params.seed)

    def read(self, pair_id: str) -> Pair:
        """Read and check one pair, from NIfTI files whose hashes are compared first.

        Raises
        ------
        DatasetError
            When the dataset was not fetched or a file cannot be used.
        """
        for subject in pair_id.split("-"):
            self._nifti.checked(subject)
        return super().read(pair_id)

    @cached_property
    def _nifti(self) -> DerivedFolder:
        recipe = {"dataset": self.name, "files": self.content, "code": source_digest(*_CONVERSION_CODE)}
        name = hashlib.sha256(repr(sorted(recipe.items())).encode()).hexdigest()[:16]
        path = self.cache_root / "derived" / self.name / name
        return DerivedFolder(path, recipe, lambda folder: convert(subject_folders(self.tree), folder))
