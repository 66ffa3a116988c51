"""How the scores of each run spread over pairs, and label by label."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from statistics import fmean

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.catalogue import METRICS
from benchmarks.label_scores import LabelScores
from benchmarks.records import RunRecord
from reports.figures.drawing import Drawing, Plate
from reports.figures.layout import balanced
from reports.figures.rows import draw_spread, name_rows, reference_line
from reports.figures.style import Look, label_text, look_of, new_figure
from reports.numbers import fixed_digits, spread_of
from reports.study import Run, Study

SHOWN = ("dice", "tre_mm", "sd_log_jacobian")
LABEL_METRICS = ("dice", "target_overlap")
ROW_IN = 0.3
AXES_WIDTH_IN = 3.3
NAMES_IN = 2.1
TOP_IN, BOTTOM_IN = 0.3, 0.5
GAP_IN = 0.25
LEGEND_IN = 2.1
MOST_TICKS = 5
MOST_ROWS = 30
MOST_LABELS = 10
MOST_LABEL_FIGURES = 8
MOST_RUNS_PER_LABEL = 8
# Points at either end of a score stand clear of the edge.
LABEL_MARGIN = 0.02

ACROSS_PAIRS = (
    "A point per pair; a line at the median and, from five pairs on, a box between the quartiles with whiskers to the "
    "last pair within 1.5 interquartile ranges. Long boxes and points far off tell of a run that can "
    "not be relied on, which a mean hides. The dashed line is the median of the start with nothing done; "
    "no point stands for a pair that failed: the number of pairs is beside each name where some are missing."
)
ACROSS_LABELS = (
    "{metric} of each label over pairs, a row per run: points, medians and boxes as above. Labels are in the order of "
    "their median over all runs, worst first: small and thin structures usually lead. A run that is good on "
    "average and bad on one label shows here alone.{split}{left_out}"
)
SPLIT = " There are {parts} figures of the same labels, on one scale, since the runs are too many for one."


def spread_plate(study: Study, dataset: str) -> Plate | None:
    """Return accuracy and regularity per run over pairs; None where there are no scores."""
    runs = study.competitors(dataset)
    metrics = [name for name in SHOWN if any(_values(study, dataset, run, name).size for run in runs)]
    if not metrics:
        return None
    parts = balanced(len(runs), MOST_ROWS)
    drawings = tuple(
        Drawing(
            str(number) if len(parts) > 1 else "",
            _draw_runs(study, dataset, runs[part], metrics, part.start),
            _run_data(study, dataset, runs[part], metrics),
        )
        for number, part in enumerate(parts, start=1)
    )
    return Plate(("spread", dataset), f"Spread over pairs: {dataset}", ACROSS_PAIRS, drawings)


def _values(study: Study, dataset: str, run: Run, metric: str) -> npt.NDArray[np.float64]:
    return np.asarray(study.values(dataset, run.label, metric).dropna(), dtype=np.float64)


def _draw_runs(study: Study, dataset: str, runs: Sequence[Run], metrics: Sequence[str], first: int) -> Figure:
    figure, places = _frame(len(metrics), ROW_IN * len(runs))
    asked = len(study.pairs(dataset))
    for axes, metric in zip(places, metrics, strict=True):
        for row, run in enumerate(runs):
            if (values := _values(study, dataset, run, metric)).size:
                draw_spread(axes, values, row, look_of(first + row).colour, 0.62)
        name_rows(axes, [_name(study, dataset, run, asked) for run in runs])
        axes.set_xlabel(_axis_label(metric))
        # Fewer than by default: small numbers have long labels.
        axes.locator_params(axis="x", nbins=MOST_TICKS)
        _cut_to_runs(axes)
        if metric in ("dice", "tre_mm") and (before := spread_of(study.before(dataset, metric))):
            _mark_before(axes, before.median, metric)
    for axes in places[1:]:
        axes.tick_params(labelleft=False)
    return figure


def _frame(count: int, tall_in: float) -> tuple[Figure, list[Axes]]:
    width = NAMES_IN + count * (AXES_WIDTH_IN + GAP_IN)
    height = TOP_IN + tall_in + BOTTOM_IN
    figure = new_figure(width, height)
    places = [
        figure.add_axes(
            (
                (NAMES_IN + index * (AXES_WIDTH_IN + GAP_IN)) / width,
                BOTTOM_IN / height,
                AXES_WIDTH_IN / width,
                tall_in / height,
            )
        )
        for index in range(count)
    ]
    return figure, places


def _name(study: Study, dataset: str, run: Run, asked: int) -> str:
    done = study.ok_count(dataset, run.label)
    return label_text(run.label, 30) + (f" ({done}/{asked})" if done < asked else "")


def _axis_label(metric: str) -> str:
    described = METRICS[metric]
    better = {"higher": ", higher is better", "lower": ", lower is better", "neither": ""}[described.better]
    return described.title + better


def _cut_to_runs(axes: Axes) -> None:
    axes.margins(x=0.06)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high)


def _mark_before(axes: Axes, value: float, metric: str) -> None:
    low, high = axes.get_xlim()
    printed = f"before {fixed_digits(value, METRICS[metric].digits)}"
    if low <= value <= high:
        reference_line(axes, value, printed)
        return
    side = value > high
    axes.annotate(
        f"{printed} →" if side else f"← {printed}", (1.0 if side else 0.0, 1.0), xycoords="axes fraction",
        xytext=(0, 2), textcoords="offset points", ha="right" if side else "left", va="bottom",
        color="#5a5a5a", fontsize=8, style="italic",
    )  # fmt: skip


def _run_data(study: Study, dataset: str, runs: Sequence[Run], metrics: Sequence[str]) -> pd.DataFrame:
    rows = [
        (run.label, pair, metric, value)
        for run in runs
        for metric in metrics
        for pair, value in study.values(dataset, run.label, metric).dropna().items()
    ]
    return pd.DataFrame(rows, columns=["run", "pair", "metric", "value"])


def label_scores(study: Study, dataset: str, metric: str) -> pd.DataFrame:
    """Return a score per label, run and pair, repeats averaged; columns run, pair, label and value."""
    rows = []
    for run in study.competitors(dataset):
        for pair in study.pairs(dataset):
            result = study.result(dataset, pair, run.label)
            if result is None or not result.ok:
                continue
            repeats = _columns(result.repeats, metric)
            labels = dict.fromkeys(label for values in repeats for label in values)
            rows += [
                (run.label, pair, label, fmean([values[label] for values in repeats if label in values]))
                for label in labels
            ]
    return pd.DataFrame(rows, columns=["run", "pair", "label", "value"])


def _columns(records: Iterable[RunRecord], metric: str) -> list[dict[str, float]]:
    """Return a score of the labels of each record, looked up once where records share it."""
    found: list[dict[str, float]] = []
    last: LabelScores | None = None
    for record in records:
        found.append(found[-1] if record.labels is last else record.labels.column(metric))
        last = record.labels
    return found


def labels_plate(study: Study, dataset: str) -> Plate | None:
    """Return the overlap of each label over pairs, a few labels and runs a figure; None where there are no labels."""
    for metric in LABEL_METRICS:
        scores = label_scores(study, dataset, metric)
        if not scores.empty:
            break
    else:
        return None
    runs = [(run, look_of(index)) for index, run in enumerate(study.competitors(dataset))]
    order = [
        str(label) for label in scores.groupby("label")["value"].median().sort_values(kind="stable").index
    ]
    shown = order[: MOST_LABELS * MOST_LABEL_FIGURES]
    label_parts = balanced(len(shown), MOST_LABELS)
    run_parts = balanced(len(runs), MOST_RUNS_PER_LABEL)
    parts = list(itertools.product(label_parts, run_parts))
    drawings = tuple(
        _labels_drawing(scores, runs[those], shown[part], metric, str(number) if len(parts) > 1 else "")
        for number, (part, those) in enumerate(parts, start=1)
    )
    caption = ACROSS_LABELS.format(
        metric=METRICS[metric].title,
        split=SPLIT.format(parts=len(run_parts)) if len(run_parts) > 1 else "",
        left_out=f" Shown are the worst {len(shown)} of {len(order)} labels."
        if len(shown) < len(order)
        else "",
    )
    title = f"Label by label: {dataset}"
    return Plate(("labels", dataset), title, caption, drawings, folded=len(label_parts) > 1)


def _labels_drawing(
    scores: pd.DataFrame, runs: Sequence[tuple[Run, Look]], labels: Sequence[str], metric: str, part: str
) -> Drawing:
    step = 1 / (len(runs) + 1)
    figure, (axes,) = _frame(1, max(0.13 * (len(runs) + 1), 0.4) * len(labels))
    width, height = figure.get_size_inches()
    # One chart alone may be as wide as three beside each other.
    grown = width + 1.1 * AXES_WIDTH_IN + LEGEND_IN
    figure.set_size_inches(grown, height)
    axes.set_position(
        (
            NAMES_IN / grown,
            BOTTOM_IN / height,
            (2.1 * AXES_WIDTH_IN) / grown,
            1 - (TOP_IN + BOTTOM_IN) / height,
        )
    )
    data = scores[scores["label"].isin(labels) & scores["run"].isin([run.label for run, _ in runs])]
    grouped = {key: group["value"].to_numpy(dtype=float) for key, group in data.groupby(["label", "run"])}
    for row, label in enumerate(labels):
        for index, (run, look) in enumerate(runs):
            if (values := grouped.get((label, run.label))) is not None:
                place = row + (index - (len(runs) - 1) / 2) * step
                draw_spread(axes, values, place, look.colour, 0.8 * step)
    name_rows(axes, [label_text(label, 30) for label in labels])
    for edge in range(1, len(labels)):
        axes.axhline(edge - 0.5, color="#e6e6e6", linewidth=0.7)
    # The same of all figures, which are compared.
    axes.set_xlim(float(scores["value"].min()) - LABEL_MARGIN, 1.0 + LABEL_MARGIN)
    axes.set_xlabel(_axis_label(metric))
    handles = [
        Line2D([], [], color=look.colour, linewidth=5, label=label_text(run.label, 30)) for run, look in runs
    ]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=((NAMES_IN + 2.1 * AXES_WIDTH_IN + 0.1) / grown, 1.0),
        frameon=False, fontsize=8, handlelength=0.8,
    )  # fmt: skip
    return Drawing(part, figure, data.reset_index(drop=True))
