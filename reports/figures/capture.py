"""From how far runs still succeed: share of successes against the size of the disturbance at the start."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from reports.figures.drawing import Drawing, Plate
from reports.figures.layout import balanced
from reports.figures.style import label_text, look_of, new_figure
from reports.starts import Curve, condition_words, curve_data, success_curves
from reports.study import Run, Study

MOST_ROWS = 12
TITLE_IN, NAMES_IN, PANEL_IN, GAP_IN, RIGHT_IN = 0.12, 2.45, 2.9, 0.3, 0.15
ROW_IN, ROW_GAP_IN, TOP_IN, BOTTOM_IN = 0.56, 0.16, 0.1, 0.5
OTHERS = "#d0d0d0"

CAPTION = (
    "Share of registrations that end with a mean TRE of at most {bound_mm:g} mm, against how far off they start; a row "
    "per run, the others in grey behind it. Bands are 95 % intervals (Wilson) of {trials} registrations a level. Read "
    "how far to the right a run stays at the top: beyond its fall it needs another method to bring the images near "
    "first. A run that falls at once although its last point is exact elsewhere is a local method, not a bad one."
)


def capture_plate(study: Study, dataset: str) -> Plate | None:
    """Return success against every condition of the start; None where no condition has levels enough."""
    curves = success_curves(study, dataset)
    if not curves:
        return None
    runs = list(dict.fromkeys(one.run for one in curves))
    parts = balanced(len(runs), MOST_ROWS)
    drawings = tuple(
        _drawing(curves, runs, part, str(number) if len(parts) > 1 else "")
        for number, part in enumerate(parts, start=1)
    )
    trials = sorted({share.trials for one in curves for share in one.levels.values()})
    caption = CAPTION.format(
        bound_mm=study.config.report.success_tre_mm,
        trials=str(trials[0]) if len(trials) == 1 else f"{trials[0]} to {trials[-1]}",
    )
    return Plate(("capture-range", dataset), f"Capture range: {dataset}", caption, drawings)


def _drawing(curves: Sequence[Curve], runs: Sequence[Run], part: slice, name: str) -> Drawing:
    shown = runs[part]
    conditions = list(dict.fromkeys(one.condition for one in curves))
    width = NAMES_IN + len(conditions) * (PANEL_IN + GAP_IN) + RIGHT_IN
    height = TOP_IN + len(shown) * (ROW_IN + ROW_GAP_IN) + BOTTOM_IN
    figure = new_figure(width, height)
    for row, run in enumerate(shown):
        bottom = height - TOP_IN - (row + 1) * ROW_IN - row * ROW_GAP_IN
        for column, condition in enumerate(conditions):
            left = NAMES_IN + column * (PANEL_IN + GAP_IN)
            axes = figure.add_axes((left / width, bottom / height, PANEL_IN / width, ROW_IN / height))
            _panel(axes, [one for one in curves if one.condition == condition], run, part.start + row)
            axes.tick_params(labelbottom=row == len(shown) - 1, labelleft=column == 0)
            if row == len(shown) - 1:
                what, unit = condition_words(condition)
                axes.set_xlabel(f"{what.capitalize()} ({unit})")
            if column == 0:
                _name(axes, run, part.start + row)
    middle = (height - TOP_IN + BOTTOM_IN + ROW_GAP_IN) / 2
    figure.text(TITLE_IN / width, middle / height, "Successes", rotation=90, ha="left", va="center")
    data = curve_data(one for one in curves if one.run in shown)
    return Drawing(name, figure, data)


def _panel(axes: Axes, curves: Sequence[Curve], run: Run, index: int) -> None:
    look = look_of(index)
    for one in curves:
        levels = list(one.levels)
        shares = [share.value for share in one.levels.values()]
        if one.run != run:
            axes.plot(levels, shares, color=OTHERS, linewidth=0.8, zorder=1)
            continue
        lower, upper = zip(*(share.interval for share in one.levels.values()), strict=True)
        axes.fill_between(levels, lower, upper, color=look.colour, alpha=0.18, lw=0, zorder=2)
        axes.plot(
            levels, shares, color=look.colour, linewidth=1.8, marker=look.marker, markersize=5,
            markeredgecolor="white", markeredgewidth=0.6, zorder=3, clip_on=False,
        )  # fmt: skip
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0.0, 0.5, 1.0], ["0 %", "50 %", "100 %"])
    axes.set_xlim(0.0, 1.02 * max(level for one in curves for level in one.levels))
    axes.grid(visible=True, color="#ececec", linewidth=0.7)
    axes.set_axisbelow(True)


def _name(axes: Axes, run: Run, index: int) -> None:
    axes.annotate(
        label_text(run.label, 20, lines=2), (0.0, 0.5), xycoords="axes fraction", xytext=(-40, 0),
        textcoords="offset points", ha="right", va="center", fontsize=8.5, fontweight="bold",
        color=look_of(index).colour,
    )  # fmt: skip
