"""How straight each run leaves a stack of sections: drift, and the part that all of them cover."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.stack_record import AlignedStack, Crop, StackAlignment
from reports.numbers import NOT_AVAILABLE, fixed_digits, some_of
from reports.study import Study
from reports.table import Cell, Column, Row, Table, number_columns, text_columns

DIGITS = 3
NAMED = 3


def stack_tables(study: Study, stacks: Iterable[StackAlignment]) -> list[Table]:
    """Return a table per stack: a row per run."""
    return [_stack_table(study, stack) for stack in stacks]


def far_end_mm(stack: StackAlignment, run: AlignedStack) -> float | None:
    """Return the drift of the first or the last section, whichever is larger; None unless both are known."""
    drifts = {one.section: one.drift_mm for one in run.sections}
    ends = [drifts.get(section) for section in (stack.sections[0], stack.sections[-1])]
    known = [drift for drift in ends if drift is not None]
    return max(known) if len(known) == len(ends) else None


def _stack_table(study: Study, stack: StackAlignment) -> Table:
    runs = {run.run: run for run in stack.runs}
    noted = any(run.note for run in stack.runs)
    headings = ["Sections", "Mean drift (mm)", "Worst (mm)", "Far end (mm)", "Crop (pixels)", "View kept"]
    rows = [
        Row(tuple(_cells(stack, runs[row.label], row.title, noted=noted)), reference=row.reference)
        for row in study.runs(stack.dataset)
        if row.label in runs
    ]
    columns = (
        *text_columns("Run"),
        *number_columns(headings),
        *([Column("Missing", "left")] if noted else []),
    )
    return Table(f"Along the stack: {stack.dataset}", columns, tuple(rows), _caption(stack))


def _cells(stack: StackAlignment, run: AlignedStack, title: str, *, noted: bool) -> list[Cell]:
    others = [one.drift_mm for one in run.sections if one.section != stack.reference]
    drifts = [drift for drift in others if drift is not None]
    complete = len(drifts) == len(stack.sections) - 1
    return [
        Cell(title),
        Cell(f"{len(run.sections)}/{len(stack.sections)}"),
        _mm(sum(drifts) / len(drifts) if complete else None),
        _mm(max(drifts) if complete else None),
        _mm(far_end_mm(stack, run)),
        *_crop(run.crop),
        *([Cell(run.note)] if noted else []),
    ]


def _mm(value: float | None) -> Cell:
    if value is None:
        return Cell(NOT_AVAILABLE)
    return Cell(fixed_digits(value, DIGITS), numbers=(("mm", value),))


def _crop(crop: Crop | None) -> list[Cell]:
    if crop is None:
        return [Cell(NOT_AVAILABLE)] * 2
    size = Cell(
        f"{crop.columns}×{crop.rows}",
        numbers=tuple((name, float(getattr(crop, name))) for name in ("column", "row", "columns", "rows")),
    )
    return [size, Cell(f"{crop.share:.1%}", numbers=(("share", crop.share),))]


def _caption(stack: StackAlignment) -> str:
    parts = [
        f"Transforms of neighbours composed from section {stack.reference}, the middle one, outwards. Drift: mean "
        "distance, over the mask of that section, between where the composed and the true transforms take a point; "
        "mean and worst of the other sections, and the larger one of the two ends. Crop: the largest rectangle of "
        f"section {stack.reference} ({stack.columns}×{stack.rows} pixels) that all sections cover once aligned; "
        "what a run has aligned wrongly it may cover all the same."
    ]
    if stack.true_crop:
        crop = stack.true_crop
        parts.append(f"The true transforms leave {crop.columns}×{crop.rows} pixels ({crop.share:.1%}).")
    if stack.step_pixels > 1:
        parts.append(f"Points are followed every {stack.step_pixels} pixels.")
    if stack.unlinked:
        parts.append(f"No run kept a transform of {some_of(stack.unlinked, NAMED)}: the stack may be longer.")
    return " ".join(parts)
