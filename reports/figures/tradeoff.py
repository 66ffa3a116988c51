"""Accuracy against time: a point per run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.catalogue import METRICS
from reports.figures.placement import Box, box_of, place_labels
from reports.figures.style import FAINT, MARKERS, PALETTE, label_text, new_figure
from reports.numbers import Spread, fixed_digits, spread_of
from reports.study import Study

ACCURACY = ("dice", "tre_mm")
TRUTH = "truth"
AXES_WIDTH_IN = 5.2
HEIGHT_IN = 4.4
MARKER_POINTS = 8.0


@dataclass(frozen=True)
class Point:
    """A run: its accuracy and its forward time (medians and quartiles) over its pairs."""

    label: str
    accuracy: Spread
    seconds: Spread


@dataclass(frozen=True)
class Level:
    """A reference row's accuracy."""

    label: str
    value: float


def tradeoff_figure(study: Study, dataset: str) -> Figure | None:
    """Return Dice and TRE against forward seconds; None where no run has either."""
    found = [(metric, points) for metric in ACCURACY if (points := run_points(study, dataset, metric))]
    if not found:
        return None
    figure = new_figure(AXES_WIDTH_IN * len(found), HEIGHT_IN)
    share = 1 / len(found)
    axes = [
        figure.add_axes(((index + 0.13) * share, 0.13, 0.84 * share, 0.84)) for index in range(len(found))
    ]
    labels = [
        _draw(place, points, _levels(study, dataset, metric), metric)
        for place, (metric, points) in zip(axes, found, strict=True)
    ]
    for place, names, (_, points) in zip(axes, labels, found, strict=True):
        place_labels(place, names, _obstacles(place, points))
    return figure


def run_points(study: Study, dataset: str, metric: str) -> list[Point]:
    """Return the competitors that have both numbers."""
    points = []
    asked = len(study.pairs(dataset))
    for run in study.competitors(dataset):
        accuracy = spread_of(study.values(dataset, run.label, metric))
        seconds = spread_of(study.values(dataset, run.label, "forward_s"))
        if accuracy and seconds and seconds.lower_quartile > 0:
            few = f" ({accuracy.n}/{asked})" if accuracy.n < asked else ""
            points.append(Point(label_text(run.label) + few, accuracy, seconds))
    return points


def _levels(study: Study, dataset: str, metric: str) -> list[Level]:
    before = spread_of(study.before(dataset, metric))
    levels = [Level("before", before.median)] if before else []
    for run in study.runs(dataset):
        spread = spread_of(study.values(dataset, run.label, metric)) if run.backend == TRUTH else None
        if spread:
            levels.append(Level(f"{run.label} (ceiling)", spread.median))
    return levels


def _draw(axes: Axes, points: Sequence[Point], levels: Sequence[Level], name: str) -> list[Annotation]:
    metric = METRICS[name]
    labels = [_draw_point(axes, point, index) for index, point in enumerate(points)]
    _frame(axes, points, name)
    for level in levels:
        _draw_level(axes, level, name)
    better = {"higher": "higher is better", "lower": "lower is better", "neither": ""}[metric.better]
    axes.set_ylabel(f"{metric.title}: median and quartiles, {better}")
    axes.set_xlabel("Forward time (s): median and quartiles, log scale")
    return labels


def _draw_point(axes: Axes, point: Point, index: int) -> Annotation:
    colour = PALETTE[index % len(PALETTE)]
    # Colours repeat with another marker.
    marker = MARKERS[(index + index // len(PALETTE)) % len(MARKERS)]
    x, y = point.seconds.median, point.accuracy.median
    axes.errorbar(
        x, y, xerr=_whiskers(point.seconds), yerr=_whiskers(point.accuracy),
        fmt=marker, markersize=MARKER_POINTS, color=colour, elinewidth=1.1,
        ecolor=(colour, 0.55), markeredgecolor="white", markeredgewidth=0.8, zorder=3,
    )  # fmt: skip
    return axes.annotate(
        point.label, (x, y), xytext=(8, 0), textcoords="offset points", color=colour, zorder=4,
        fontweight="bold", arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.8, "ls": ":", "shrinkB": 4},
    )  # fmt: skip


def _frame(axes: Axes, points: Sequence[Point], name: str) -> None:
    """Set limits from the runs alone, so that a bad start does not flatten their differences."""
    axes.set_xscale("log")
    lows = [point.seconds.lower_quartile for point in points]
    highs = [point.seconds.upper_quartile for point in points]
    room = max(1.6, (max(highs) / min(lows)) ** 0.22)
    axes.set_xlim(min(lows) / room, max(highs) * room)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    bottom = min(point.accuracy.lower_quartile for point in points)
    top = max(point.accuracy.upper_quartile for point in points)
    margin = max(0.12 * (top - bottom), 2 * 10.0 ** -METRICS[name].digits)
    axes.set_ylim(bottom - margin, top + margin)
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)


def _draw_level(axes: Axes, level: Level, name: str) -> None:
    bottom, top = axes.get_ylim()
    printed = fixed_digits(level.value, METRICS[name].digits)
    if bottom <= level.value <= top:
        axes.axhline(level.value, color=FAINT, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        height, note, side = level.value, f"{level.label} {printed}", "bottom"
    else:
        above = level.value > top
        height, side = (top, "top") if above else (bottom, "bottom")
        note = f"{'↑' if above else '↓'} {level.label} {printed}, off the scale"
    axes.annotate(
        note, (1.0, height), xycoords=("axes fraction", "data"), xytext=(-3, 2 if side == "bottom" else -2),
        textcoords="offset points", ha="right", va=side, color="#5a5a5a", fontsize=8, style="italic",
    )  # fmt: skip


def _whiskers(spread: Spread) -> list[list[float]]:
    return [[spread.median - spread.lower_quartile], [spread.upper_quartile - spread.median]]


def _obstacles(axes: Axes, points: Sequence[Point]) -> list[Box]:
    """Return boxes around markers and error bars, and around the notes of reference levels."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    half = MARKER_POINTS * figure.dpi / 144
    boxes = [box_of(text) for text in axes.texts if text.get_fontstyle() == "italic"]
    for point in points:
        corners = [
            (point.seconds.lower_quartile, point.accuracy.lower_quartile),
            (point.seconds.median, point.accuracy.median),
            (point.seconds.upper_quartile, point.accuracy.upper_quartile),
        ]
        (left, low), (x, y), (right, high) = axes.transData.transform(corners)
        boxes += [
            Box(x, y, x, y).grown(half),
            Box(x - 1, low, x + 1, high),
            Box(left, y - 1, right, y + 1),
        ]
    return boxes
