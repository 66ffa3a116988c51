"""Fixed and warped image in alternate squares: what is aligned runs on across their edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from benchmarks.panels import Panel
from reports.figures.columns import Column, draw_columns, start_and_runs
from reports.figures.comparison import INTENSITY_MAP, Scales, shared_scales
from reports.figures.drawing import Drawing
from reports.figures.slices import aspect_of
from reports.kept_slices import KeptSlices

SQUARES = 9


def checkerboard_figures(kept: KeptSlices) -> list[Drawing]:
    """Return figures with the start and a column per run; more than one where runs are many."""
    groups = start_and_runs(kept, "rmse")
    if not groups:
        return []
    scales = shared_scales(kept.shown)
    return [
        _draw(columns, kept, scales, str(number) if len(groups) > 1 else "")
        for number, columns in enumerate(groups, start=1)
    ]


def square_mm(panel: Panel) -> float:
    """Return the side of a square: nine of them fill the longer side of the slice."""
    return float(max(np.array(panel.fixed.shape) * panel.spacing_mm)) / SQUARES


def board(panel: Panel) -> npt.NDArray[np.float32]:
    """Return the fixed image with every other square, the second one first, replaced by the warped image."""
    side = square_mm(panel)
    rows, columns = (
        (np.arange(size) * spacing // side).astype(int)
        for size, spacing in zip(panel.fixed.shape, panel.spacing_mm, strict=True)
    )
    return np.where((rows[:, None] + columns[None, :]) % 2, panel.warped, panel.fixed)


def _draw(columns: list[Column], kept: KeptSlices, scales: Scales, part: str) -> Drawing:
    drawn: list[AxesImage] = []

    def draw(axes: Axes, panel: Panel) -> None:
        low, high = scales.intensity
        drawn.append(
            axes.imshow(board(panel), cmap=INTENSITY_MAP, vmin=low, vmax=high, aspect=aspect_of(panel))
        )

    grid = draw_columns(columns, kept.planes, draw)
    grid.colour_bar(drawn[0], slice(None), "normalised intensity", "both")
    return Drawing(part, grid.figure, _data(columns))


def _data(columns: list[Column]) -> pd.DataFrame:
    rows = []
    for column in columns:
        for plane, panel in column.panels.items():
            inside = panel.mask if panel.mask.any() else np.ones_like(panel.mask)
            gap = (panel.warped - panel.fixed)[inside]
            rows.append(
                (column.label, plane, square_mm(panel), float(np.sqrt(np.mean(gap.astype(float) ** 2))))
            )
    return pd.DataFrame(rows, columns=["run", "plane", "square_mm", "rmse_in_slice"])
