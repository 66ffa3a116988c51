"""What the figures of slices share: their shape, their frame and their orientation marks."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.patheffects
from matplotlib.axes import Axes

from benchmarks.panels import Panel
from reports.figures.style import FAINT

# Planes on whose pictures the patient's left is on the right.
WITH_SIDES = frozenset({"axial", "coronal"})


def aspect_of(panel: Panel) -> float:
    """Return the height of a voxel by its width."""
    return float(panel.spacing_mm[0] / panel.spacing_mm[1])


def height_to_width(panels: Sequence[Panel]) -> float:
    """Return the largest height by width, in mm, of the panels."""
    return float(max(p.fixed.shape[0] / p.fixed.shape[1] * aspect_of(p) for p in panels))


def bare(axes: Axes) -> None:
    """Take ticks away and leave a faint frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(FAINT)


def mark_sides(axes: Axes, plane: str) -> None:
    """Write R and L where the patient's right and left are, in radiological convention."""
    if plane not in WITH_SIDES:
        return
    outline = [matplotlib.patheffects.withStroke(linewidth=2.0, foreground="black")]
    for x, side, align in ((0.02, "R", "left"), (0.98, "L", "right")):
        axes.text(
            x, 0.5, side, transform=axes.transAxes, ha=align, va="center",
            color="white", fontsize=8, fontweight="bold", path_effects=outline,
        )  # fmt: skip
