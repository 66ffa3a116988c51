"""Scans of a BIDS folder, found by their names.

pybids would answer the same question through an SQL database of every file and its metadata; the names alone tell
subject, session and run, so that this needs neither the database nor what pybids brings along.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.base import DatasetError
from datasets.pairing import natural_order

_ENTITY = re.compile(r"([a-zA-Z]+)-([a-zA-Z0-9]+)")
_SUFFIXES = (".nii.gz", ".nii")


@dataclass(frozen=True)
class BidsScan:
    """An image of a BIDS folder.

    Attributes
    ----------
    path : Path
        The file.
    entities : mapping of str to str
        ``sub``, ``ses``, ``run`` and whatever else its name says.
    """

    path: Path
    entities: Mapping[str, str]

    @property
    def session(self) -> str:
        """Label of the session."""
        return self.entities["ses"]


def find_scans(root: Path, suffix: str) -> dict[str, list[BidsScan]]:
    """Find one scan for every session of every subject, sessions in the order of their labels.

    Of several scans of a session the one with the lowest run is taken, then the one whose name says least beside, then
    the first by name.

    Parameters
    ----------
    root : Path
        The BIDS folder.
    suffix : str
        What the scans are, as BIDS writes it: ``T1w``.

    Returns
    -------
    dict of str to list of BidsScan
        By subject. Scans outside of sessions have none and are left out.

    Raises
    ------
    DatasetError
        When there is no such folder, or no subject in it.
    """
    subjects = sorted(
        (path for path in root.glob("sub-*") if path.is_dir()), key=lambda path: natural_order(path.name)
    )
    if not subjects:
        raise DatasetError(f"{root}: holds no folder sub-LABEL: the top of a BIDS folder is wanted")
    return {path.name.removeprefix("sub-"): _sessions(path, suffix) for path in subjects}


def find_labels(root: Path, scan: BidsScan, suffix: str, desc: str | None) -> Path:
    """Find the label image of a scan in a folder of derivatives.

    It lies in the folder of the same subject and session, ends in the suffix, has the description asked for, and its
    name says of every entity what the scan's name says, unless it leaves the entity out.

    Raises
    ------
    DatasetError
        When there is none, or more than one.
    """
    entities = scan.entities
    folder = root / f"sub-{entities['sub']}" / f"ses-{entities['ses']}" / "anat"
    found = [
        path
        for path, said in _images(folder, suffix)
        if all(said.get(key, value) == value for key, value in entities.items())
        and desc in (None, said.get("desc"))
    ]
    if len(found) != 1:
        wanted = f"{'' if desc is None else f'_desc-{desc}'}_{suffix}"
        names = ", ".join(path.name for path in found) or "none"
        raise DatasetError(
            f"{folder}: for {scan.path.name} one image ending in {wanted} is wanted, there is: {names}"
        )
    return found[0]


def _sessions(subject: Path, suffix: str) -> list[BidsScan]:
    label = subject.name.removeprefix("sub-")
    by_session: dict[str, list[BidsScan]] = {}
    for folder in subject.glob("ses-*/anat"):
        for path, entities in _images(folder, suffix):
            if entities.get("sub") == label and entities.get("ses") == folder.parent.name.removeprefix(
                "ses-"
            ):
                by_session.setdefault(entities["ses"], []).append(BidsScan(path, entities))
    return [min(by_session[session], key=_preference) for session in sorted(by_session, key=natural_order)]


def _preference(scan: BidsScan) -> tuple[Sequence[object], int, str]:
    run = scan.entities.get("run", "")
    return natural_order(run)[0], len(scan.entities), scan.path.name


def _images(folder: Path, suffix: str) -> list[tuple[Path, dict[str, str]]]:
    """Return the images of a folder that end in a suffix, with what their names say."""
    found = []
    for path in sorted(folder.glob(f"*_{suffix}.nii*")):
        ending = next((end for end in _SUFFIXES if path.name.endswith(f"_{suffix}{end}")), None)
        if ending is None or not path.is_file():
            continue
        parts = path.name.removesuffix(f"_{suffix}{ending}").split("_")
        matches = [_ENTITY.fullmatch(part) for part in parts]
        if all(matches):
            found.append((path, {match[1]: match[2] for match in matches if match}))
    return found
