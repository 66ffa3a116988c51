"""Where the scans of neurite-oasis lie, and what its labels are called."""

from __future__ import annotations

import re
from pathlib import Path

from datasets.base import DatasetError

# Only first scans: the second ones of the collection are of the same people.
_SUBJECT = re.compile(r"OASIS_(OAS1_\d{4})_MR1")
_LABEL_LINE = re.compile(r"\s*(\d{1,5})\s+([A-Za-z0-9][\w./()+-]{0,99})(\s.*)?")


def subject_folders(tree: Path, image: str, labels: str) -> dict[str, Path]:
    """Find the folders of the subjects anywhere below a folder, in the order of their numbers.

    Parameters
    ----------
    tree : Path
        Holds folders ``OASIS_OAS1_NNNN_MR1`` at some depth.
    image, labels : str
        Names of the files that each must hold.

    Raises
    ------
    DatasetError
        When there are fewer than two, or a file is missing.
    """
    found = {
        match[1]: path
        for path in sorted(tree.rglob("OASIS_OAS1_*"))
        if (match := _SUBJECT.fullmatch(path.name))
    }
    if len(found) < 2:
        raise DatasetError(f"there are {len(found)} folders OASIS_OAS1_NNNN_MR1: neurite-oasis is wanted")
    for folder in found.values():
        for name in (image, labels):
            if not (folder / name).is_file():
                raise DatasetError(f"{folder.name}/{name}: no such file: the archive has it")
    return found


def label_names(tree: Path, table: str) -> dict[int, str]:
    """Read FreeSurfer's way of naming labels: number, name, colour; empty when there is no such table.

    Parameters
    ----------
    tree : Path
        Holds the table at some depth.
    table : str
        Its file name.
    """
    for path in sorted(tree.rglob(table)):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        matches = [match for line in lines if (match := _LABEL_LINE.fullmatch(line))]
        return {int(match[1]): match[2] for match in matches if int(match[1]) > 0}
    return {}
