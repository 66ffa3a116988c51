"""Pairs of image files listed in a CSV."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets.base import Dataset, refuse_source
from datasets.cache import DerivedFolder, sha256
from datasets.fetching import FetchRequest
from datasets.pair import Pair, PairInfo
from datasets.prealignment import prealign
from datasets.reading import ImageError, foreground, read_image, read_labels, read_mask
from datasets.resolution import resample_isotropic
from datasets.slicing import axial_info, axial_pair

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
SLICE_SIZE = 256
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
    spacing_mm : float or None
        Resample images, masks and labels to cubic voxels of this size; None leaves the grids as they are.
    prealignment : {"none", "rigid", "affine"}
        Common start of all backends, computed with SimpleITK and kept in the cache.
    prealignment_metric : {"correlation", "mattes"}
        Correlation for images of one modality, Mattes' mutual information for two.
    mask : {"given", "foreground"}
        ``foreground`` takes the voxels that are not zero where no mask is given.
    directions : {"as_listed", "both"}
        ``both`` adds every pair with the roles exchanged, ``-reversed`` appended to its id.
    axial_slices : tuple of float
        Cut 2D pairs out of prealigned 3D ones, at these shares of the height of the fixed image's foreground: 256
        by 256 pixels of ``spacing_mm``, or of 1 mm. Empty keeps the volumes.
    """

    path: Path
    spacing_mm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    prealignment: Literal["none", "rigid", "affine"] = "none"
    prealignment_metric: Literal["correlation", "mattes"] = "correlation"
    mask: Literal["given", "foreground"] = "given"
    directions: Literal["as_listed", "both"] = "as_listed"
    axial_slices: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()


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


class CsvPairs(Dataset[CsvParams]):
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
        params = self.params
        steps = [f"resampled to {params.spacing_mm:g} mm"] if params.spacing_mm else []
        steps += (
            [f"{params.prealignment} prealignment with SimpleITK"] if params.prealignment != "none" else []
        )
        steps += ["axial slices"] if params.axial_slices else []
        return f"Pairs listed in {params.path.name}: {', '.join(steps) or 'as they are'}."

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

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs; reads the headers of the fixed images."""
        infos = tuple(self._info(listed) for listed in self._listed)
        heights = self.params.axial_slices
        return tuple(axial_info(info, height) for info in infos for height in heights) if heights else infos

    def load(self, pair_id: str) -> Pair:
        """Read, check and prepare one pair.

        Raises
        ------
        KeyError
            When the list has no such pair.
        ImageError
            When a file cannot be used.
        """
        heights = self.params.axial_slices or (None,)
        found = {
            axial_info(self._info(listed), height).pair_id if height else listed.pair_id: (listed, height)
            for listed in self._listed
            for height in heights
        }
        if pair_id not in found:
            raise KeyError(f"{self.params.path} has no pair {pair_id!r}, only {', '.join(found)}")
        listed, height = found[pair_id]
        pair = self._resampled(self._read(listed))
        if self.params.prealignment != "none":
            pair = replace(pair, prealignment=self._prealignment(listed, pair))
        if height is None:
            return pair
        return axial_pair(pair, height, SLICE_SIZE, self.params.spacing_mm or 1.0)

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
        for name in ("prealignment.py", "reading.py", "resolution.py", "slicing.py", "csv_pairs.py"):
            digest.update(sha256(Path(__file__).with_name(name)).encode())
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

    def _read(self, listed: Listed) -> Pair:
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
            elif self.params.mask == "foreground":
                masks[side] = foreground(image, files[side])
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

    def _resampled(self, pair: Pair) -> Pair:
        spacing_mm = self.params.spacing_mm
        if spacing_mm is None:
            return pair

        def discrete(image: sitk.Image | None) -> sitk.Image | None:
            return None if image is None else resample_isotropic(image, spacing_mm, labels=True)

        return replace(
            pair,
            fixed=resample_isotropic(pair.fixed, spacing_mm, labels=False),
            moving=resample_isotropic(pair.moving, spacing_mm, labels=False),
            fixed_mask=discrete(pair.fixed_mask),
            moving_mask=discrete(pair.moving_mask),
            fixed_labels=discrete(pair.fixed_labels),
            moving_labels=discrete(pair.moving_labels),
        )

    def _prealignment(self, listed: Listed, pair: Pair) -> sitk.Transform:
        model, metric = self.params.prealignment, self.params.prealignment_metric
        assert model != "none"

        def build(folder: Path) -> None:
            target = folder / "transform" / "prealignment.h5"
            target.parent.mkdir()
            sitk.WriteTransform(prealign(pair.fixed, pair.moving, model, metric), str(target))

        recipe = {
            "dataset": self.version,
            "pair": listed.pair_id,
            "spacing_mm": str(self.params.spacing_mm),
            "prealignment": model,
            "metric": metric,
            "SimpleITK": sitk.Version.VersionString(),
        }
        name = hashlib.sha256(repr(sorted(recipe.items())).encode()).hexdigest()[:16]
        derived = DerivedFolder(self.cache_root / "derived" / "csv" / name, recipe, build)
        return sitk.ReadTransform(str(derived.checked("transform") / "prealignment.h5"))


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
