"""MRBrainS18: seven subjects in three modalities with tissues drawn by hand, for registration across modalities."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from datasets.archive_pairs import ArchivePairs
from datasets.fetching import Licence
from datasets.mrbrains18_files import LABEL_NAMES, LABELS, MODALITIES, cross_modal_pairs, subject_folders
from datasets.preparation import Preparation
from datasets.scan_pairs import ScanPair, Seed, SubsetSize, subset_of
from datasets.transfer import RemoteFile


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Mrbrains18Params:
    """Parameters of ``mrbrains18``.

    Attributes
    ----------
    subset : int or None
        How many of the 126 pairs to take (21 unordered pairs of subjects, each in 6 ordered pairs of modalities); None
        takes all. A smaller subset of the same seed lies in every larger one.
    seed : int
        From which the subset derives.
    preparation : Preparation
        What is done to the images; rigid prealignment by mutual information unless another one is given.
    """

    subset: SubsetSize | None = None
    seed: Seed = 0
    preparation: Preparation = Preparation(prealignment="rigid", prealignment_metric="mattes")


class Mrbrains18(ArchivePairs[Mrbrains18Params]):
    """MRBrainS18 (UMC Utrecht), training set: T1, inversion recovery and FLAIR of 7 subjects, across modalities.

    References
    ----------
    Kuijf, H. and Bennink, E., "Grand Challenge on MR Brain Segmentation at MICCAI 2018", https://mrbrains18.isi.uu.nl.
    """

    name = "mrbrains18"
    Params = Mrbrains18Params
    choosing = ("subset", "seed")
    mask = "labelled"
    archive = RemoteFile(
        "https://dataverse.nl/api/access/datafile/402709",
        "training.zip",
        sha256="c29b133c0d0e7486563d3a92f09e3ae67986880130bb8a91096fc1fdf0c93e95",
    )
    archive_version = "training"
    licence = Licence("UMC Utrecht's licence for MRBrainS18", "https://doi.org/10.34894/E0U32Q")
    code = ("mrbrains18.py", "mrbrains18_files.py")

    @property
    def description(self) -> str:
        """What the images are, what is scored and how they were prepared."""
        return (
            "MRBrainS18, training set: T1, T1 inversion recovery and FLAIR of 7 subjects over 50 years of age, voxels "
            "of 0.958×0.958×3 mm; fixed and moving image differ in subject and modality. Tissues drawn by hand, labels "
            "1 to 8; infarctions and other lesions (9, 10) are not scored. Masks are where a scan is labelled: "
            f"{self.params.preparation.description}."
        )

    def wanted(self, name: str) -> bool:
        """Return whether a file is a label image, a scan in its space, or terms of use."""
        return name.endswith((LABELS, ".txt", ".pdf", *(f"pre/{file}" for file in MODALITIES.values())))

    def check(self, tree: Path) -> None:
        """Refuse a folder without the seven subjects."""
        subject_folders(tree)

    def label_names(self) -> Mapping[int, str]:
        """Return the eight tissues that the challenge scores."""
        return LABEL_NAMES

    def list_pairs(self) -> tuple[ScanPair, ...]:
        """List the pairs; needs the files.

        Raises
        ------
        DatasetError
            When the dataset was not fetched.
        """
        pairs = cross_modal_pairs(subject_folders(self.tree))
        return subset_of(pairs, self.params.subset, self.params.seed)
