"""One look for all figures."""

from __future__ import annotations

import textwrap
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reports.figures.fonts import families

# Okabe and Ito (2008): told apart with any common colour vision deficiency, and in print.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK = "#222222"
FAINT = "#8a8a8a"
OUTSIDE = "#d9d9d9"

STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "figure.titlesize": 11.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "image.interpolation": "nearest",
    # Letters in a PDF stay letters, which a reader can search and an editor can change.
    "pdf.fonttype": 42,
    # Names come from the data: a dollar sign in one is no formula.
    "text.parse_math": False,
}
DPI = 130
# Names of more runs than have a colour of their own would cover each other: they stand in a legend then.
MOST_NAMED = len(PALETTE)


@dataclass(frozen=True)
class Look:
    """How a run is drawn wherever it appears."""

    colour: str
    marker: str


def look_of(index: int) -> Look:
    """Return the look of the run with a number; where colours repeat, they do so with another marker."""
    colours = len(PALETTE)
    return Look(PALETTE[index % colours], MARKERS[(index + index // colours) % len(MARKERS)])


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style while figures are made and saved, whatever the user's own settings are."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the report's text has it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update({**STYLE, "font.family": list(families())})
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, raster: Path, vector: Path) -> None:
    """Write a PNG and a PDF without metadata that would differ from one run to the next."""
    raster.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(raster, format="png", metadata={"Software": None})
    figure.savefig(vector, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def label_text(name: str, width: int = 34, lines: int = 1) -> str:
    """Return a name as it fits in a figure: so many letters a line, and so many lines."""
    shown = "".join(letter for letter in name if unicodedata.category(letter)[0] != "C")
    return "\n".join(textwrap.wrap(shown, width, max_lines=lines, placeholder="…"))
