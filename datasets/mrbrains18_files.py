"""Where the scans of MRBrainS18 lie, and how they are paired."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, permutations
from pathlib import Path

from datasets.base import DatasetError
from datasets.pair import PairInfo
from datasets.pairing import natural_order, safe_name
from datasets.scan_pairs import ScanPair
from datasets.scans import Scan

SUBJECTS = 7
LABELS = "segm.nii.gz"
MODALITIES = {"T1": "reg_T1.nii.gz", "IR": "reg_IR.nii.gz", "FLAIR": "FLAIR.nii.gz"}
LABEL_NAMES = {
    1: "cortical grey matter",
    2: "basal ganglia",
    3: "white matter",
    4: "white matter lesions",
    5: "extracerebral CSF",
    6: "ventricles",
    7: "cerebellum",
    8: "brainstem",
}


def subject_folders(tree: Path) -> dict[str, Path]:
    """Find the folders of the seven training subjects anywhere below a folder, in the order of their numbers.

    Raises
    ------
    DatasetError
        When there are not seven, or a file is missing.
    """
    folders = {safe_name(path.parent.name, path): path.parent for path in tree.rglob(f"*/{LABELS}")}
    if len(folders) != SUBJECTS:
        raise DatasetError(
            f"there are {len(folders)} subjects ({', '.join(sorted(folders)) or 'no ID/segm.nii.gz'}), the "
            f"training set of MRBrainS18 has {SUBJECTS}"
        )
    for folder in folders.values():
        for name in MODALITIES.values():
            if not (folder / "pre" / name).is_file():
                raise DatasetError(
                    f"{folder / 'pre' / name}: no such file: the archive has it, fetch it again"
                )
    return {name: folders[name] for name in sorted(folders, key=natural_order)}


def cross_modal_pairs(folders: Mapping[str, Path]) -> tuple[ScanPair, ...]:
    """Return every unordered pair of subjects in every ordered pair of different modalities."""
    return tuple(
        ScanPair(
            PairInfo(f"{fixed}_{one}-{moving}_{other}", 3, (fixed, moving), f"{one}-{other}"),
            _scan(folders[fixed], one),
            _scan(folders[moving], other),
        )
        for fixed, moving in combinations(folders, 2)
        for one, other in permutations(MODALITIES, 2)
    )


def _scan(folder: Path, modality: str) -> Scan:
    return Scan(folder / "pre" / MODALITIES[modality], folder / LABELS)
