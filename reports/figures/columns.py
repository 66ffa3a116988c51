"""Pictures in columns: the start, then a column per run; a row per plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes

from benchmarks.catalogue import METRICS
from benchmarks.panels import Panel
from reports.figures.layout import PictureGrid, balanced, picture_grid
from reports.figures.slices import bare, height_to_width, mark_sides
from reports.figures.style import label_text
from reports.kept_slices import KeptSlices, Shown
from reports.numbers import NOT_AVAILABLE, fixed_digits
from reports.study import BEFORE

PANEL_WIDTH_IN = 2.1
RUNS_PER_FIGURE = 6
LEAST_COLUMNS = 2


@dataclass(frozen=True)
class Column:
    """What stands in a column: the start or a run, aligned as far as it came."""

    label: str
    score: str
    panels: dict[str, Panel]


def start_and_runs(kept: KeptSlices, metric: str) -> list[list[Column]]:
    """Return the columns of each figure, every one led by the start; reference rows are left out.

    Parameters
    ----------
    kept : KeptSlices
        The pair.
    metric : str
        What to print of each column.
    """
    runs = [one for one in kept.shown if not one.run.reference]
    if not runs:
        return []
    start = _start(runs[0], metric)
    return [
        [start, *(_column(one, metric) for one in runs[part])]
        for part in balanced(len(runs), RUNS_PER_FIGURE)
    ]


def _start(one: Shown, metric: str) -> Column:
    panels = {
        plane: replace(panel, warped=panel.moving, warped_labels=panel.moving_labels)
        for plane, panel in one.panels.items()
    }
    return Column(BEFORE, _score(metric, one.result.before(metric)), panels)


def _column(one: Shown, metric: str) -> Column:
    return Column(one.run.label, _score(metric, one.result.value(metric)), dict(one.panels))


def _score(metric: str, value: float | None) -> str:
    described = METRICS[metric]
    return f"{described.title} {NOT_AVAILABLE if value is None else fixed_digits(value, described.digits)}"


def draw_columns(
    columns: Sequence[Column], planes: Sequence[str], draw: Callable[[Axes, Panel], None]
) -> PictureGrid:
    """Return a grid with each column's slices drawn into it."""
    heights = [PANEL_WIDTH_IN * height_to_width([c.panels[plane] for c in columns]) for plane in planes]
    above = [0.58] + [0.08] * (len(planes) - 1)
    grid = picture_grid(max(len(columns), LEAST_COLUMNS), PANEL_WIDTH_IN, heights, above)
    for row, (plane, places) in enumerate(zip(planes, grid.axes, strict=True)):
        for column, axes in zip(columns, places, strict=False):
            draw(axes, column.panels[plane])
            bare(axes)
            mark_sides(axes, plane)
            if row == 0:
                axes.set_title(f"{label_text(column.label, 26, lines=2)}\n{column.score}", pad=3)
        if len(planes) > 1:
            places[0].set_ylabel(plane)
        for unused in places[len(columns) :]:
            unused.set_axis_off()
    return grid
