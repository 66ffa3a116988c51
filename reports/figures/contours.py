"""Outlines of the fixed and of the warped labels over the fixed image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from benchmarks.metrics.overlap import count, dice, indexed
from benchmarks.panels import LabelArray, Panel
from reports.figures.columns import Column, draw_columns, start_and_runs
from reports.figures.comparison import INTENSITY_MAP, Scales, shared_scales
from reports.figures.drawing import Drawing
from reports.figures.slices import aspect_of
from reports.kept_slices import KeptSlices

# Blue and orange of the palette: far apart in hue and in lightness.
FIXED_COLOUR, WARPED_COLOUR = "#56B4E9", "#E69F00"
LINE_POINTS = 0.9


def contour_figures(kept: KeptSlices) -> list[Drawing]:
    """Return figures with the start and a column per run; none where the pair has no labels."""
    groups = start_and_runs(kept, "dice")
    if not any(panel.fixed_labels.any() for one in kept.shown for panel in one.panels.values()):
        return []
    scales = shared_scales(kept.shown)
    return [
        _draw(columns, kept, scales, str(number) if len(groups) > 1 else "")
        for number, columns in enumerate(groups, start=1)
    ]


def draw_outlines(axes: Axes, panel: Panel, scales: Scales) -> None:
    """Draw the fixed image and both sets of outlines."""
    low, high = scales.intensity
    axes.imshow(panel.fixed, cmap=INTENSITY_MAP, vmin=low, vmax=high, aspect=aspect_of(panel))
    for labels, colour in ((panel.fixed_labels, FIXED_COLOUR), (panel.warped_labels, WARPED_COLOUR)):
        across, along = edges(labels)
        axes.plot(*across, color=colour, linewidth=LINE_POINTS, solid_capstyle="projecting")
        axes.plot(*along, color=colour, linewidth=LINE_POINTS, solid_capstyle="projecting")


def edges(labels: LabelArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the voxel edges between labels, exact to the voxel.

    Returns
    -------
    across, along : ndarray of shape (2, 3 n)
        Columns and rows of horizontal, and of vertical segments: begin, end, NaN.
    """
    row, column = np.nonzero(labels[1:] != labels[:-1])
    gap = np.full(row.size, np.nan)
    across = np.stack(
        [
            np.stack([column - 0.5, column + 0.5, gap], 1).ravel(),
            np.stack([row + 0.5, row + 0.5, gap], 1).ravel(),
        ]
    )
    row, column = np.nonzero(labels[:, 1:] != labels[:, :-1])
    gap = np.full(row.size, np.nan)
    along = np.stack(
        [
            np.stack([column + 0.5, column + 0.5, gap], 1).ravel(),
            np.stack([row - 0.5, row + 0.5, gap], 1).ravel(),
        ]
    )
    return across, along


def _draw(columns: list[Column], kept: KeptSlices, scales: Scales, part: str) -> Drawing:
    grid = draw_columns(columns, kept.planes, lambda axes, panel: draw_outlines(axes, panel, scales))
    grid.figure.legend(
        handles=outline_handles(), loc="lower center", ncols=2, frameon=False, bbox_to_anchor=(0.5, 0.0)
    )
    return Drawing(part, grid.figure, _data(columns))


def outline_handles() -> list[Line2D]:
    """Return what the legend names."""
    return [
        Line2D([], [], color=FIXED_COLOUR, linewidth=2, label="labels, fixed"),
        Line2D([], [], color=WARPED_COLOUR, linewidth=2, label="labels as warped"),
    ]


def _data(columns: list[Column]) -> pd.DataFrame:
    rows = []
    for column in columns:
        for plane, panel in column.panels.items():
            rows += [(column.label, plane, *line) for line in slice_overlaps(panel)]
    return pd.DataFrame(
        rows, columns=["run", "plane", "label", "fixed_voxels", "warped_voxels", "dice_in_slice"]
    )


def slice_overlaps(panel: Panel) -> list[tuple[int, int, int, float]]:
    """Return per label of the slice its number, both sizes in voxels, and the Dice overlap."""
    ids = [int(i) for i in np.union1d(panel.fixed_labels, panel.warped_labels) if i]
    if not ids:
        return []
    counts = count(indexed(panel.warped_labels, ids), indexed(panel.fixed_labels, ids), len(ids))
    return [(label, c.target, c.source, dice(c) or 0.0) for label, c in zip(ids, counts, strict=True)]
