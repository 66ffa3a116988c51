"""Scans of one subject at several times, from any BIDS folder on this disk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets.base import DatasetError
from datasets.bids_index import BidsScan, find_labels, find_scans
from datasets.local_pairs import LocalPairs
from datasets.pair import PairInfo
from datasets.pairing import safe_name
from datasets.preparation import Preparation
from datasets.scan_pairs import ScanPair
from datasets.scans import Scan

Label = Annotated[str, Field(pattern=r"^[a-zA-Z0-9]{1,100}$")]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class BidsParams:
    """Parameters of ``bids``.

    Attributes
    ----------
    path : Path
        Top of the BIDS folder: scans lie in ``sub-LABEL/ses-LABEL/anat/``.
    suffix : str
        What the scans are, as BIDS writes it.
    subjects : tuple of str or None
        Labels of the subjects to take; None takes all.
    sessions : {"consecutive", "first"}
        ``consecutive`` pairs every session with the next one, ``first`` the first one with every other; the earlier
        session is the fixed image. Sessions are in the order of their labels, numbers by value. Of several scans of a
        session the one with the lowest run is taken, then the one whose name says least beside, then the first by name.
    labels_path : Path or None
        Top of a folder of derivatives with a label image for every scan, in the folders that the scans have.
    labels_suffix : str
        What the label images are, as BIDS writes it.
    labels_desc : str or None
        Which of them, where there are several for a scan: what stands behind ``desc-`` in their names.
    preparation : Preparation
        What is done to the images; rigid prealignment unless another one is given.
    """

    path: Path
    suffix: Label = "T1w"
    subjects: tuple[Label, ...] | None = None
    sessions: Literal["consecutive", "first"] = "consecutive"
    labels_path: Path | None = None
    labels_suffix: Label = "dseg"
    labels_desc: Label | None = None
    preparation: Preparation = Preparation(prealignment="rigid")


class BidsPairs(LocalPairs[BidsParams]):
    """Any BIDS folder that you have: sessions of a subject, paired over time."""

    name = "bids"
    code = ("bids.py", "bids_index.py")
    Params = BidsParams

    @property
    def description(self) -> str:
        """Where the pairs come from and how they were prepared."""
        params = self.params
        return (
            f"{params.suffix} scans of {params.path.name}, a BIDS folder: sessions of one subject, "
            f"{'each with the next' if params.sessions == 'consecutive' else 'the first with every other'}: "
            f"{params.preparation.description}."
        )

    def list_pairs(self) -> tuple[ScanPair, ...]:
        """List the pairs by the names of the files.

        Raises
        ------
        DatasetError
            When there is no pair, or no single label image for a scan.
        """
        params = self.params
        by_subject = find_scans(params.path, params.suffix)
        if unknown := sorted(set(params.subjects or ()) - set(by_subject)):
            raise DatasetError(
                f"{params.path}: has no subject {', '.join(unknown)}, but {', '.join(by_subject)}"
            )
        pairs = tuple(
            self._pair(subject, fixed, moving)
            for subject in params.subjects or by_subject
            for fixed, moving in self._sessions(by_subject[subject])
        )
        if not pairs:
            raise DatasetError(
                f"{params.path}: no subject has {params.suffix} scans of two sessions "
                f"(sub-LABEL/ses-LABEL/anat/*_{params.suffix}.nii.gz)"
            )
        return pairs

    def _sessions(self, scans: Sequence[BidsScan]) -> list[tuple[BidsScan, BidsScan]]:
        if self.params.sessions == "consecutive":
            return list(pairwise(scans))
        return [(scans[0], other) for other in scans[1:]]

    def _pair(self, subject: str, fixed: BidsScan, moving: BidsScan) -> ScanPair:
        pair_id = safe_name(f"sub-{subject}_ses-{fixed.session}_ses-{moving.session}", moving.path)
        info = PairInfo(pair_id, 3, (f"sub-{subject}",), "longitudinal")
        return ScanPair(info, self._scan(fixed), self._scan(moving))

    def _scan(self, scan: BidsScan) -> Scan:
        params = self.params
        if params.labels_path is None:
            return Scan(scan.path)
        return Scan(
            scan.path, find_labels(params.labels_path, scan, params.labels_suffix, params.labels_desc)
        )
