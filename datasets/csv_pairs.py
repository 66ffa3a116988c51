"""Pairs of image files listed in a CSV."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
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
from datasets.fetching import FetchRequest
from datasets.pair import Pair, PairInfo
from datasets.preparation import Preparation, PreparedDataset
from datasets.preparation import version as preparation_version
from datasets.reading import ImageError, read_image, read_labels, read_mask

REQUIRED = ("pair_id", "fixed", "moving")
FILES = (
    "fixed",
    "moving",
    "fixed_mask",
    "moving_mask",
    "fixed_labels",
    "moving_labels",
    "fixed_landmarks",
    "moving_landmarks",
    "true_transform",
)
SWAPPED = {"fixed": "moving", "moving": "fixed"}


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
    preparation : Preparation
        What is done to the images.
    """

    path: Path
    directions: Literal["as_listed", "both"] = "as_listed"
    preparation: Preparation = Preparation()


@dataclass(frozen=True)
class Listed:
    """A line of the CSV: the pair's id and its files by role."""

    pair_id: str
    files: Mapping[str, Path]

    def exchanged(self) -> Listed:
        """Return the pair with the roles exchanged; a true transform cannot come along."""
        files = {}
        for role, path in self.files.items():
            side, separator, rest = role.partition("_")
            if side in SWAPPED:
                files[f"{SWAPPED[side]}{separator}{rest}"] = path
        return Listed(f"{self.pair_id}-reversed", files)


class CsvPairs(PreparedDataset[CsvParams]):
    """Pairs of image files listed in a CSV."""

    name = "csv"
    Params = CsvParams

    @property
    def version(self) -> str:
        """Hash of the list and of every file that it names."""
        return self._version

    @property
    def description(self) -> str:
        """Where the pairs come from and how they were prepared."""
        return f"Pairs listed in {self.params.path.name}: {self.params.preparation.description}."

    def fetch(self, request: FetchRequest) -> None:
        """Check that every file is there.

        Raises
        ------
        ImageError
            Naming the first file that is not.
        """
        refuse_source(request, self.name)
        for listed in self._listed:
            for role, path in listed.files.items():
                if not path.is_file():
                    raise ImageError(
                        f"{self.params.path}: pair {listed.pair_id}: {role}: no such file: {path}"
                    )

    def source_pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs; reads the headers of the fixed images."""
        return tuple(self._info(listed) for listed in self._listed)

    def read(self, pair_id: str) -> Pair:
        """Read and check one pair.

        Raises
        ------
        ImageError
            When a file cannot be used.
        """
        listed = next(one for one in self._listed if one.pair_id == pair_id)
        files = listed.files
        fixed, moving = read_image(files["fixed"]), read_image(files["moving"])
        if fixed.GetDimension() != moving.GetDimension():
            raise ImageError(f"{files['moving']}: is not of the same dimension as {files['fixed']}")
        images = {"fixed": fixed, "moving": moving}
        labels, masks = {}, {}
        for side, image in images.items():
            if path := files.get(f"{side}_labels"):
                labels[side] = read_labels(path, image, files[side])
            if path := files.get(f"{side}_mask"):
                masks[side] = read_mask(path, image, files[side])
        transform = files.get("true_transform")
        return Pair(
            self._info(listed),
            fixed,
            moving,
            fixed_mask=masks.get("fixed"),
            moving_mask=masks.get("moving"),
            fixed_labels=labels.get("fixed"),
            moving_labels=labels.get("moving"),
            label_names=_label_names(labels),
            true_transform=_read_transform(transform) if transform else None,
            fixed_landmarks=_read_landmarks(files.get("fixed_landmarks"), fixed.GetDimension()),
            moving_landmarks=_read_landmarks(files.get("moving_landmarks"), fixed.GetDimension()),
        )

    @cached_property
    def _listed(self) -> tuple[Listed, ...]:
        listed = _read_list(self.params.path)
        if self.params.directions == "both":
            listed += tuple(one.exchanged() for one in listed)
        return listed

    @cached_property
    def _version(self) -> str:
        digest = hashlib.sha256()
        for listed in self._listed:
            digest.update(f"{listed.pair_id}\n".encode())
            for role, path in sorted(listed.files.items()):
                content = sha256(path) if path.is_file() else "missing"
                digest.update(f"{role} {content}\n".encode())
        for name in ("reading.py", "csv_pairs.py"):
            digest.update(sha256(Path(__file__).with_name(name)).encode())
        digest.update(preparation_version().encode())
        return digest.hexdigest()[:16]

    def _info(self, listed: Listed) -> PairInfo:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(listed.files["fixed"]))
        try:
            reader.ReadImageInformation()
        except RuntimeError:
            raise ImageError(
                f"{self.params.path}: pair {listed.pair_id}: fixed: no image: {listed.files['fixed']}"
            ) from None
        samples = [n for n in reader.GetSize() if n > 1]
        subjects = tuple(listed.files[role].name.partition(".")[0] for role in ("fixed", "moving"))
        return PairInfo(listed.pair_id, len(samples), subjects, "listed")


def _read_list(path: Path) -> tuple[Listed, ...]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            rows = list(reader)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from None
    for name in REQUIRED:
        if name not in columns:
            raise ImageError(
                f"{path}: has no column {name!r}; its columns are {', '.join(columns) or 'none'}"
            )
    for name in columns:
        if name not in ("pair_id", *FILES):
            raise ImageError(f"{path}: unknown column {name!r}; known are pair_id, {', '.join(FILES)}")
    listed = []
    for line, row in enumerate(rows, start=2):
        for name in REQUIRED:
            if not (row[name] or "").strip():
                raise ImageError(f"{path}: line {line}: {name} is blank")
        files = {name: path.parent / row[name].strip() for name in FILES if (row.get(name) or "").strip()}
        listed.append(Listed(row["pair_id"].strip(), files))
    ids = [one.pair_id for one in listed]
    if repeated := sorted({one for one in ids if ids.count(one) > 1}):
        raise ImageError(f"{path}: pair_id {repeated[0]!r} is given twice")
    if not listed:
        raise ImageError(f"{path}: lists no pair")
    return tuple(listed)


def _label_names(labels: Mapping[str, sitk.Image]) -> dict[int, str]:
    found: set[int] = set()
    for image in labels.values():
        found |= {int(value) for value in np.unique(sitk.GetArrayViewFromImage(image))}
    return {value: str(value) for value in sorted(found - {0})}


def _read_transform(path: Path) -> sitk.Transform:
    try:
        return sitk.ReadTransform(str(path))
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        raise ImageError(f"{path}: cannot be read as a transform: {said}") from None


def _read_landmarks(path: Path | None, dimension: int) -> npt.NDArray[np.float64] | None:
    if path is None:
        return None
    try:
        points = np.loadtxt(path, delimiter=",", ndmin=2, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be read as points: {error}") from None
    if points.shape[1] != dimension or not np.isfinite(points).all():
        raise ImageError(
            f"{path}: rows of {dimension} finite coordinates are wanted, it has shape {points.shape}"
        )
    return points
