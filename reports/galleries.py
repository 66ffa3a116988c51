"""The written figures of a report: where they lie, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

FOLDER = "figures"
SUFFIXES = (".png", ".pdf", ".csv")


@dataclass(frozen=True)
class Picture:
    """A written figure.

    Attributes
    ----------
    path : str
        The PNG, relative to the results folder, with forward slashes.
    title : str
        What it shows.
    """

    path: str
    title: str

    @property
    def vector(self) -> str:
        """Path of the PDF."""
        return self.path.removesuffix(".png") + ".pdf"

    @property
    def data(self) -> str:
        """Path of the CSV with the numbers shown."""
        return self.path.removesuffix(".png") + ".csv"

    @property
    def paths(self) -> tuple[str, str, str]:
        """All files of the figure."""
        return self.path, self.vector, self.data


@dataclass(frozen=True)
class Gallery:
    """Written figures of one kind under one caption.

    Attributes
    ----------
    title, caption : str
        What they show, and what to see in them.
    pictures : tuple of Picture
        At least one.
    folded : bool
        Whether a reader has to ask for them.
    """

    title: str
    caption: str
    pictures: tuple[Picture, ...]
    folded: bool = False


@dataclass(frozen=True)
class Pictures:
    """The figures of one dataset.

    Attributes
    ----------
    scores : tuple of Gallery
        Accuracy against time, success against the start, ranks, spread over pairs and labels, two runs pair by pair.
    costs : tuple of Gallery
        Times, scaling with threads, convergence.
    slices : tuple of Gallery
        The pairs that are shown in full, and each run's worst, median and best pair.
    omitted : tuple of str
        What could not be drawn and why, a sentence each.
    """

    scores: tuple[Gallery, ...]
    costs: tuple[Gallery, ...]
    slices: tuple[Gallery, ...]
    omitted: tuple[str, ...]

    def only(self, wanted: Callable[[str], bool]) -> Pictures:
        """Return the figures whose path is wanted, and say nothing of pairs that were not pictured if none is."""

        def chosen(galleries: tuple[Gallery, ...]) -> tuple[Gallery, ...]:
            kept = [(one, tuple(p for p in one.pictures if wanted(p.path))) for one in galleries]
            return tuple(replace(one, pictures=pictures) for one, pictures in kept if pictures)

        slices = chosen(self.slices)
        return Pictures(chosen(self.scores), chosen(self.costs), slices, self.omitted if slices else ())

    @property
    def paths(self) -> set[str]:
        """All files of all figures."""
        galleries = (*self.scores, *self.costs, *self.slices)
        return {path for gallery in galleries for picture in gallery.pictures for path in picture.paths}


class Awaited(Mapping[str, Pictures]):
    """The figures by dataset, waited for when one of them is looked up.

    Parameters
    ----------
    wait : callable
        Returns them.
    """

    def __init__(self, wait: Callable[[], Mapping[str, Pictures]]) -> None:
        self._wait = wait

    def __getitem__(self, dataset: str) -> Pictures:
        """Return the figures of a dataset."""
        return self._wait()[dataset]

    def __iter__(self) -> Iterator[str]:
        """Go over the datasets."""
        return iter(self._wait())

    def __len__(self) -> int:
        """Return how many datasets there are."""
        return len(self._wait())
