"""neurite-oasis: brains of OASIS-1, aligned and labelled by FreeSurfer, as slices and as volumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from datasets.archive_pairs import ArchivePairs
from datasets.fetching import Licence
from datasets.oasis_files import label_names, subject_folders
from datasets.preparation import Preparation
from datasets.scan_pairs import ScanPair, Seed, SubsetSize, inter_subject_pairs
from datasets.scans import Scan
from datasets.transfer import RemoteFile

_URL = "https://surfer.nmr.mgh.harvard.edu/ftp/data/neurite/data"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class OasisParams:
    """Parameters of ``oasis2d`` and ``oasis3d``.

    Attributes
    ----------
    subset : int or None
        How many of the unordered pairs of subjects to take; None takes all, which are tens of thousands. A smaller
        subset of the same seed lies in every larger one.
    seed : int
        From which the subset derives.
    preparation : Preparation
        What is done to the images, which are aligned affinely as they come.
    """

    subset: SubsetSize | None = 100
    seed: Seed = 0
    preparation: Preparation = Preparation()


class OasisPairs(ArchivePairs[OasisParams]):
    """What slices and volumes share.

    References
    ----------
    Marcus, D. et al., "Open Access Series of Imaging Studies (OASIS)", Journal of Cognitive Neuroscience 19(9), 2007.
    Hoopes, A. et al., "HyperMorph: amortized hyperparameter learning for image registration", IPMI 2021.
    """

    Params = OasisParams
    choosing = ("subset", "seed")
    mask = "foreground"
    archive_version = "v1.0"
    licence = Licence("the OASIS data use agreement", "https://sites.wustl.edu/oasisbrains/home/access/")
    code = ("oasis.py", "oasis_files.py")
    dimension: ClassVar[Literal[2, 3]]
    image: ClassVar[str]
    labels: ClassVar[str]
    label_table: ClassVar[str]

    @property
    def description(self) -> str:
        """What the images are, where the labels come from and how they were prepared."""
        what = "coronal slices" if self.dimension == 2 else "volumes"
        return (
            f"neurite-oasis: {what} of T1 brains of OASIS-1, skull-stripped and aligned affinely; pairs of different "
            "subjects. The labels are FreeSurfer's, not drawn by hand: "
            f"{self.params.preparation.description}."
        )

    def wanted(self, name: str) -> bool:
        """Return whether a file is one of the images, of their labels, or a text."""
        return name.endswith((f"/{self.image}", f"/{self.labels}", ".txt", ".md"))

    def check(self, tree: Path) -> None:
        """Refuse a folder with fewer than two subjects, or with incomplete ones."""
        subject_folders(tree, self.image, self.labels)

    def label_names(self) -> Mapping[int, str]:
        """Return the names that the archive gives its labels."""
        return label_names(self.tree, self.label_table)

    def list_pairs(self) -> tuple[ScanPair, ...]:
        """List the pairs; needs the files.

        Raises
        ------
        DatasetError
            When the dataset was not fetched.
        """
        folders = subject_folders(self.tree, self.image, self.labels)
        scans = {name: Scan(folder / self.image, folder / self.labels) for name, folder in folders.items()}
        return inter_subject_pairs(scans, self.dimension, self.params.subset, self.params.seed)


class Oasis2D(OasisPairs):
    """neurite-oasis 2D: coronal slices of OASIS-1 brains, 24 labels; pairs of subjects."""

    name = "oasis2d"
    archive = RemoteFile(f"{_URL}/neurite-oasis.2d.v1.0.tar", "neurite-oasis.2d.v1.0.tar")
    dimension = 2
    image = "slice_norm.nii.gz"
    labels = "slice_seg24.nii.gz"
    label_table = "seg24_labels.txt"


class Oasis3D(OasisPairs):
    """neurite-oasis 3D: OASIS-1 brains, 35 labels; pairs of subjects."""

    name = "oasis3d"
    archive = RemoteFile(
        f"{_URL}/neurite-oasis.v1.0.tar",
        "neurite-oasis.v1.0.tar",
        sha256="86dd117dda17f736ade8a4088d7e98e066e1181950fe8b406f1a35f7fb743e78",
    )
    dimension = 3
    image = "aligned_norm.nii.gz"
    labels = "aligned_seg35.nii.gz"
    label_table = "seg35_labels.txt"
