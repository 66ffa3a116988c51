"""Pairs of image files listed in a CSV."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from datasets.base import refuse_source
from datasets.cache import sha256
from datasets.csv_list import Listed, read_label_names, read_list
from datasets.fetching import FetchRequest
from datasets.pair import IMAGE_ROLES, Pair, PairInfo
from datasets.preparation import Preparation, PreparedDataset
from datasets.preparation import version as preparation_version
from datasets.reading import ImageError, dimension_of, is_file
from datasets.scans import Scan, read_pair

SOURCES = ("analyze.py", "csv_list.py", "csv_pairs.py", "csv_table.py", "reading.py", "scans.py")

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class CsvParams:
    """Parameters of ``csv``.

    Attributes
    ----------
    path : Path
        CSV file with the columns ``pair_id``, ``fixed``, ``moving`` and any of ``fixed_mask``,
        ``moving_mask``, ``fixed_labels``, ``moving_labels``, ``fixed_landmarks``, ``moving_landmarks`` (CSV
        of physical points in mm, LPS, a row each, no heading) and ``true_transform`` (any file that ITK
        reads; fixed points to moving points). Paths are relative to the file; blank means absent.
    directions : {"as_listed", "both"}
        ``both`` adds every pair with the roles exchanged, ``-reversed`` appended to its id.
    label_names : Path or None
        CSV file with the columns ``id`` and ``name``: these labels alone are scored, under these names. None
        scores all under their numbers.
    preparation : Preparation
        What is done to the images.
    """

    path: Path
    directions: Literal["as_listed", "both"] = "as_listed"
    label_names: Path | None = None
    preparation: Preparation = Preparation()


class CsvPairs(PreparedDataset[CsvParams]):
    """Pairs of image files listed in a CSV."""

    name = "csv"
    Params = CsvParams

    @property
    def version(self) -> str:
        """Hash of the list, of every file that it names and of the code that reads and prepares them."""
        return _digest("".join(f"{name} {version}\n" for name, version in self._versions.items()))

    def source_versions(self) -> Mapping[str, str]:
        """Return by id a hash of the pair's files and of the code that reads and prepares them."""
        return self._versions

    @property
    def description(self) -> str:
        """Where the pairs come from and how they were prepared."""
        return f"Pairs listed in {self.params.path.name}: {self.params.preparation.description}."

    def fetch(self, request: FetchRequest) -> None:
        """Check that every file is there, and the headers of the images.

        Raises
        ------
        DatasetError
            Naming the first file that cannot be used.
        """
        refuse_source(request, self.name)
        for listed in self._listed:
            for role, path in listed.files.items():
                if not is_file(path):
                    raise ImageError(
                        f"{self.params.path}: pair {listed.pair_id}: {role}: no such file: {path}"
                    )
                if role in IMAGE_ROLES:
                    dimension_of(path)

    def source_pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs; reads the headers of the fixed images."""
        return tuple(self._info(listed) for listed in self._listed)

    def read(self, pair_id: str) -> Pair:
        """Read and check one pair.

        Raises
        ------
        DatasetError
            When a file cannot be used.
        """
        listed = next(one for one in self._listed if one.pair_id == pair_id)
        files = listed.files
        fixed, moving = (
            Scan(files[side], files.get(f"{side}_labels"), files.get(f"{side}_mask"))
            for side in ("fixed", "moving")
        )
        pair = read_pair(self._info(listed), fixed, moving, self._label_names, "none")
        for scan, labels in ((fixed, pair.fixed_labels), (moving, pair.moving_labels)):
            if scan.labels is not None and labels is not None:
                self._check_names(scan.labels, labels)
        dimension = pair.info.dimension
        pair = replace(pair, true_transform=_read_transform(files.get("true_transform"), dimension))
        if "fixed_landmarks" not in files:
            return pair
        points = _read_landmarks(files["fixed_landmarks"], files["moving_landmarks"], dimension)
        return replace(pair, fixed_landmarks=points[0], moving_landmarks=points[1])

    @cached_property
    def _listed(self) -> tuple[Listed, ...]:
        return read_list(self.params.path, both_directions=self.params.directions == "both")

    @cached_property
    def _label_names(self) -> dict[int, str]:
        return read_label_names(self.params.label_names) if self.params.label_names else {}

    @cached_property
    def _versions(self) -> dict[str, str]:
        code = [sha256(Path(__file__).with_name(name)) for name in SOURCES]
        names = repr(sorted(self._label_names.items()))
        hashes: dict[Path, str] = {}
        versions = {}
        for listed in self._listed:
            lines = [listed.pair_id, names, *code, preparation_version()]
            for role, path in sorted(listed.files.items()):
                if path not in hashes:
                    hashes[path] = sha256(path) if is_file(path) else "missing"
                lines.append(f"{role} {hashes[path]}")
            versions[listed.pair_id] = _digest("\n".join(lines))
        return versions

    def _info(self, listed: Listed) -> PairInfo:
        try:
            dimension = dimension_of(listed.files["fixed"])
        except ImageError as error:
            raise ImageError(f"{self.params.path}: pair {listed.pair_id}: fixed: {error}") from None
        return PairInfo(listed.pair_id, dimension, listed.subjects, "listed")

    def _check_names(self, path: Path, labels: sitk.Image) -> None:
        if (
            self._label_names
            and not np.isin(sitk.GetArrayViewFromImage(labels), list(self._label_names)).any()
        ):
            raise ImageError(f"{path}: holds none of the labels that {self.params.label_names} names")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_transform(path: Path | None, dimension: int) -> sitk.Transform | None:
    if path is None:
        return None
    try:
        transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        raise ImageError(f"{path}: cannot be read as a transform: {said}") from None
    if transform.GetDimension() != dimension:
        raise ImageError(
            f"{path}: is a transform of {transform.GetDimension()}D, the images are {dimension}D"
        )
    return transform


def _read_landmarks(fixed: Path, moving: Path, dimension: int) -> tuple[Points, Points]:
    points = _read_points(fixed, dimension), _read_points(moving, dimension)
    if len(points[0]) != len(points[1]):
        raise ImageError(
            f"{moving}: holds {len(points[1])} landmarks, {fixed} holds {len(points[0])}: a row of the one "
            "corresponds to the same row of the other, so that both must have as many"
        )
    return points


def _read_points(path: Path, dimension: int) -> Points:
    try:
        points = np.loadtxt(path, delimiter=",", ndmin=2, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be read as points: {error}") from None
    if points.shape[1] != dimension or not np.isfinite(points).all():
        raise ImageError(
            f"{path}: rows of {dimension} finite coordinates are wanted, it has shape {points.shape}"
        )
    return points
