"""How far each section of a stack ends from where it belongs."""

from __future__ import annotations

import pandas as pd

from benchmarks.stack_record import StackAlignment
from reports.figures.drawing import Drawing, Plate
from reports.figures.style import FAINT, label_text, look_of, new_figure
from reports.study import IDENTITY, Study

DRIFT = (
    "Distance of every section from where it belongs, once the transforms of neighbours are composed from the dashed "
    "section outwards: mean over the mask of that section. Errors of pairs add up along the stack: random ones "
    "like a walk, steadily growing ones where a run follows the anatomy instead of the jitter. The dotted line is the "
    "untouched start.{linear}"
)
SYMMETRIC_LOG = " Above {threshold:g} mm the axis is logarithmic."
# The scale changes where runs and the start would otherwise not be told apart on one axis.
LINEAR_MM = 1.0
TICKS_MM = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def drift_plate(study: Study, stack: StackAlignment) -> Plate | None:
    """Return drift against section, a line per run; None where no truth is known."""
    rows = [
        (run.run, one.section, one.drift_mm)
        for run in stack.runs
        for one in run.sections
        if one.drift_mm is not None
    ]
    if not rows:
        return None
    data = pd.DataFrame(rows, columns=["run", "section", "drift_mm"])
    figure = new_figure(8.4, 4.2)
    axes = figure.add_axes((0.075, 0.125, 0.62, 0.84))
    axes.axvline(stack.reference, color=FAINT, linestyle=(0, (4, 3)), linewidth=1.0)
    for run in study.runs(stack.dataset):
        points = data[data["run"] == run.label]
        if run.backend == IDENTITY and not points.empty:
            axes.plot(
                points["section"], points["drift_mm"], color=FAINT, linestyle=":", linewidth=1.3,
                label=label_text(run.title, 26),
            )  # fmt: skip
    for index, run in enumerate(study.competitors(stack.dataset)):
        points = data[data["run"] == run.label]
        if points.empty:
            continue
        look = look_of(index)
        axes.plot(
            points["section"], points["drift_mm"], color=look.colour, marker=look.marker, linewidth=1.3,
            markersize=5, markeredgecolor="white", label=label_text(run.label, 26),
        )  # fmt: skip
    largest = float(data["drift_mm"].max())
    logarithmic = largest > 2 * LINEAR_MM
    if logarithmic:
        axes.set_yscale("symlog", linthresh=LINEAR_MM, linscale=2.0)
        shown = [tick for tick in TICKS_MM if tick <= 1.3 * largest]
        axes.set_yticks(shown, [f"{tick:g}" for tick in shown])
    axes.set_ylim(0, largest * 1.3 or 1.0)
    axes.grid(visible=True, axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_xlabel("Section")
    axes.set_ylabel("Drift (mm)")
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="center left",
        bbox_to_anchor=(0.71, 0.55),
        frameon=False,
        fontsize=8,
    )
    linear = SYMMETRIC_LOG.format(threshold=LINEAR_MM) if logarithmic else ""
    title = f"Drift along the stack: {stack.dataset}"
    return Plate(("drift", stack.dataset), title, DRIFT.format(linear=linear), (Drawing("", figure, data),))
