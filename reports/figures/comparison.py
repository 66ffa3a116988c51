"""The seven panels: moving, warped, the oracle's warped, fixed, and the three differences from fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from benchmarks.catalogue import METRICS
from benchmarks.panels import Panel
from reports.figures.drawing import Drawing
from reports.figures.layout import balanced, picture_grid
from reports.figures.slices import aspect_of, bare, height_to_width, mark_sides
from reports.figures.style import label_text
from reports.kept_slices import KeptSlices, Shown
from reports.numbers import NOT_AVAILABLE, fixed_digits

PANEL_WIDTH_IN = 1.75
RUNS_PER_FIGURE = 6
INTENSITY_MAP = "gray"
DIFFERENCE_MAP = "inferno"
# The brightest half per cent would otherwise leave everything else dark.
PERCENTILE = 99.5


@dataclass(frozen=True)
class Scales:
    """Limits that every panel of a pair shares."""

    intensity: tuple[float, float]
    difference: float


@dataclass(frozen=True)
class _Line:
    """One row of a figure: a run on a plane."""

    shown: Shown
    plane: str

    @property
    def panel(self) -> Panel:
        return self.shown.panels[self.plane]


def comparison_figures(kept: KeptSlices, oracle: str | None) -> list[Drawing]:
    """Return figures, in 3D one for each run, with a row per plane.

    In 2D runs share a figure, a row each. Reference rows are not shown, nor is the
    oracle, which stands beside every other run.
    """
    reference = next((shown for shown in kept.shown if shown.run.label == oracle), None)
    competitors = [shown for shown in kept.shown if not shown.run.reference]
    others = [shown for shown in competitors if shown.run.label != oracle] or competitors
    if not others:
        return []
    scales = shared_scales([*others, reference] if reference else others)
    if len(kept.planes) > 1:
        lines = [(shown.run.label, [_Line(shown, plane) for plane in kept.planes]) for shown in others]
    else:
        parts = [others[part] for part in balanced(len(others), RUNS_PER_FIGURE)]
        lines = [
            (str(number) if len(parts) > 1 else "", [_Line(shown, kept.planes[0]) for shown in part])
            for number, part in enumerate(parts, start=1)
        ]
    return [Drawing(part, _draw(rows, reference, scales), _data(rows, reference)) for part, rows in lines]


def shared_scales(shown: Sequence[Shown]) -> Scales:
    """Return limits that hold the intensities and the differences of all runs and planes of a pair."""
    panels = [panel for one in shown for panel in one.panels.values()]
    intensities = np.concatenate([image.ravel() for p in panels for image in (p.fixed, p.moving)])
    differences = np.concatenate(
        [np.abs(image - p.fixed).ravel() for p in panels for image in (p.moving, p.warped)]
    )
    low, high = np.nanpercentile(intensities, [100 - PERCENTILE, PERCENTILE])
    top = float(np.nanpercentile(differences, PERCENTILE))
    return Scales((float(low), float(max(high, low + 1e-6))), max(top, 1e-6))


def _draw(rows: Sequence[_Line], oracle: Shown | None, scales: Scales) -> Figure:
    images, columns = (4, 7) if oracle else (3, 5)
    heights = [PANEL_WIDTH_IN * height_to_width([row.panel]) for row in rows]
    grid = picture_grid(columns, PANEL_WIDTH_IN, heights, [0.42] + [0.24] * (len(rows) - 1))
    drawn = [
        _draw_row(axes, row, oracle, scales, heading=axes is grid.axes[0])
        for axes, row in zip(grid.axes, rows, strict=True)
    ]
    intensity, difference = drawn[-1]
    grid.colour_bar(intensity, slice(0, images), "normalised intensity", "both")
    grid.colour_bar(difference, slice(images, columns), "absolute difference", "max")
    return grid.figure


def _data(rows: Sequence[_Line], oracle: Shown | None) -> pd.DataFrame:
    lines = []
    for row in rows:
        run = row.shown.run.label
        shown = [("moving", row.panel.moving, row.shown.result.before("rmse"))]
        shown.append((run, row.panel.warped, row.shown.result.value("rmse")))
        if oracle:
            shown.append((oracle.run.label, oracle.panels[row.plane].warped, oracle.result.value("rmse")))
        for name, image, rmse in shown:
            gap = np.abs(image - row.panel.fixed).astype(np.float64)
            # In the slice, outside the mask too: what the picture shows.
            lines.append((run, row.plane, name, rmse, float(np.nanmean(gap)), float(np.nanmax(gap))))
    return pd.DataFrame(
        lines,
        columns=["run", "plane", "image", "rmse", "mean_difference_in_slice", "largest_difference_in_slice"],
    )


def _draw_row(
    axes: Sequence[Axes], row: _Line, oracle: Shown | None, scales: Scales, *, heading: bool
) -> tuple[AxesImage, AxesImage]:
    panel, run = row.panel, row.shown.run.label
    fixed, alone = panel.fixed, len(row.shown.panels) > 1
    reference = oracle.panels[row.plane].warped if oracle else None
    images = [("moving", panel.moving), (_heading(f"warped: {run}") if alone else "warped", panel.warped)]
    changes = [
        ("|moving − fixed|", panel.moving, _rmse(row.shown, before=True)),
        ("|warped − fixed|", panel.warped, _rmse(row.shown, before=False)),
    ]
    if oracle and reference is not None:
        images.append((_heading(f"oracle: {oracle.run.label}"), reference))
        changes.append(("|oracle − fixed|", reference, _rmse(oracle, before=False)))
    images.append(("fixed", fixed))
    for place, (title, image) in zip(axes, images, strict=False):
        low, high = scales.intensity
        shown = place.imshow(image, cmap=INTENSITY_MAP, vmin=low, vmax=high, aspect=aspect_of(panel))
        _finish(place, row.plane, title if heading else "")
    for place, (title, image, rmse) in zip(axes[len(images) :], changes, strict=True):
        gap = np.abs(image - fixed)
        change = place.imshow(
            gap, cmap=DIFFERENCE_MAP, vmin=0, vmax=scales.difference, aspect=aspect_of(panel)
        )
        _finish(place, row.plane, f"{title}\nRMSE {rmse}" if heading else f"RMSE {rmse}")
    axes[0].set_ylabel(row.plane if alone else label_text(run, 26, lines=2), fontweight="bold")
    return shown, change


def _heading(text: str) -> str:
    return label_text(text, 24, lines=2)


def _finish(axes: Axes, plane: str, title: str) -> None:
    bare(axes)
    mark_sides(axes, plane)
    axes.set_title(title, pad=3)


def _rmse(shown: Shown, *, before: bool) -> str:
    value = shown.result.before("rmse") if before else shown.result.value("rmse")
    return NOT_AVAILABLE if value is None else fixed_digits(value, METRICS["rmse"].digits)
