"""The critical-difference diagram of Demšar (2006, JMLR 7:1-30, figure 1)."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes

from reports.figures.drawing import Drawing, Plate
from reports.figures.style import FAINT, INK, label_text, new_figure
from reports.statistics.ranks import Ranking, friedman_note, untried_note

WIDTH_IN = 9.2
LINE_IN = 0.24
TOP_IN = 0.75
# Where the axis of ranks begins and ends, as shares of the width; names stand to both sides.
LEFT, RIGHT = 0.31, 0.69
# Beyond these, names no longer find room.
MOST_RUNS = 24
SAME_BAR_IN = 0.11

CAPTION = (
    "Average rank of each run over {pairs} by {metric}, 1 is best; a failed pair counts as the last rank.{untried} "
    "Runs under one thick bar are not told apart at 5 % (Nemenyi test, critical difference {width:.2f}, drawn above "
    "the axis{friedman}). The test takes pairs as independent: with few subjects it is too sure of itself."
)


def ranks_plate(ranking: Ranking, dataset: str) -> Plate | None:
    """Return the diagram; None with more runs than have room."""
    if len(ranking.ranks) > MOST_RUNS:
        return None
    friedman = "" if math.isnan(ranking.p) else f"; {friedman_note(ranking)}"
    caption = CAPTION.format(
        pairs=f"{len(ranking.pairs)} pairs" if len(ranking.pairs) > 1 else "one pair",
        metric=ranking.metric.title,
        untried=untried_note(ranking),
        width=ranking.critical_difference,
        friedman=friedman,
    )
    return Plate(("ranks", dataset), f"Ranks: {dataset}", caption, (_draw(ranking),))


def _draw(ranking: Ranking) -> Drawing:
    count = len(ranking.ranks)
    bars = len(ranking.groups)
    below = 0.2 + SAME_BAR_IN * bars + LINE_IN * math.ceil(count / 2) + 0.1
    figure = new_figure(WIDTH_IN, TOP_IN + below)
    # One unit upwards is an inch.
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_ylim(-below, TOP_IN)
    scale = (count - 1) / (RIGHT - LEFT)
    axes.set_xlim(1 - LEFT * scale, count + (1 - RIGHT) * scale)
    _draw_axis(axes, count)
    _draw_width(axes, ranking.critical_difference, count)
    for number, group in enumerate(ranking.groups):
        ends = [ranking.ranks[group[0]], ranking.ranks[group[-1]]]
        height = -0.14 - SAME_BAR_IN * number
        axes.plot(ends, [height] * 2, color=INK, linewidth=3.5, solid_capstyle="round", gid="group")
    first = -0.2 - SAME_BAR_IN * bars
    for index, (run, rank) in enumerate(ranking.ranks.items()):
        left = index < math.ceil(count / 2)
        line = index if left else count - 1 - index
        _draw_name(axes, run, rank, first - LINE_IN * (line + 0.5), left=left)
    data = pd.DataFrame(
        {
            "run": list(ranking.ranks),
            "average_rank": list(ranking.ranks.values()),
            "pairs": len(ranking.pairs),
        }
    )
    data["critical_difference"] = ranking.critical_difference
    data["not_told_apart"] = [
        ";".join(str(i) for i, group in enumerate(ranking.groups, start=1) if run in group)
        for run in ranking.ranks
    ]
    return Drawing("", figure, data)


def _draw_axis(axes: Axes, count: int) -> None:
    axes.plot([1, count], [0, 0], color=INK, linewidth=1.0)
    for rank in range(1, count + 1):
        axes.plot([rank] * 2, [0, 0.07], color=INK, linewidth=1.0)
        axes.text(rank, 0.1, str(rank), ha="center", va="bottom", fontsize=8)


def _draw_width(axes: Axes, width: float, count: int) -> None:
    """Draw how far apart ranks have to be; where that is more than there is, say so."""
    height = 0.42
    if width > count - 1:
        axes.text(
            1,
            height,
            f"Critical difference {width:.2f}: more than any two ranks can differ",
            fontsize=8,
            va="center",
        )
        return
    axes.plot([1, 1 + width], [height] * 2, color=INK, linewidth=1.2)
    for end in (1, 1 + width):
        axes.plot([end] * 2, [height - 0.04, height + 0.04], color=INK, linewidth=1.2)
    axes.text(
        1 + width / 2, height + 0.06, f"critical difference {width:.2f}", ha="center", va="bottom", fontsize=8
    )


def _draw_name(axes: Axes, run: str, rank: float, height: float, *, left: bool) -> None:
    low, high = axes.get_xlim()
    span = high - low
    end = low + (LEFT - 0.01) * span if left else low + (RIGHT + 0.01) * span
    axes.plot([rank, rank, end], [0, height, height], color=FAINT, linewidth=0.9, zorder=1)
    text = label_text(run, 34)
    axes.annotate(
        f"{text}  {rank:.2f}" if left else f"{rank:.2f}  {text}", (end, height), xytext=(-4 if left else 4, 0),
        textcoords="offset points", ha="right" if left else "left", va="center", fontsize=8.5,
    )  # fmt: skip
