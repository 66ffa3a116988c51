"""Brains labelled by hand in the layout of Klein et al. 2009: IBSR18, CUMC12 and MGH10.

Their owners hand them out to people who register, so that nothing is downloaded here.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from datasets.analyze import files_of
from datasets.base import DatasetError
from datasets.local_pairs import LocalPairs
from datasets.pairing import natural_order, safe_name
from datasets.preparation import Preparation
from datasets.scan_pairs import ScanPair, Seed, SubsetSize, inter_subject_pairs
from datasets.scans import Scan

_BRAINS, _ATLASES = "Brains", "Atlases"
_SUFFIXES = (".img", ".img.gz", ".nii", ".nii.gz")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Klein2009Params:
    """Parameters of ``klein2009``.

    Attributes
    ----------
    path : Path
        Folder of one of the sets: ``Brains`` and ``Atlases`` in it hold files of the same names, ``.img`` with their
        ``.hdr``, or ``.nii``.
    subset : int or None
        How many of the unordered pairs to take; None takes all. A smaller subset of the same seed lies in every larger
        one.
    seed : int
        From which the subset derives.
    preparation : Preparation
        What is done to the images; affine prealignment unless another one is given.
    """

    path: Path
    subset: SubsetSize | None = None
    seed: Seed = 0
    preparation: Preparation = Preparation(prealignment="affine")


class Klein2009(LocalPairs[Klein2009Params]):
    """IBSR18, CUMC12 or MGH10: a folder that you have, with brains and their atlases; pairs of subjects.

    References
    ----------
    Klein, A. et al., "Evaluation of 14 nonlinear deformation algorithms applied to human brain MRI registration",
    NeuroImage 46(3), 2009.
    """

    name = "klein2009"
    code = ("klein2009.py",)
    Params = Klein2009Params
    mask = "foreground"

    @property
    def description(self) -> str:
        """What the images are and how they were prepared."""
        return (
            f"{self.params.path.name}: {len(self._scans)} skull-stripped T1 brains labelled by hand, in the layout of "
            f"Klein et al. 2009; pairs of different subjects: {self.params.preparation.description}."
        )

    def list_pairs(self) -> tuple[ScanPair, ...]:
        """List the pairs.

        Raises
        ------
        DatasetError
            When the folder is not as it should be.
        """
        return inter_subject_pairs(self._scans, 3, self.params.subset, self.params.seed)

    @cached_property
    def _scans(self) -> dict[str, Scan]:
        brains, atlases = (_images(self.params.path / name) for name in (_BRAINS, _ATLASES))
        for one, other, folder in ((brains, atlases, _ATLASES), (atlases, brains, _BRAINS)):
            if unmatched := sorted(set(one) - set(other)):
                raise DatasetError(
                    f"{self.params.path / folder}: has nothing for {', '.join(unmatched)}: brains and atlases must "
                    "have the same names"
                )
        if len(brains) < 2:
            raise DatasetError(
                f"{self.params.path / _BRAINS}: holds {len(brains)} brains: two at least make a pair"
            )
        return {name: Scan(brains[name], atlases[name]) for name in brains}


def _images(folder: Path) -> dict[str, Path]:
    """Return the images of a folder by name, in the order of their numbers."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder: give the folder of IBSR18, CUMC12 or MGH10 as path")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((end for end in reversed(_SUFFIXES) if path.name.endswith(end)), None)
        if suffix is None or path.name.startswith("."):
            continue
        name = safe_name(path.name.removesuffix(suffix), path)
        if name in found:
            raise DatasetError(f"{path}: {found[name].name} has the same name: leave one of them")
        files_of(path)
        found[name] = path
    return {name: found[name] for name in sorted(found, key=natural_order)}
