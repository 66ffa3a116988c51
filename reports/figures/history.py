"""A metric over commits."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from reports.csv_cells import csv_text
from reports.figures.layout import balanced
from reports.figures.style import label_text, look_of, new_figure, styled
from reports.history import Trend

PANEL_IN = (5.2, 2.6)
LEFT_IN, RIGHT_IN, TOP_IN, BOTTOM_IN = 0.75, 3.1, 0.35, 0.95
MOST_RUNS = 14

CAPTION = (
    "{metric} over the commits whose records are stored, a panel per dataset and a line per run ({better}): means over "
    "the pairs that were ok, of times medians. A step that one run makes alone is a change of that run; one that all "
    "make at once is a change of data, metrics or machine."
)


def save_history(trend: Trend, path: Path) -> str:
    """Draw a trend into a file of matplotlib's formats, with a CSV of the numbers beside it, and return the caption."""
    data = pd.DataFrame(
        [
            (dataset, run, commit, value)
            for (dataset, run), values in trend.averages.items()
            for commit, value in zip(trend.commits, values, strict=True)
            if not math.isnan(value)
        ],
        columns=["dataset", "run", "commit", trend.metric.name],
    )
    panels = [
        (dataset, runs[part])
        for dataset in dict.fromkeys(dataset for dataset, _ in trend.averages)
        if (runs := [run for name, run in trend.averages if name == dataset])
        for part in balanced(len(runs), MOST_RUNS)
    ]
    with styled():
        tall = PANEL_IN[1] + TOP_IN + BOTTOM_IN
        width, height = LEFT_IN + PANEL_IN[0] + RIGHT_IN, tall * max(len(panels), 1)
        figure = new_figure(width, height)
        for row, (dataset, runs) in enumerate(panels):
            bottom = height - (row + 1) * tall + BOTTOM_IN
            axes = figure.add_axes(
                (LEFT_IN / width, bottom / height, PANEL_IN[0] / width, PANEL_IN[1] / height)
            )
            for index, run in enumerate(runs):
                look = look_of(index)
                axes.plot(
                    range(len(trend.commits)), trend.averages[dataset, run], color=look.colour,
                    marker=look.marker, markeredgecolor="white", label=label_text(run, 36),
                )  # fmt: skip
            axes.set_xticks(range(len(trend.commits)), trend.commits, rotation=30, ha="right")
            axes.set_ylabel(trend.metric.title)
            axes.set_title(label_text(dataset, 60), loc="left", fontweight="bold")
            axes.grid(visible=True, axis="y", color="#e6e6e6", linewidth=0.7)
            axes.legend(
                fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0
            )
        figure.savefig(path)
    path.with_suffix(".csv").write_text(csv_text(data), encoding="utf-8", newline="\n")
    better = {
        "higher": "higher is better",
        "lower": "lower is better",
        "neither": "neither direction is better",
    }
    return CAPTION.format(metric=trend.metric.title, better=better[trend.metric.better])
