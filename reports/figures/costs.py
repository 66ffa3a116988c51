"""Forward and backward time, and how forward time falls with threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from reports.figures.drawing import Drawing, Plate
from reports.figures.layout import balanced
from reports.figures.placement import Box, box_of, place_labels
from reports.figures.rows import name_rows
from reports.figures.style import FAINT, INK, MOST_NAMED, PALETTE, label_text, look_of, new_figure
from reports.numbers import NOT_AVAILABLE, Spread, spread_of
from reports.study import Run, Study

STAGES = {"forward_s": PALETTE[0], "backward_s": PALETTE[4]}
ROW_IN = 0.42
MOST_ROWS = 24
WIDTH_IN, NAMES_IN, TOP_IN, BOTTOM_IN = 8.0, 2.2, 0.35, 0.5
# Beyond this ratio the short bars of a linear axis could not be told from nothing.
LARGEST_LINEAR_RATIO = 40.0

TIMES = (
    "Median time of the registration alone (forward) and of the gradient with respect to both images (backward), "
    "whiskers to the quartiles over pairs. n/a: the backend cannot do it, or was told not to, which is not a gradient "
    "in no time. A backward pass that costs less than the forward one is one that a learning loop can "
    "afford.{scale}{overlapping}"
)
FORWARD_TIMES = (
    "Median time of the registration alone, whiskers to the quartiles over pairs. No run has a gradient with respect "
    "to the images: its backend cannot do it, or was told not to.{scale}{overlapping}"
)
LOGARITHMIC = " The axis is logarithmic: compare the printed numbers, not the lengths of the bars."
OVERLAPPING = " Other jobs ran at the same time: these times are not comparable with undisturbed ones."
SCALING = (
    "Forward time with one thread count by that with another, median over pairs with quartiles. The dashed line is "
    "ideal: twice the threads, half the time. Where a curve bends away from it, or falls, more threads buy "
    "nothing there.{overlapping}"
)


def times_plate(study: Study, dataset: str) -> Plate | None:
    """Return bars of forward and backward seconds; None where nothing was timed."""
    runs = [run for run in study.competitors(dataset) if _spread(study, dataset, run, "forward_s")]
    if not runs:
        return None
    stages = [name for name in STAGES if any(_spread(study, dataset, run, name) for run in runs)]
    medians = [s.median for run in runs for name in stages if (s := _spread(study, dataset, run, name))]
    logarithmic = max(medians) > LARGEST_LINEAR_RATIO * min(medians)
    parts = balanced(len(runs), MOST_ROWS)
    drawings = tuple(
        _times_drawing(
            study,
            dataset,
            runs[part],
            stages,
            str(i) if len(parts) > 1 else "",
            "log" if logarithmic else "linear",
        )
        for i, part in enumerate(parts, start=1)
    )
    both = "backward_s" in stages
    caption = (TIMES if both else FORWARD_TIMES).format(
        scale=LOGARITHMIC if logarithmic else "",
        overlapping=OVERLAPPING if study.overlapping(dataset) else "",
    )
    title = f"{'Forward and backward' if both else 'Forward'} time: {dataset}"
    return Plate(("times", dataset), title, caption, drawings)


def _spread(study: Study, dataset: str, run: Run, metric: str) -> Spread | None:
    return spread_of(study.values(dataset, run.label, metric))


def _times_drawing(
    study: Study, dataset: str, runs: Sequence[Run], stages: Sequence[str], part: str, scale: str
) -> Drawing:
    height = TOP_IN + ROW_IN * len(runs) + BOTTOM_IN
    figure = new_figure(WIDTH_IN, height)
    axes = figure.add_axes(
        (NAMES_IN / WIDTH_IN, BOTTOM_IN / height, 0.97 - NAMES_IN / WIDTH_IN, ROW_IN * len(runs) / height)
    )
    rows = []
    for row, run in enumerate(runs):
        for index, stage in enumerate(stages):
            offset = 0.4 * index - 0.2 * (len(stages) - 1)
            spread = _spread(study, dataset, run, stage)
            rows.append(_time_row(run.label, stage, spread))
            if spread:
                _bar(axes, row + offset, spread, STAGES[stage])
            else:
                axes.annotate(
                    NOT_AVAILABLE, (0.0, row + offset), xycoords=("axes fraction", "data"), xytext=(3, 0),
                    textcoords="offset points", va="center", fontsize=7.5, color=FAINT,
                )  # fmt: skip
    data = pd.DataFrame(rows)
    name_rows(axes, [label_text(run.label, 30) for run in runs])
    axes.spines["left"].set_visible(True)
    largest, smallest = data["upper_quartile_s"].max(), data["median_s"].min()
    if scale == "log":
        axes.set_xscale("log")
        axes.set_xlim(smallest / 2, largest * (largest / smallest) ** 0.22)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_xlim(0, largest * 1.2)
    axes.set_xlabel("Seconds per registration" + (", log scale" if scale == "log" else ""))
    handles = [axes.barh(-5, 0, color=STAGES[name], label=name.removesuffix("_s")) for name in stages]
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(0.98, 1.0), ncols=2, frameon=False, fontsize=8
    )
    axes.set_ylim(len(runs) - 0.5, -0.5)
    return Drawing(part, figure, data)


def _time_row(run: str, stage: str, spread: Spread | None) -> dict[str, object]:
    return {
        "run": run,
        "stage": stage.removesuffix("_s"),
        "n": spread.n if spread else 0,
        "median_s": spread.median if spread else None,
        "lower_quartile_s": spread.lower_quartile if spread else None,
        "upper_quartile_s": spread.upper_quartile if spread else None,
    }


def _bar(axes: Axes, height: float, spread: Spread, colour: str) -> None:
    axes.barh(
        height, spread.median, height=0.36, color=colour,
        xerr=[[spread.median - spread.lower_quartile], [spread.upper_quartile - spread.median]],
        error_kw={"ecolor": INK, "elinewidth": 0.9, "capsize": 2},
    )  # fmt: skip
    axes.annotate(
        f"{spread.median:.3g}", (spread.upper_quartile, height), xytext=(5, 0),
        textcoords="offset points", va="center", fontsize=7.5,
    )  # fmt: skip


def scaling_plate(study: Study, dataset: str) -> Plate | None:
    """Return speed-up against threads; None where all ran with one thread count.

    Parameters
    ----------
    study : Study
        All records, of all thread counts.
    dataset : str
        Its name.
    """
    counts = study.thread_counts
    if len(counts) < 2:
        return None
    parts = dict(zip(counts, study.by_threads, strict=True))
    found = speed_ups(parts, dataset)
    if found.empty:
        return None
    named = found["run"].nunique() <= MOST_NAMED
    figure = new_figure(7.2, 4.0)
    axes = figure.add_axes((0.09, 0.13, 0.87 if named else 0.56, 0.83))
    top = max(float(found["upper_quartile"].max()), 1.0) * 1.12
    axes.plot(counts, [n / counts[0] for n in counts], color=FAINT, linestyle=(0, (4, 3)), linewidth=1.0)
    labels, lines = [], []
    for index, (run, points) in enumerate(found.groupby("run", sort=False)):
        look = look_of(index)
        below = points["speed_up"] - points["lower_quartile"]
        above = points["upper_quartile"] - points["speed_up"]
        line = axes.errorbar(
            points["threads"], points["speed_up"], yerr=[below, above], marker=look.marker, markersize=6,
            color=look.colour, ecolor=(look.colour, 0.5), linewidth=1.3, markeredgecolor="white",
            label=label_text(str(run)),
        )  # fmt: skip
        lines.append(line)
        if not named:
            continue
        note = axes.annotate(
            label_text(str(run)), (points["threads"].iloc[-1], points["speed_up"].iloc[-1]), xytext=(8, 0),
            textcoords="offset points", color=look.colour, fontweight="bold", fontsize=8,
            arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.8, "ls": ":", "shrinkB": 4},
        )  # fmt: skip
        labels.append(note)
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.set_xlim(counts[0] / 1.08, counts[-1] * (counts[-1] / counts[0]) ** (0.45 if named else 0.15))
    axes.set_ylim(0, max(top, min(counts[-1] / counts[0], 2 * top)))
    axes.set_xlabel("Threads")
    axes.set_ylabel(f"Speed-up over {counts[0]} thread{'s' if counts[0] > 1 else ''}")
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.7)
    (right, _), (left, bottom) = axes.transData.transform([(counts[-1], 0), (counts[0], 0)])
    ideal = axes.annotate(
        "ideal", (counts[-1], counts[-1] / counts[0]), xytext=(4, -3), textcoords="offset points", va="top",
        color="#5a5a5a", fontsize=8, style="italic",
    )  # fmt: skip
    if named:
        # Names stand to the right of all lines.
        place_labels(axes, labels, [Box(left - 99, bottom - 99, right + 6, bottom + 9999), box_of(ideal)])
    else:
        figure.legend(handles=lines, loc="upper left", bbox_to_anchor=(0.66, 0.97), frameon=False, fontsize=8)
    caption = SCALING.format(overlapping=OVERLAPPING if study.overlapping(dataset) else "")
    return Plate(
        ("thread-scaling", dataset),
        f"Scaling with threads: {dataset}",
        caption,
        (Drawing("", figure, found),),
    )


def speed_ups(parts: Mapping[int, Study], dataset: str) -> pd.DataFrame:
    """Return the speed-up of each run at each thread count: median over pairs, and quartiles."""
    fewest = min(parts)
    rows = []
    labels = dict.fromkeys(run.label for part in parts.values() for run in part.competitors(dataset))
    for label in labels:
        for threads, part in parts.items():
            ratio = parts[fewest].values(dataset, label, "forward_s") / part.values(
                dataset, label, "forward_s"
            )
            if spread := spread_of(ratio):
                rows.append(
                    (label, threads, spread.n, spread.median, spread.lower_quartile, spread.upper_quartile)
                )
    return pd.DataFrame(rows, columns=["run", "threads", "n", "speed_up", "lower_quartile", "upper_quartile"])
