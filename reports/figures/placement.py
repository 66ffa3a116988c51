"""Places for labels beside points, so that none covers another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text

GAPS_POINTS = (7.0, 16.0, 28.0, 42.0, 58.0, 76.0)
# Right and left first: there a label reads as belonging to its point.
ANGLES_DEGREES = (0, 180, 35, -35, 145, -145, 90, -90, 65, -65, 115, -115)
CLEARANCE_PIXELS = 2.0
# Beyond this distance a thin line leads from the label to its point.
LEADER_POINTS = 12.0


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    def overlap(self, other: Box) -> float:
        """Return the area in common."""
        width, height = self.sides_in_common(other)
        return width * height

    def sides_in_common(self, other: Box) -> tuple[float, float]:
        """Return width and height of what both cover; zeros where they do not meet."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return (width, height) if width > 0 and height > 0 else (0.0, 0.0)

    def grown(self, margin: float) -> Box:
        """Return the rectangle with a margin around it."""
        return Box(self.x0 - margin, self.y0 - margin, self.x1 + margin, self.y1 + margin)

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)


def box_of(artist: Artist) -> Box:
    """Return the extent of something drawn; of an annotation that of its text, without the line."""
    extent = artist.get_window_extent()
    if isinstance(artist, Annotation):
        # Asking an annotation brings its text into place, which asking the text alone does not.
        extent = Text.get_window_extent(artist)
    return Box(*extent.extents)


def place_labels(
    axes: Axes, labels: Sequence[Annotation], obstacles: Sequence[Box], lines: Sequence[Box] = ()
) -> None:
    """Move each label to the free place nearest to its point.

    Parameters
    ----------
    axes : Axes
        With its final position and limits; labels stay inside.
    labels : sequence of Annotation
        Anchored to their points, with ``textcoords="offset points"``; moved in place.
    obstacles : sequence of Box
        What labels must not cover: markers, error bars.
    lines : sequence of Box
        Thin lines that labels should not sit on, but may where every other place covers more. A line counts by
        the length that a name would hide of it, since its area is next to nothing.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    pixels = figure.dpi / 72
    frame = box_of(axes)
    taken = list(obstacles)
    for label in labels:
        size = box_of(label)
        x, y = axes.transData.transform(label.xy)
        places = [
            (gap, _box_at(x, y, angle, gap * pixels, size.x1 - size.x0, size.y1 - size.y0))
            for gap, angle in itertools.product(GAPS_POINTS, ANGLES_DEGREES)
        ]
        gap, box = min(
            places,
            key=lambda place: (_conflict(place[1], taken, frame) + struck(place[1], lines), place[0]),
        )
        label.set_position(((box.x0 - x) / pixels, (box.y0 - y) / pixels))
        label.set_horizontalalignment("left")
        label.set_verticalalignment("bottom")
        if label.arrow_patch is not None:
            label.arrow_patch.set_visible(gap > LEADER_POINTS)
        taken.append(box)


def _box_at(x: float, y: float, angle: float, gap: float, width: float, height: float) -> Box:
    """Return a box whose edge nearest to the point lies a gap away in a direction."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    left = x + cosine * gap + (cosine - 1) * width / 2
    bottom = y + sine * gap + (sine - 1) * height / 2
    return Box(left, bottom, left + width, bottom + height)


def _conflict(box: Box, taken: Sequence[Box], frame: Box) -> float:
    """Return the area shared with others or outside the frame."""
    padded = box.grown(CLEARANCE_PIXELS)
    return padded.area - padded.overlap(frame) + sum(padded.overlap(other) for other in taken)


def struck(box: Box, lines: Sequence[Box]) -> float:
    """Return how much of a label lines run through: per line its length inside times half the label's height."""
    padded = box.grown(CLEARANCE_PIXELS)
    return (box.y1 - box.y0) / 2 * sum(max(padded.sides_in_common(line)) for line in lines)
