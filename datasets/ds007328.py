"""OpenNeuro ds007328: one subject, scanned many times over months on one 3 T scanner; CC0, defaced.

Files are not known by name beforehand: the snapshot is listed, its T1-weighted scans are grouped by the date of their
session (``ses-YYYYMMDDNN``, some with the suffix ``std``), and one is chosen for each date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from filelock import FileLock
from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from datasets import openneuro
from datasets.archives import unpack
from datasets.base import DatasetError, FetchError
from datasets.contents import Contents
from datasets.disk import disk_errors, scratch_folder
from datasets.fetching import FetchRequest
from datasets.pair import Pair, PairInfo
from datasets.preparation import Preparation, PreparedDataset
from datasets.preparation import version as preparation_version
from datasets.raw import RawFolder
from datasets.reading import read_image, reading_fetched
from datasets.scans import Scan, read_pair

DATES = {"f1": ("20241106", "20241201"), "f2": ("20241201", "20241207"), "f3": ("20241106", "20241207")}
SUBJECT = "sub-001"
RULE = (
    "one T1w scan for each date: the session without a suffix before those with one, then the lowest session number, "
    "then the lowest run number (none counts as 1), then the first name in order of the alphabet"
)
FORMS: Mapping[str, Mapping[str, Any]] = {
    "slice": {
        "axial_slices": (0.5,),
        "slice_size": 256,
        "intensity": "unit",
        "intensity_percentiles": (0, 100),
    },
    "volume": {"spacing_mm": 2.0},
}

_SCAN = re.compile(rf"{SUBJECT}/ses-([A-Za-z0-9]+)/anat/[A-Za-z0-9_+-]*_T1w\.nii(\.gz)?")
_SESSION = re.compile(r"(\d{8})(\d{2})([A-Za-z]*)")
_RUN = re.compile(r"_run-(\d+)_")
_FOLDER = "bids"
_UNDATED = "local"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Ds007328Params:
    """Parameters of ``ds007328``.

    Attributes
    ----------
    form : {"slice", "volume"}
        ``slice``: the middle axial slice, 256 by 256 pixels of 1 mm, intensities from 0 to 1. ``volume``: the whole
        head at 2 mm. What ``preparation`` says goes before what the form says.
    snapshot : str or None
        Version of the dataset; None takes the newest one that is in the cache, or else the newest there is.
    preparation : Preparation
        Further steps, such as a common rigid start: ``{prealignment: rigid}``.
    """

    form: Literal["slice", "volume"] = "slice"
    snapshot: Annotated[str, StringConstraints(pattern=f"^{openneuro.TAG}$")] | None = None
    preparation: Annotated[Preparation, Field(validate_default=True)] = Preparation()

    @field_validator("preparation", mode="before")
    @classmethod
    def _of_the_form(cls, given: Any, info: ValidationInfo) -> Any:
        if isinstance(given, Preparation):
            asked = {one.name: getattr(given, one.name) for one in fields(given)}
            given = {name: value for name, value in asked.items() if value != getattr(Preparation(), name)}
        form = FORMS.get(info.data.get("form", ""), {})
        return {**form, **given} if isinstance(given, dict) else given


class Ds007328(PreparedDataset[Ds007328Params]):
    """Three longitudinal pairs of one head, 25, 6 and 31 days apart (OpenNeuro, CC0)."""

    name = "ds007328"
    Params = Ds007328Params
    graphql_url: ClassVar[str] = openneuro.GRAPHQL_URL

    @property
    def version(self) -> str:
        """Tag of the snapshot, and hashes of the scans chosen and of the code that prepares them."""
        raw = self._complete()
        content = raw.digest(_FOLDER) if raw else "absent"
        tag = raw.path.name if raw else self.params.snapshot or "newest"
        return f"{tag}+{content}+{preparation_version()}"

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        return (
            "OpenNeuro ds007328 (Petrovskiy, CC0): T1-weighted scans of one defaced head on one 3 T scanner, 25, 6 and "
            f"31 days apart, {self.params.preparation.description}. There are no labels and no true transform: scores "
            "tell how alike the images become and how smooth the transform is; they are no evidence about accuracy "
            "between different subjects."
        )

    def complete(self) -> bool:
        """Return whether the scans of the snapshot asked for, or of any, were fetched and have their sizes."""
        return self._complete() is not None

    def fetch(self, request: FetchRequest) -> None:
        """Download the scans of the dates wanted, or take them from a BIDS folder or an archive of one.

        Raises
        ------
        FetchError
            When they cannot be had; when a date has no scan, with the dates that have one.
        """
        if (raw := self._complete()) and raw.has_folder(_FOLDER, request):
            raw.leave_out(request)
            return
        if request.source is not None:
            self._take(request.source, request)
            return
        if request.offline:
            raise FetchError(
                f"{self.name}: is not in {self._root}, and the network is not to be used: fetch it once without "
                "--offline, or give a BIDS folder that you have, or an archive of one: "
                f"python -m benchmarks fetch {self.name} --from PATH"
            )
        self._download(request)

    def source_pairs(self) -> tuple[PairInfo, ...]:
        """List the three pairs."""
        return tuple(PairInfo(pair_id, 3, (SUBJECT,), "longitudinal") for pair_id in DATES)

    def read(self, pair_id: str) -> Pair:
        """Read the two scans of a pair, fixed before moving.

        Raises
        ------
        DatasetError
            When they are not fetched yet or cannot be read.
        """
        raw = self._complete()
        if raw is None:
            raise DatasetError(
                f"{self.name}: is not in {self._root} yet: python -m benchmarks fetch {self.name}, with a network"
            )
        info = {info.pair_id: info for info in self.source_pairs()}[pair_id]
        chosen = choose_scans(_names(raw.path / _FOLDER), str(raw.path))
        fixed, moving = (Scan(raw.path / _FOLDER / chosen[date]) for date in DATES[pair_id])
        with reading_fetched(self.name):
            return read_pair(info, fixed, moving, {}, "none")

    @property
    def _root(self) -> Path:
        return self.cache_root / "raw" / self.name

    def _raw(self, tag: str) -> RawFolder:
        return RawFolder(self.cache_root, self.name, tag)

    def _complete(self) -> RawFolder | None:
        """Return the folder of the snapshot asked for, or of the newest one that is complete."""
        if self.params.snapshot is not None:
            tags = [self.params.snapshot]
        else:
            found = (
                [path.name for path in self._root.glob("*") if path.is_dir()] if self._root.is_dir() else []
            )
            tags = sorted(found, key=_by_number, reverse=True)
        return next((raw for tag in tags if (raw := self._raw(tag)).has_folder(_FOLDER)), None)

    def _download(self, request: FetchRequest) -> None:
        snapshot = openneuro.list_snapshot(self.name, self.params.snapshot, self.graphql_url)
        chosen = choose_scans(snapshot.files, f"snapshot {snapshot.tag} of {self.name}")
        raw = self._raw(snapshot.tag)
        with raw.writing(request.progress):
            if raw.has_folder(_FOLDER, request):
                return
            target = raw.path / ".download"
            openneuro.download_files(
                snapshot, sorted(chosen.values()), target, self.graphql_url, request.progress
            )
            _check(target)
            raw.note("scans", {"rule": RULE, "chosen": dict(chosen)})
            raw.move_in(
                target, _FOLDER, f"https://openneuro.org/datasets/{self.name}/versions/{snapshot.tag}"
            )

    def _take(self, source: Path, request: FetchRequest) -> None:
        if source.is_dir():
            self._adopt(source, str(source), request)
            return
        with disk_errors(self._root), _folder_for_unpacking(self._root) as folder:
            unpack(source, folder)
            found = [path.parent for path in folder.rglob(SUBJECT) if path.is_dir()]
            if not found:
                raise FetchError(
                    f"{source}: holds no folder {SUBJECT}: give an archive of the dataset's top folder, or that folder"
                )
            # Derivatives repeat the folder of the subject further down.
            self._adopt(min(found, key=lambda path: len(path.parts)), str(source), request)

    def _adopt(self, folder: Path, origin: str, request: FetchRequest) -> None:
        chosen = choose_scans(_names(folder), origin)
        raw = self._raw(self.params.snapshot or _tag_of(folder))
        with raw.writing(request.progress):
            contents = Contents(_FOLDER, lambda name: name in chosen.values(), _check)
            raw.adopt_folder(folder, contents, request, origin)
            raw.note("scans", {"rule": RULE, "chosen": dict(chosen)})


def choose_scans(names: Iterable[str], place: str) -> dict[str, str]:
    """Choose one T1-weighted scan for each date of the pairs.

    Parameters
    ----------
    names : iterable of str
        Paths relative to the top of the dataset.
    place : str
        Where they are, for messages.

    Returns
    -------
    dict of str to str
        Path by date, ``YYYYMMDD``.

    Raises
    ------
    FetchError
        When a date has no scan; the message lists those that have.
    """
    ranked: dict[str, list[tuple[bool, int, int, str]]] = {}
    for name in names:
        scan = _SCAN.fullmatch(name)
        if scan and (session := _SESSION.fullmatch(scan[1])):
            run = _RUN.search(name)
            rank = (bool(session[3]), int(session[2]), int(run[1]) if run else 1, name)
            ranked.setdefault(session[1], []).append(rank)
    wanted = sorted({date for pair in DATES.values() for date in pair})
    if missing := [date for date in wanted if date not in ranked]:
        raise FetchError(
            f"{place}: has no T1w scan of {', '.join(missing)}; it has scans of "
            f"{', '.join(sorted(ranked)) or 'no date at all'}: ask for another snapshot with --set snapshot=TAG, or "
            f"give a folder or archive that holds {SUBJECT} and these dates with --from"
        )
    return {date: min(ranked[date])[-1] for date in wanted}


def _check(folder: Path) -> None:
    """Refuse scans that cannot be read; done before they are taken over."""
    for name in choose_scans(_names(folder), str(folder)).values():
        read_image(folder / name)


@contextmanager
def _folder_for_unpacking(root: Path) -> Iterator[Path]:
    """Make a folder on the disk of the cache, outside the folders of snapshots; remove what a killed process left."""
    root.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{root.name}-"
    lock = FileLock(root.with_name(f"{prefix}unpacking.lock"))
    with lock, scratch_folder(root.parent, prefix) as folder:
        yield folder


def _names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.glob(f"{SUBJECT}/*/anat/*") if path.is_file()
    )


def _tag_of(folder: Path) -> str:
    """Return the version that a BIDS folder says it is."""
    try:
        described = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
        found = re.search(rf"ds007328\.v({openneuro.TAG})$", str(described.get("DatasetDOI", "")))
    except (OSError, ValueError, AttributeError):
        return _UNDATED
    return found[1] if found else _UNDATED


def _by_number(tag: str) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", tag)], tag
