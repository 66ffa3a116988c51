"""The worst, the median and the best pair of each run, chosen by the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from benchmarks.catalogue import METRICS
from benchmarks.panels import Panel
from reports.figures.comparison import DIFFERENCE_MAP, INTENSITY_MAP, Scales, shared_scales
from reports.figures.contours import draw_outlines, outline_handles
from reports.figures.drawing import Drawing, Plate
from reports.figures.layout import picture_grid
from reports.figures.slices import aspect_of, bare, height_to_width, mark_sides
from reports.figures.style import label_text
from reports.kept_slices import Shown
from reports.numbers import fixed_digits
from reports.pair_scores import PREFERRED
from reports.study import Run, Study

PANEL_WIDTH_IN = 1.6
# Names of rows lie flat: upright, a long one is taller than its row.
NAMES_IN = 1.35
NAME_LETTERS, NAME_LINES = 18, 2

CAPTION = (
    "Each run's worst, median and best pair, chosen by its own scores as printed: moving, warped and fixed image, "
    "their difference, and the outlines of labels where there are any. A run is as good as its worst row: see whether "
    "it is merely less exact there, or lost. Pairs on which it failed are not among them; of 3D pairs one plane "
    "is shown."
)


@dataclass(frozen=True)
class Extreme:
    """A pair of a run, and why it is shown.

    Attributes
    ----------
    rank : str
        ``worst``, ``median``, ``best``, or ``only``.
    pair_id : str
        The pair.
    metric : str
        By which number it was chosen.
    value : float
        The run's value of it.
    """

    rank: str
    pair_id: str
    metric: str
    value: float


def extreme_pairs(study: Study, dataset: str, run: Run) -> tuple[Extreme, ...]:
    """Return the worst, median and best pair of a run, by the first of the preferred metrics that it has.

    Of an even number of pairs the worse of the two middle ones is the median; fewer than three pairs give as many.
    Pairs on which the run failed have no value and are none of them.
    """
    for metric in PREFERRED:
        values = study.values(dataset, run.label, metric).dropna()
        if values.empty:
            continue
        ordered = values.sort_values(ascending=METRICS[metric].better == "higher", kind="stable")
        places = {"worst": 0, "median": (len(ordered) - 1) // 2, "best": len(ordered) - 1}
        if len(ordered) < 3:
            places = {"only": 0} if len(ordered) == 1 else {"worst": 0, "best": 1}
        return tuple(
            Extreme(rank, str(ordered.index[place]), metric, float(ordered.iloc[place]))
            for rank, place in places.items()
        )
    return ()


def extremes_drawing(run: Run, shown: Sequence[tuple[Extreme, Shown]]) -> Drawing:
    """Return a figure of a run with a row per pair.

    Parameters
    ----------
    run : Run
        The run.
    shown : sequence of (Extreme, Shown)
        At least one pair with its slices; of 3D pairs the first plane is drawn.
    """
    plane = next(iter(shown[0][1].panels))
    panels = [one.panels[plane] for _, one in shown]
    labelled = any(panel.fixed_labels.any() for panel in panels)
    columns = 5 if labelled else 4
    grid = picture_grid(
        columns, PANEL_WIDTH_IN, [PANEL_WIDTH_IN * height_to_width([panel]) for panel in panels],
        [0.26] + [0.08] * (len(panels) - 1), NAMES_IN,
    )  # fmt: skip
    scales = shared_scales([one for _, one in shown])
    drawn = [
        _draw_row(axes, panel, plane, scales, labelled=labelled)
        for axes, panel in zip(grid.axes, panels, strict=True)
    ]
    for axes, (extreme, _) in zip(grid.axes, shown, strict=True):
        axes[0].set_ylabel(_row_label(extreme), rotation=0, ha="right", va="center")
    titles = ("moving", "warped", "fixed", "|warped − fixed|", "labels")
    for place, title in zip(grid.axes[0], titles, strict=False):
        place.set_title(title, pad=3)
    intensity, difference = drawn[0]
    grid.colour_bar(intensity, slice(0, 3), "normalised intensity", "both")
    grid.colour_bar(difference, slice(3, 4), "absolute difference", "max")
    if labelled:
        right = grid.axes[-1][-1].get_position().x1
        grid.figure.legend(
            handles=outline_handles(), loc="lower right", bbox_to_anchor=(right, 0.0), frameon=False,
            fontsize=7, handlelength=1.0, borderaxespad=0.2,
        )  # fmt: skip
    return Drawing(run.label, grid.figure, _data(run, shown, plane))


def extremes_plate(drawings: Sequence[Drawing], dataset: str) -> Plate:
    """Return the figures of all runs."""
    title = "Worst, median and best pair of each run"
    return Plate(("pairs", dataset, "extremes"), title, CAPTION, tuple(drawings), folded=True)


def _row_label(extreme: Extreme) -> str:
    metric = METRICS[extreme.metric]
    printed = f"{metric.title} {fixed_digits(extreme.value, metric.digits)}"
    return f"{extreme.rank}:\n{label_text(extreme.pair_id, NAME_LETTERS, NAME_LINES)}\n{printed}"


def _draw_row(
    axes: Sequence[Axes], panel: Panel, plane: str, scales: Scales, *, labelled: bool
) -> tuple[AxesImage, AxesImage]:
    low, high = scales.intensity
    images = [
        place.imshow(image, cmap=INTENSITY_MAP, vmin=low, vmax=high, aspect=aspect_of(panel))
        for place, image in zip(axes, (panel.moving, panel.warped, panel.fixed), strict=False)
    ]
    gap = np.abs(panel.warped - panel.fixed)
    change = axes[3].imshow(gap, cmap=DIFFERENCE_MAP, vmin=0, vmax=scales.difference, aspect=aspect_of(panel))
    if labelled:
        draw_outlines(axes[4], panel, scales)
    for place in axes:
        bare(place)
        mark_sides(place, plane)
    return images[0], change


def _data(run: Run, shown: Sequence[tuple[Extreme, Shown]], plane: str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "run": run.label,
                "rank": extreme.rank,
                "pair": extreme.pair_id,
                "plane": plane,
                "chosen_by": extreme.metric,
                "value": extreme.value,
                "before": one.result.before(extreme.metric),
            }
            for extreme, one in shown
        ]
    )
