"""Deformation grids and maps of the Jacobian determinant, a column per run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from benchmarks.catalogue import METRICS
from benchmarks.panels import Panel
from reports.figures.drawing import Drawing
from reports.figures.layout import balanced, picture_grid
from reports.figures.slices import aspect_of, bare, height_to_width, mark_sides
from reports.figures.style import OUTSIDE, label_text
from reports.kept_slices import KeptSlices, Shown
from reports.numbers import NOT_AVAILABLE, fixed_digits
from reports.study import IDENTITY

PANEL_WIDTH_IN = 2.3
RUNS_PER_FIGURE = 6
# Narrower, the colour bar and its label would not fit.
LEAST_COLUMNS = 2
GRID_LINES = 26
GRID_COLOUR = "#56B4E9"
JACOBIAN_MAP = "PuOr_r"
# Lighter than either end of the map and of a hue that neither has.
FOLD_COLOUR = "#00C8FF"
PERCENTILE = 99.5
# Below this a map of noise would fill the whole scale.
LEAST_LOG_RANGE = 0.1


def deformation_figures(kept: KeptSlices) -> list[Drawing]:
    """Return figures with a column per run, and per plane a row of grids and a row of log-Jacobian maps.

    The untouched start has neither and is left out; the true transform, where there is one, stands last.
    """
    shown = [one for one in kept.shown if one.run.backend != IDENTITY]
    if not shown:
        return []
    limit = log_limit(shown)
    parts = balanced(len(shown), RUNS_PER_FIGURE)
    return [
        Drawing(
            str(number) if len(parts) > 1 else "", _draw(shown[part], kept.planes, limit), _data(shown[part])
        )
        for number, part in enumerate(parts, start=1)
    ]


def _data(shown: Sequence[Shown]) -> pd.DataFrame:
    rows = []
    for one in shown:
        for plane, panel in one.panels.items():
            inside = _inside(panel)
            rows.append(
                {
                    "run": one.run.label,
                    "plane": plane,
                    "sd_log_jacobian": one.result.value("sd_log_jacobian"),
                    "folding_fraction": one.result.value("folding_fraction"),
                    "folded_voxels_in_slice": int((inside & (panel.jacobian <= 0)).sum()),
                    "min_jacobian_in_slice": float(panel.jacobian[inside].min()),
                    "largest_displacement_in_slice_mm": float(np.hypot(*panel.displacement_mm)[inside].max()),
                }
            )
    return pd.DataFrame(rows)


def log_limit(shown: Sequence[Shown]) -> float:
    """Return the end of the scale that all maps of a pair share: what the middle one of the runs needs.

    A run that tears the image apart saturates rather than flattening all others.
    """
    return max(float(np.median([_largest_log(one) for one in shown])), LEAST_LOG_RANGE)


def _largest_log(one: Shown) -> float:
    values = np.concatenate([np.abs(log_jacobian(panel)).ravel() for panel in one.panels.values()])
    values = values[np.isfinite(values)]
    return float(np.percentile(values, PERCENTILE)) if values.size else 0.0


def log_jacobian(panel: Panel) -> npt.NDArray[np.float64]:
    """Return log J inside the mask; NaN outside it and where the transform folds."""
    jacobian = panel.jacobian.astype(np.float64)
    defined = _inside(panel) & (jacobian > 0)
    return np.where(defined, np.log(np.where(defined, jacobian, 1.0)), np.nan)


def _inside(panel: Panel) -> npt.NDArray[np.bool_]:
    return panel.mask if panel.mask.any() else np.ones_like(panel.mask)


def _draw(group: Sequence[Shown], planes: Sequence[str], limit: float) -> Figure:
    heights = [PANEL_WIDTH_IN * height_to_width([one.panels[plane] for one in group]) for plane in planes]
    lines = max(_title(one).count("\n") + 1 for one in group)
    above = [room for index in range(len(planes)) for room in (0.12 if index else 0.1 + 0.16 * lines, 0.22)]
    doubled = [height for height in heights for _ in range(2)]
    grid = picture_grid(max(len(group), LEAST_COLUMNS), PANEL_WIDTH_IN, doubled, above)
    maps = [
        _draw_column([row[column] for row in grid.axes], one, planes, limit, first=column == 0)
        for column, one in enumerate(group)
    ]
    for row in grid.axes:
        for unused in row[len(group) :]:
            unused.set_axis_off()
    grid.colour_bar(maps[0], slice(None), "log J: < 0 squeezed, > 0 stretched; cyan: folded (J ≤ 0)", "both")
    return grid.figure


def _draw_column(
    axes: Sequence[Axes], one: Shown, planes: Sequence[str], limit: float, *, first: bool
) -> AxesImage:
    maps = []
    for index, plane in enumerate(planes):
        above, below = axes[2 * index], axes[2 * index + 1]
        _draw_grid(above, one.panels[plane])
        maps.append(_draw_map(below, one.panels[plane], limit))
        for place, what in ((above, "grid"), (below, "log J")):
            bare(place)
            mark_sides(place, plane)
            if first:
                place.set_ylabel(what if len(planes) == 1 else f"{plane}, {what}")
    axes[0].set_title(_title(one), fontweight="bold", pad=3)
    axes[1].set_title(_numbers(one), fontsize=8, pad=3)
    return maps[0]


def _title(one: Shown) -> str:
    return label_text(one.run.label, 28, lines=2)


def _numbers(one: Shown) -> str:
    spread, folds = one.result.value("sd_log_jacobian"), one.result.value("folding_fraction")
    printed = NOT_AVAILABLE if spread is None else fixed_digits(spread, METRICS["sd_log_jacobian"].digits)
    return f"sd log J {printed}, folded {NOT_AVAILABLE if folds is None else f'{100 * folds:.3g} %'}"


def _draw_grid(axes: Axes, panel: Panel) -> None:
    """Draw where lines of the fixed grid lie in the moving image."""
    axes.imshow(panel.moving, cmap="gray", aspect=aspect_of(panel), alpha=0.55)
    axes.add_collection(
        LineCollection(grid_lines(panel), colors=GRID_COLOUR, linewidths=0.7, capstyle="round")
    )
    rows, columns = panel.moving.shape
    axes.set_facecolor("black")
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def grid_lines(panel: Panel) -> list[npt.NDArray[np.float64]]:
    """Return lines as arrays of (column, row) in voxels, equally far apart in mm along both axes."""
    rows, columns = panel.fixed.shape
    down, right = panel.displacement_mm.astype(np.float64)
    row, column = np.mgrid[:rows, :columns]
    x, y = column + right / panel.spacing_mm[1], row + down / panel.spacing_mm[0]
    step_mm = max(rows * panel.spacing_mm[0], columns * panel.spacing_mm[1]) / GRID_LINES
    row_step, column_step = (max(1, round(step_mm / spacing)) for spacing in panel.spacing_mm)
    across = [np.column_stack([x[i], y[i]]) for i in range(row_step // 2, rows, row_step)]
    along = [np.column_stack([x[:, j], y[:, j]]) for j in range(column_step // 2, columns, column_step)]
    return across + along


def _draw_map(axes: Axes, panel: Panel, limit: float) -> AxesImage:
    axes.set_facecolor(OUTSIDE)
    aspect = aspect_of(panel)
    shown = axes.imshow(log_jacobian(panel), cmap=JACOBIAN_MAP, vmin=-limit, vmax=limit, aspect=aspect)
    rows, columns = np.nonzero(_inside(panel) & (panel.jacobian <= 0))
    # Markers, because a lone folded voxel would be too small to see.
    axes.plot(
        columns, rows, linestyle="none", marker="s", markersize=2.0, markeredgewidth=0, color=FOLD_COLOUR
    )
    return shown
