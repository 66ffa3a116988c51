"""A figure together with its title, its caption and the numbers that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd
from matplotlib.figure import Figure

from reports.csv_cells import csv_text
from reports.figures.style import save
from reports.galleries import FOLDER, Gallery, Picture
from reports.names import file_safe


@dataclass(frozen=True)
class Drawing:
    """A figure and what it shows.

    Attributes
    ----------
    part : str
        What tells it from others of its plate; empty where it is the only one.
    figure : Figure
        The figure.
    data : pandas.DataFrame
        The numbers in it, a column per quantity.
    """

    part: str
    figure: Figure
    data: pd.DataFrame


@dataclass(frozen=True)
class Plate:
    """Figures of one kind, before they are written.

    Attributes
    ----------
    stem : tuple of str
        Names of the folders below ``figures/`` and of the files, as they come from the data.
    title, caption : str
        What they show, and what to see in them.
    drawings : tuple of Drawing
        At least one.
    folded : bool
        Whether a reader has to ask for them.
    """

    stem: tuple[str, ...]
    title: str
    caption: str
    drawings: tuple[Drawing, ...]
    folded: bool = False


def write_plate(folder: Path, plate: Plate) -> Gallery:
    """Write each figure as PNG and PDF with its numbers as CSV, below ``folder / "figures"``."""
    *parents, name = (file_safe(part) for part in plate.stem)
    pictures = []
    for drawing in plate.drawings:
        stem = f"{name}-{file_safe(drawing.part)}" if drawing.part else name
        path = PurePosixPath(FOLDER, *parents, f"{stem}.png")
        title = f"{plate.title}, {drawing.part}" if drawing.part else plate.title
        picture = Picture(str(path), title)
        save(drawing.figure, folder / picture.path, folder / picture.vector)
        (folder / picture.data).write_text(csv_text(drawing.data), encoding="utf-8", newline="\n")
        pictures.append(picture)
    return Gallery(plate.title, plate.caption, tuple(pictures), plate.folded)
