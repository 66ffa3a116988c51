"""Draws the figures of a report into its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from matplotlib.figure import Figure

from reports.figures.comparison import comparison_figures
from reports.figures.deformation import deformation_figures
from reports.figures.slices import WITH_SIDES, KeptSlices, kept_slices
from reports.figures.style import Picture, save, styled
from reports.figures.tradeoff import tradeoff_figure
from reports.names import file_safe
from reports.study import Study

FOLDER = "figures"

COMPARISON = (
    "A row per {rows}{oracle}: the moving image as prealigned, what the run made of it, {middle}the fixed "
    "image, and the absolute differences from it. All images share one intensity scale, all differences "
    "another; RMSE is that of the whole image inside the mask. Look for edges in the differences: a well "
    "aligned pair leaves only what its appearance differs by.{sides}"
)
DEFORMATION = (
    "Above, lines of the fixed grid where the transform takes them, over the moving image (in 3D the part of "
    "the motion within the slice). Below, log J on one scale for all runs, inside the mask; cyan marks "
    "folds. Smooth colours that stay near the middle tell a regular map.{sides}"
)
TRADEOFF = (
    "Each run's accuracy against its forward time; medians over pairs, whiskers to the "
    "quartiles. Fast and accurate is the upper left for Dice, the lower left for TRE."
)
SIDES = " Slices in radiological convention: R and L are the patient's right and left."


@dataclass(frozen=True)
class Gallery:
    """Figures of one kind and pair, under one caption.

    Attributes
    ----------
    title, caption : str
        What they show, and what to see in them.
    pictures : tuple of Picture
        At least one.
    """

    title: str
    caption: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Pictures:
    """The figures of one dataset.

    Attributes
    ----------
    tradeoff : Gallery or None
        Accuracy against time.
    slices : tuple of Gallery
        Comparison and deformation figures of the pairs whose slices were kept.
    omitted : tuple of str
        What could not be drawn and why, a sentence each.
    """

    tradeoff: Gallery | None
    slices: tuple[Gallery, ...]
    omitted: tuple[str, ...]

    @property
    def paths(self) -> set[str]:
        """Where all figures lie."""
        galleries = (*self.slices, self.tradeoff) if self.tradeoff else self.slices
        return {picture.path for gallery in galleries for picture in gallery.pictures}


def draw_pictures(study: Study, folder: Path, dataset: str) -> Pictures:
    """Draw the figures of a dataset below ``folder`` and return where they lie."""
    kept = kept_slices(study, folder, dataset)
    oracle = study.oracle
    slices: list[Gallery] = []
    omitted: list[str] = []
    with styled():
        tradeoff = _draw_tradeoff(study, folder, dataset)
        for one in kept:
            omitted += [f"{one.key.pair_id}: {reason}" for reason in one.omitted]
            if not one.shown:
                continue
            if oracle and oracle not in one.labels:
                omitted.append(f"{one.key.pair_id}: the oracle {oracle} has no slices, nor any panels")
            slices += [_draw_comparison(folder, one, oracle), _draw_deformation(folder, one)]
    return Pictures(tradeoff, tuple(gallery for gallery in slices if gallery.pictures), tuple(omitted))


def _draw_tradeoff(study: Study, folder: Path, dataset: str) -> Gallery | None:
    figure = tradeoff_figure(study, dataset)
    if figure is None:
        return None
    path = PurePosixPath(FOLDER, "accuracy-time", f"{file_safe(dataset)}.png")
    save(figure, folder / path)
    title = f"Accuracy against time: {dataset}"
    return Gallery(title, TRADEOFF, (Picture(str(path), title),))


def _draw_comparison(folder: Path, kept: KeptSlices, oracle: str | None) -> Gallery:
    with_oracle = oracle in kept.labels
    caption = COMPARISON.format(
        rows="run" if len(kept.planes) == 1 else "plane",
        oracle=f" (the oracle is {oracle})" if with_oracle else "",
        middle="what the oracle made of it, " if with_oracle else "",
        sides=_sides(kept),
    )
    drawn = comparison_figures(kept, oracle)
    return _gallery(folder, kept, "warped images and differences", caption, "panels", drawn)


def _draw_deformation(folder: Path, kept: KeptSlices) -> Gallery:
    caption = DEFORMATION.format(sides=_sides(kept))
    drawn = [("", figure) for figure in deformation_figures(kept)]
    return _gallery(folder, kept, "deformation grids and Jacobian", caption, "deformation", drawn)


def _gallery(
    folder: Path, kept: KeptSlices, what: str, caption: str, stem: str, drawn: Sequence[tuple[str, Figure]]
) -> Gallery:
    title = f"{kept.key.pair_id}: {what}"
    below = PurePosixPath(FOLDER, "pairs", file_safe(kept.key.dataset), file_safe(kept.key.pair_id))
    pictures = []
    for number, (label, figure) in enumerate(drawn, start=1):
        part = label or (str(number) if len(drawn) > 1 else "")
        path = below / (f"{stem}-{file_safe(part)}.png" if part else f"{stem}.png")
        save(figure, folder / path)
        pictures.append(Picture(str(path), f"{title}, {part}" if part else title))
    return Gallery(title, caption, tuple(pictures))


def _sides(kept: KeptSlices) -> str:
    return SIDES if WITH_SIDES & set(kept.planes) else ""
