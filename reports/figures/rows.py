"""What charts with a row per run share: boxes, points and labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from reports.figures.style import FAINT, INK

# A box drawn of fewer values would hide how few they are.
LEAST_FOR_BOX = 5
# More points than this merge into a smear.
MOST_POINTS = 200
SPREAD = 0.22


def draw_spread(
    axes: Axes, values: npt.NDArray[np.float64], height: float, colour: str, thickness: float
) -> None:
    """Draw values along a row: the points, of several the median, and from five on a box to the quartiles.

    Whiskers reach the last value within 1.5 interquartile ranges of the box (Tukey 1977).

    Parameters
    ----------
    axes : Axes
        Where rows lie at y = 0, 1, ...
    values : ndarray of shape (n,)
        Finite values, at least one.
    height : float
        The row.
    colour : str
        Of the run.
    thickness : float
        Of the box, in rows.
    """
    boxed = values.size >= LEAST_FOR_BOX
    if boxed:
        axes.boxplot(
            values, positions=[height], widths=thickness, orientation="horizontal", manage_ticks=False,
            showfliers=False, patch_artist=True, zorder=2,
            boxprops={"facecolor": (colour, 0.25), "edgecolor": colour},
            whiskerprops={"color": colour}, capprops={"color": colour},
            medianprops={"color": INK, "linewidth": 1.6},
        )  # fmt: skip
    elif values.size > 1:
        median = float(np.median(values))
        axes.plot([median] * 2, [height - thickness / 2, height + thickness / 2], color=INK, linewidth=1.6)
    shown = values if values.size <= MOST_POINTS else beyond_whiskers(values)
    # A fixed pattern rather than chance: the same records make the same figure.
    lift = (np.arange(shown.size) * 0.618034 % 1 - 0.5) * 2 * SPREAD * thickness
    axes.plot(
        shown, height + lift, linestyle="none", marker="o", markersize=3.2, color=colour,
        markeredgecolor="white", markeredgewidth=0.4, alpha=0.85, zorder=3,
    )  # fmt: skip


def beyond_whiskers(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the values further than 1.5 interquartile ranges from the box."""
    low, high = np.percentile(values, [25, 75])
    reach = 1.5 * (high - low)
    return np.asarray(values[(values < low - reach) | (values > high + reach)])


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Write names beside rows 0, 1, ... from the top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)


def reference_line(axes: Axes, value: float, note: str) -> None:
    """Draw a dashed line across the rows, named above them."""
    axes.axvline(value, color=FAINT, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        note, (value, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points",
        ha="center", va="bottom", color="#5a5a5a", fontsize=8, style="italic",
    )  # fmt: skip
