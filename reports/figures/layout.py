"""Grids of pictures at exact places, as large as the figure allows and none of them clipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from reports.figures.style import new_figure

LEFT_IN = 0.42
RIGHT_IN = 0.12
GAP_IN = 0.06
FOOTER_IN = 0.62
BAR_HEIGHT_IN = 0.11
BAR_BOTTOM_IN = 0.42


@dataclass(frozen=True)
class PictureGrid:
    """A figure with rows of axes of one width, and a footer for colour bars.

    Attributes
    ----------
    figure : Figure
        The figure.
    axes : tuple of tuple of Axes
        By row and column.
    """

    figure: Figure
    axes: tuple[tuple[Axes, ...], ...]

    def colour_bar(self, image: AxesImage, columns: slice, label: str, extend: str) -> None:
        """Draw a colour bar below some columns, no wider than reads well."""
        width, height = self.figure.get_size_inches()
        places = [axes.get_position() for axes in self.axes[-1][columns]]
        left, right = places[0].x0 * width, places[-1].x1 * width
        length = min(right - left, 4.5)
        start = (left + right - length) / 2
        bar = self.figure.add_axes(
            (start / width, BAR_BOTTOM_IN / height, length / width, BAR_HEIGHT_IN / height)
        )
        self.figure.colorbar(image, cax=bar, orientation="horizontal", label=label, extend=extend)


def picture_grid(
    columns: int,
    width_in: float,
    heights_in: Sequence[float],
    above_in: Sequence[float],
    left_in: float = LEFT_IN,
) -> PictureGrid:
    """Return a grid of empty axes.

    Parameters
    ----------
    columns : int
        How many pictures stand side by side.
    width_in : float
        Width of each.
    heights_in, above_in : sequence of float
        Height of the pictures of each row, and the room above it for titles.
    left_in : float
        Room beside the rows for their names.
    """
    width = left_in + columns * width_in + (columns - 1) * GAP_IN + RIGHT_IN
    height = sum(heights_in) + sum(above_in) + FOOTER_IN + GAP_IN
    figure = new_figure(width, height)
    rows = []
    top = height
    for tall, above in zip(heights_in, above_in, strict=True):
        top -= above + tall
        rows.append(
            tuple(
                figure.add_axes(
                    (
                        (left_in + column * (width_in + GAP_IN)) / width,
                        top / height,
                        width_in / width,
                        tall / height,
                    )
                )
                for column in range(columns)
            )
        )
    return PictureGrid(figure, tuple(rows))


def balanced(count: int, most: int) -> list[slice]:
    """Cut a sequence into as few parts of nearly one length as hold at most so many each."""
    if not count:
        return []
    parts = -(-count // most)
    edges = [round(index * count / parts) for index in range(parts + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]
