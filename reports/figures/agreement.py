"""Where two runs differ, pair by pair: the plot of Bland and Altman (1986)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from benchmarks.catalogue import METRICS
from reports.figures.drawing import Drawing, Plate
from reports.figures.style import FAINT, label_text, look_of, new_figure
from reports.numbers import certain_digits, fixed_digits, spread_of
from reports.pair_scores import leading_metric
from reports.study import Run, Study

# Limits of agreement from fewer pairs are wider than anything one would ask of them.
LEAST_PAIRS = 5

CAPTION = (
    "Each point is a pair that both runs did: across the mean of their {metric}, upwards {first} minus {second}. The "
    "solid line is the mean difference with its 95 % interval (t, {n} pairs taken as independent), the dashed "
    "lines are the limits of agreement, ± 1.96 standard deviations. {better} A cloud that leans or widens shows "
    "that the difference depends on how hard the pair is. {choice}"
)


@dataclass(frozen=True)
class Agreement:
    """Differences of two runs over the pairs that both did.

    Attributes
    ----------
    data : pandas.DataFrame
        Columns pair, mean and difference.
    bias, half_interval : float
        Mean difference, and half the width of its 95 % interval by Student's t.
    limit : float
        1.96 sample standard deviations.
    """

    data: pd.DataFrame
    bias: float
    half_interval: float
    limit: float

    @classmethod
    def of(cls, first: pd.Series[float], second: pd.Series[float]) -> Agreement | None:
        """Compare values by pair; None where fewer than five pairs have both."""
        both = pd.DataFrame({"first": first, "second": second}).dropna()
        n = len(both)
        if n < LEAST_PAIRS:
            return None
        difference = both["first"] - both["second"]
        sd = float(difference.std(ddof=1))
        data = pd.DataFrame(
            {
                "pair": both.index.astype(str),
                "mean": ((both["first"] + both["second"]) / 2).to_numpy(),
                "difference": difference.to_numpy(),
            }
        )
        half = float(stats.t.ppf(0.975, n - 1)) * sd / np.sqrt(n)
        return cls(data, float(difference.mean()), float(half), 1.96 * sd)


def agreement_plate(study: Study, dataset: str) -> Plate | None:
    """Return the plot of the two runs that matter most; None where five pairs in common are missing.

    They are the config's oracle and the best of the others, without an oracle the two best.
    """
    metric = leading_metric(study, dataset).name
    chosen = two_runs(study, dataset, metric)
    if chosen is None:
        return None
    first, second = chosen
    found = Agreement.of(*(study.values(dataset, run.label, metric) for run in chosen))
    if found is None:
        return None
    caption = CAPTION.format(
        metric=METRICS[metric].title,
        first=first.label,
        second=second.label,
        n=len(found.data),
        better=f"{'Below' if METRICS[metric].better == 'lower' else 'Above'} zero {first.label} is better.",
        choice="Compared are the best run by mean and the config's oracle."
        if study.oracle == second.label
        else "Compared are the two best runs by mean.",
    )
    drawing = _draw(found, metric, first, second, study.competitors(dataset).index(first))
    return Plate(("agreement", dataset), f"Two runs, pair by pair: {dataset}", caption, (drawing,))


def two_runs(study: Study, dataset: str, metric: str) -> tuple[Run, Run] | None:
    """Return the best run by mean, and the oracle or the second best; None where two have no score.

    As in the advice, a run that has no value on some pair stands behind all that have one on each.
    """
    sign = 1 if METRICS[metric].better == "lower" else -1
    places = {
        run: (bool(values.isna().any()), sign * float(values.mean()))
        for run in study.competitors(dataset)
        if (values := study.values(dataset, run.label, metric)).notna().any()
    }
    best = sorted(places, key=lambda run: places[run])
    others = [run for run in best if run.label != study.oracle]
    oracle = next((run for run in best if run.label == study.oracle), None)
    if oracle and others:
        return others[0], oracle
    return (best[0], best[1]) if len(best) > 1 else None


def _draw(found: Agreement, metric: str, first: Run, second: Run, index: int) -> Drawing:
    figure = new_figure(6.6, 3.8)
    axes = figure.add_axes((0.14, 0.13, 0.70, 0.82))
    data, colour = found.data, look_of(index).colour
    axes.axhspan(
        found.bias - found.half_interval, found.bias + found.half_interval, color=colour, alpha=0.15, lw=0
    )
    axes.axhline(0.0, color=FAINT, linewidth=0.8)
    spread = spread_of(data["difference"])
    digits = certain_digits([spread] if spread else [], METRICS[metric])
    _line(axes, found.bias, "mean", "solid", digits)
    _line(axes, found.bias + found.limit, "+1.96 sd", "dashed", digits)
    _line(axes, found.bias - found.limit, "−1.96 sd", "dashed", digits)
    axes.plot(
        data["mean"], data["difference"], linestyle="none", marker="o", color=colour, markersize=5,
        markeredgecolor="white", markeredgewidth=0.6,
    )  # fmt: skip
    axes.margins(0.06, 0.12)
    axes.set_xlabel(f"Mean of both: {METRICS[metric].title}")
    axes.set_ylabel(f"{label_text(first.label, 30)}\nminus {label_text(second.label, 30)}")
    return Drawing("", figure, data)


def _line(axes: Axes, value: float, name: str, style: str, digits: int) -> None:
    axes.axhline(value, color="#444444", linewidth=1.0, linestyle=style)
    axes.annotate(
        f"{name}\n{fixed_digits(value, digits).replace('-', '−')}", (1.0, value), xycoords=("axes fraction", "data"),
        xytext=(5, 0), textcoords="offset points", va="center", fontsize=8,
    )  # fmt: skip
