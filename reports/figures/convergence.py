"""The cost that each solver reported, iteration by iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports.figures.drawing import Drawing, Plate
from reports.figures.layout import balanced
from reports.figures.style import FAINT, label_text, look_of, new_figure
from reports.study import Run, Study

MOST_TRACES = 12
COLUMNS = 3
MOST_PANELS = 9
PANEL_IN = (2.9, 1.75)
LEFT_IN, BOTTOM_IN, TOP_IN, GAP_X_IN, GAP_Y_IN = 0.8, 0.55, 0.3, 0.65, 0.85

Trace = tuple[tuple[float | None, ...], ...]

CONVERGENCE = (
    "The solver's own cost at each iteration, a line per pair (the first {most} at most). Axes have their own scales: "
    "costs of different tools are different quantities, so only the shape of a curve says something. Grey lines "
    "are the levels of the first pair's pyramid; the cost may jump there, since the images change. A curve that "
    "still falls steeply where it ends was stopped by its budget; one that is flat for long wasted it.{without}"
)


def convergence_plate(study: Study, dataset: str) -> Plate | None:
    """Return a chart per run that keeps a trace; None where none does."""
    competitors = study.competitors(dataset)
    found = {index: traces_of(study, dataset, run) for index, run in enumerate(competitors)}
    shown = [(competitors[index], look_of(index).colour, traces) for index, traces in found.items() if traces]
    if not shown:
        return None
    without = [competitors[index].label for index, traces in found.items() if not traces]
    parts = balanced(len(shown), MOST_PANELS)
    drawings = tuple(
        _drawing(shown[part], str(i) if len(parts) > 1 else "") for i, part in enumerate(parts, start=1)
    )
    said = f" No trace from {', '.join(without)}." if without else ""
    caption = CONVERGENCE.format(most=MOST_TRACES, without=said)
    return Plate(("convergence", dataset), f"Convergence: {dataset}", caption, drawings, folded=True)


def traces_of(study: Study, dataset: str, run: Run) -> dict[str, Trace]:
    """Return the traces of the first pairs, of the first repeat, without levels that made no iteration."""
    found = {}
    for pair in study.pairs(dataset):
        result = study.result(dataset, pair, run.label)
        trace = tuple(level for level in result.repeats[0].trace if level) if result and result.ok else ()
        if trace:
            found[pair] = trace
        if len(found) == MOST_TRACES:
            break
    return found


def _drawing(shown: Sequence[tuple[Run, str, Mapping[str, Trace]]], part: str) -> Drawing:
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    width = LEFT_IN + columns * PANEL_IN[0] + (columns - 1) * GAP_X_IN + 0.15
    height = TOP_IN + rows * PANEL_IN[1] + (rows - 1) * GAP_Y_IN + BOTTOM_IN
    figure = new_figure(width, height)
    for index, (run, colour, traces) in enumerate(shown):
        row, column = divmod(index, columns)
        left = LEFT_IN + column * (PANEL_IN[0] + GAP_X_IN)
        bottom = height - TOP_IN - (row + 1) * PANEL_IN[1] - row * GAP_Y_IN
        axes = figure.add_axes((left / width, bottom / height, PANEL_IN[0] / width, PANEL_IN[1] / height))
        _draw(axes, traces, colour)
        axes.set_title(label_text(run.label, 36), fontweight="bold", pad=4)
        axes.set_xlabel("Iteration, all levels")
        if column == 0:
            axes.set_ylabel("Cost (own units)")
    return Drawing(part, figure, _data(shown))


def _draw(axes: Axes, traces: Mapping[str, Trace], colour: str) -> None:
    first = next(iter(traces.values()))
    for edge in list(accumulate(len(level) for level in first))[:-1]:
        axes.axvline(edge + 0.5, color=FAINT, linewidth=0.7, alpha=0.6)
    for trace in traces.values():
        start = 1
        for level in trace:
            iterations = np.arange(start, start + len(level))
            # Levels are not joined: their costs are of different images.
            axes.plot(
                iterations, np.array(level, dtype=float), color=colour, linewidth=1.0, alpha=0.75,
                marker="o" if len(level) < 8 else "", markersize=2.5,
            )  # fmt: skip
            start += len(level)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4), useMathText=False)
    axes.yaxis.get_offset_text().set_fontsize(7.5)
    axes.set_xlim(left=0)


def _data(shown: Sequence[tuple[Run, str, Mapping[str, Trace]]]) -> pd.DataFrame:
    rows = [
        (run.label, pair, level, iteration, cost)
        for run, _, traces in shown
        for pair, trace in traces.items()
        for level, costs in enumerate(trace, start=1)
        for iteration, cost in enumerate(costs, start=1)
    ]
    return pd.DataFrame(rows, columns=["run", "pair", "level", "iteration", "cost"])
