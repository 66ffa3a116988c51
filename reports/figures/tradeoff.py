"""Accuracy against time: a point per run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.catalogue import METRICS
from reports.figures.drawing import Drawing, Plate
from reports.figures.placement import Box, box_of, place_labels, struck
from reports.figures.style import FAINT, MOST_NAMED, Look, label_text, look_of, new_figure
from reports.numbers import Spread, fixed_digits, spread_of
from reports.study import TRUTH, Study

ACCURACY = ("dice", "tre_mm")
AXES_WIDTH_IN = 5.2
HEIGHT_IN = 4.4
MARKER_POINTS = 8.0
LEGEND_IN = 2.8
LINE_PIXELS = 1.5
LEVEL = "level"
NOTE_PLACES = (("right", "bottom"), ("right", "top"), ("left", "bottom"), ("left", "top"))

CAPTION = (
    "Each run's accuracy against its forward time; medians over pairs, whiskers to the quartiles. The step line "
    "joins the runs that no other beats in both (the Pareto front): what lies off it has a run that is at least as "
    "accurate in no more time. Fast and accurate is the upper left for Dice, the lower left for TRE. Where whiskers "
    "overlap, the order may be chance."
)


@dataclass(frozen=True)
class Point:
    """A run: its accuracy and its forward time (medians and quartiles) over its pairs."""

    label: str
    accuracy: Spread
    seconds: Spread
    look: Look


@dataclass(frozen=True)
class Level:
    """A reference row's accuracy."""

    label: str
    value: float


def tradeoff_plate(study: Study, dataset: str) -> Plate | None:
    """Return Dice and TRE against forward seconds; None where no run has either."""
    found = [(metric, points) for metric in ACCURACY if (points := run_points(study, dataset, metric))]
    if not found:
        return None
    # A run that has fewer pairs for one of the metrics is still one run: the look tells runs apart.
    runs = {point.look: point.label for _, points in found for point in points}
    legend_in = LEGEND_IN if len(runs) > MOST_NAMED else 0.0
    figure = new_figure(AXES_WIDTH_IN * len(found) + legend_in, HEIGHT_IN)
    share = AXES_WIDTH_IN / (AXES_WIDTH_IN * len(found) + legend_in)
    axes = [
        figure.add_axes(((index + 0.13) * share, 0.13, 0.84 * share, 0.84)) for index in range(len(found))
    ]
    labels = [
        _draw(place, points, _levels(study, dataset, metric), metric)
        for place, (metric, points) in zip(axes, found, strict=True)
    ]
    for place, names, (metric, points) in zip(axes, labels, found, strict=True):
        _place_notes(place, points, _front_pieces(place, points, metric))
        if legend_in:
            for name in names:
                name.remove()
        else:
            place_labels(place, names, _obstacles(place, points), _lines(place, points, metric))
    if legend_in:
        _draw_legend(figure, runs, len(found) * share)
    data = pd.DataFrame([row for metric, points in found for row in _rows(points, metric)])
    title = f"Accuracy against time: {dataset}"
    return Plate(("accuracy-time", dataset), title, CAPTION, (Drawing("", figure, data),))


def _draw_legend(figure: Figure, runs: Mapping[Look, str], left: float) -> None:
    handles = [
        Line2D(
            [], [], color=look.colour, marker=look.marker, markersize=MARKER_POINTS, linestyle="none",
            markeredgecolor="white", markeredgewidth=0.8, label=label,
        )
        for look, label in runs.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(left, 0.98), frameon=False, fontsize=8)


def _rows(points: Sequence[Point], metric: str) -> list[dict[str, object]]:
    front = pareto_front(points, metric)
    return [
        {
            "run": point.label,
            "metric": metric,
            "n": point.accuracy.n,
            "median": point.accuracy.median,
            "lower_quartile": point.accuracy.lower_quartile,
            "upper_quartile": point.accuracy.upper_quartile,
            "forward_s": point.seconds.median,
            "forward_s_lower_quartile": point.seconds.lower_quartile,
            "forward_s_upper_quartile": point.seconds.upper_quartile,
            "on_front": point in front,
        }
        for point in points
    ]


def pareto_front(points: Sequence[Point], metric: str) -> list[Point]:
    """Return the points that no other matches in one median and beats in the other, fastest first."""
    sign = 1 if METRICS[metric].better == "lower" else -1
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.seconds.median, sign * p.accuracy.median)):
        if not front or sign * point.accuracy.median < sign * front[-1].accuracy.median:
            front.append(point)
    return front


def run_points(study: Study, dataset: str, metric: str) -> list[Point]:
    """Return the competitors that have both numbers."""
    points = []
    asked = len(study.pairs(dataset))
    for index, run in enumerate(study.competitors(dataset)):
        accuracy = spread_of(study.values(dataset, run.label, metric))
        seconds = spread_of(study.values(dataset, run.label, "forward_s"))
        if accuracy and seconds and seconds.lower_quartile > 0:
            few = f" ({accuracy.n}/{asked})" if accuracy.n < asked else ""
            points.append(Point(label_text(run.label) + few, accuracy, seconds, look_of(index)))
    return points


def _levels(study: Study, dataset: str, metric: str) -> list[Level]:
    before = spread_of(study.before(dataset, metric))
    levels = [Level("before", before.median)] if before else []
    for run in study.runs(dataset):
        spread = spread_of(study.values(dataset, run.label, metric)) if run.backend == TRUTH else None
        if spread:
            levels.append(Level(run.label, spread.median))
    return levels


def _draw(axes: Axes, points: Sequence[Point], levels: Sequence[Level], name: str) -> list[Annotation]:
    metric = METRICS[name]
    labels = [_draw_point(axes, point) for point in points]
    _frame(axes, points, name)
    _draw_front(axes, pareto_front(points, name))
    for level in levels:
        _draw_level(axes, level, name)
    better = {"higher": "higher is better", "lower": "lower is better", "neither": ""}[metric.better]
    axes.set_ylabel(f"{metric.title}: median and quartiles, {better}")
    axes.set_xlabel("Forward time (s): median and quartiles, log scale")
    return labels


def _draw_front(axes: Axes, front: Sequence[Point]) -> None:
    """Draw what the best known runs reach by each time, to the right edge."""
    corners = _front_corners(axes, front)
    axes.plot(*zip(*corners, strict=True), color=FAINT, linewidth=1.2, alpha=0.8, zorder=1.5)


def _front_corners(axes: Axes, front: Sequence[Point]) -> list[tuple[float, float]]:
    """Return the corners of the front's line, in seconds and accuracy: from each run across, then to the next."""
    ends = [point.seconds.median for point in front[1:]] + [axes.get_xlim()[1]]
    return [
        (seconds, point.accuracy.median)
        for point, end in zip(front, ends, strict=True)
        for seconds in (point.seconds.median, end)
    ]


def _draw_point(axes: Axes, point: Point) -> Annotation:
    colour, marker = point.look.colour, point.look.marker
    x, y = point.seconds.median, point.accuracy.median
    axes.errorbar(
        x, y, xerr=_whiskers(point.seconds), yerr=_whiskers(point.accuracy),
        fmt=marker, markersize=MARKER_POINTS, color=colour, elinewidth=1.1,
        ecolor=(colour, 0.55), markeredgecolor="white", markeredgewidth=0.8, zorder=3,
    )  # fmt: skip
    return axes.annotate(
        point.label, (x, y), xytext=(8, 0), textcoords="offset points", color=colour, zorder=4,
        fontweight="bold", path_effects=[withStroke(linewidth=2.5, foreground="white")],
        arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.8, "ls": ":", "shrinkB": 4},
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
        axes.axhline(level.value, color=FAINT, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1, gid=LEVEL)
        height, note, side = level.value, f"{level.label} {printed}", "bottom"
    else:
        above = level.value > top
        height, side = (top, "top") if above else (bottom, "bottom")
        note = f"{'↑' if above else '↓'} {level.label} {printed}, off the scale"
    axes.annotate(
        note, (1.0, height), xycoords=("axes fraction", "data"), xytext=(-3, 2 if side == "bottom" else -2),
        textcoords="offset points", ha="right", va=side, color="#5a5a5a", fontsize=8, style="italic",
    )  # fmt: skip


def _place_notes(axes: Axes, points: Sequence[Point], front: Sequence[Box]) -> None:
    """Move the note of each reference level to the end of its line, and the side of it, that covers least."""
    obstacles, frame = _markers(axes, points), box_of(axes)

    def covers(box: Box) -> float:
        outside = box.area - box.overlap(frame)
        return outside + sum(box.overlap(other) for other in obstacles) + struck(box, front)

    for note in axes.texts:
        if note.get_fontstyle() != "italic" or not isinstance(note, Annotation):
            continue
        best = min(NOTE_PLACES, key=lambda place: covers(_note_at(note, *place)))
        obstacles.append(_note_at(note, *best))


def _note_at(note: Annotation, end: str, side: str) -> Box:
    """Put a note to one end of its level, above (``bottom``) or below it, and return what it covers there."""
    right = end == "right"
    note.xy = (1.0 if right else 0.0, note.xy[1])
    note.set_position((-3 if right else 3, 2 if side == "bottom" else -2))
    note.set(ha=end, va=side)
    return box_of(note)


def _whiskers(spread: Spread) -> list[list[float]]:
    return [[spread.median - spread.lower_quartile], [spread.upper_quartile - spread.median]]


def _obstacles(axes: Axes, points: Sequence[Point]) -> list[Box]:
    """Return boxes around markers and error bars, and around the notes of reference levels."""
    notes = [box_of(text) for text in axes.texts if text.get_fontstyle() == "italic"]
    return [*notes, *_markers(axes, points)]


def _lines(axes: Axes, points: Sequence[Point], metric: str) -> list[Box]:
    """Return boxes around the front and the lines of reference levels, which no name should sit on."""
    frame = box_of(axes)
    levels = [
        Box(frame.x0, extent.y0, frame.x1, extent.y1).grown(LINE_PIXELS)
        for line in axes.lines
        if line.get_gid() == LEVEL
        for extent in (line.get_window_extent(),)
    ]
    return [*_front_pieces(axes, points, metric), *levels]


def _front_pieces(axes: Axes, points: Sequence[Point], metric: str) -> list[Box]:
    """Return a box around each straight piece of the front."""
    corners = axes.transData.transform(_front_corners(axes, pareto_front(points, metric)))
    return [
        Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)).grown(LINE_PIXELS)
        for (x0, y0), (x1, y1) in itertools.pairwise(corners)
    ]


def _markers(axes: Axes, points: Sequence[Point]) -> list[Box]:
    figure = axes.get_figure(root=True)
    assert figure is not None
    half = MARKER_POINTS * figure.dpi / 144
    boxes = []
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
