"""What became of pairs that start from known disturbances: success by level, and who comes back to their solution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.aggregation import PairKey
from benchmarks.recovery import RMSE_BACK, Recovery, recoveries
from reports.numbers import NOT_AVAILABLE
from reports.statistics.ranks import NOT_TRIED
from reports.statistics.shares import Share
from reports.study import Run, Study, once_per_study
from reports.table import Cell, Row, Table, number_columns, text_columns

# Fewer levels make no curve.
LEAST_LEVELS = 4
# Share of successes up to which a start counts as captured.
CAPTURED = 0.9


@dataclass(frozen=True)
class Curve:
    """How often a run succeeds at each level of a condition, the other conditions being 0.

    Attributes
    ----------
    run : Run
        The run.
    condition : str
        Name with unit.
    levels : mapping of float to Share
        Ascending; levels at which nothing was tried are left out.
    """

    run: Run
    condition: str
    levels: Mapping[float, Share]

    @property
    def captured(self) -> float | None:
        """The highest level up to which at least ``CAPTURED`` succeed at every level; None where there is none."""
        highest = None
        for level, share in self.levels.items():
            if share.value < CAPTURED:
                break
            highest = level
        return highest


def success_curves(study: Study, dataset: str) -> list[Curve]:
    """Return the curves of all competitors, condition by condition; only conditions with ``LEAST_LEVELS`` levels.

    A success is a registration whose target registration error is at most ``report.success_tre_mm``. One that did not
    end ok is none; one that the backend cannot do, or that has not run yet, does not count.
    """
    curves = []
    for condition, pairs_by_level in _conditions(study, dataset).items():
        for run in study.competitors(dataset):
            shares = {level: _success(study, dataset, run, ids) for level, ids in pairs_by_level.items()}
            if levels := {level: share for level, share in shares.items() if share}:
                curves.append(Curve(run, condition, levels))
    return curves


def curve_data(curves: Iterable[Curve]) -> pd.DataFrame:
    """Return the numbers of curves, a row per level, with Wilson's interval."""
    rows = [
        (one.run.label, one.condition, level, s.successes, s.trials, s.value, *s.interval)
        for one in curves
        for level, s in one.levels.items()
    ]
    columns = ["run", "condition", "level", "successes", "trials", "share", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


@once_per_study
def start_tables(study: Study, dataset: str) -> list[Table]:
    """Return success by level for conditions with many levels; for few, who comes back to their solution."""
    curves = success_curves(study, dataset)
    if curves:
        conditions = dict.fromkeys(one.condition for one in curves)
        bound_mm = study.config.report.success_tre_mm
        return [
            _success_table(dataset, name, [one for one in curves if one.condition == name], bound_mm)
            for name in conditions
        ]
    keys = [PairKey(dataset, pair) for pair in study.pairs(dataset)]
    rows = [row for run in study.competitors(dataset) for row in _recovery_rows(study, run, keys)]
    return [_recovery_table(dataset, rows)] if rows else []


def condition_words(name: str) -> tuple[str, str]:
    """Return what a condition is, and its unit: ``start_translation_mm`` is "start translation" in "mm"."""
    what, _, unit = name.rpartition("_")
    return what.replace("_", " "), unit


def _conditions(study: Study, dataset: str) -> Mapping[str, Mapping[float, list[str]]]:
    """Return pairs by condition and level, ascending; a pair counts for a condition when the others are 0."""
    found: dict[str, dict[float, list[str]]] = {}
    for pair in study.pairs(dataset):
        conditions = study.conditions(dataset, pair)
        for name, level in conditions.items():
            if not any(other for key, other in conditions.items() if key != name):
                found.setdefault(name, {}).setdefault(level, []).append(pair)
    return {
        name: dict(sorted(levels.items())) for name, levels in found.items() if len(levels) >= LEAST_LEVELS
    }


def _success(study: Study, dataset: str, run: Run, pairs: Sequence[str]) -> Share | None:
    results = [study.result(dataset, pair, run.label) for pair in pairs]
    tried = [result for result in results if result and result.status not in NOT_TRIED]
    errors_mm = [result.value("tre_mm") for result in tried]
    good = sum(error is not None and error <= study.config.report.success_tre_mm for error in errors_mm)
    return Share(good, len(tried)) if tried else None


def _success_table(dataset: str, condition: str, curves: Sequence[Curve], bound_mm: float) -> Table:
    levels = sorted({level for one in curves for level in one.levels})
    what, unit = condition_words(condition)
    return Table(
        f"Success by {what}: {dataset}",
        (
            *text_columns("Run", "Track"),
            *number_columns([f"{level:g} {unit}" for level in levels]),
            *number_columns(["Captured up to"]),
        ),
        tuple(
            Row(
                (
                    Cell(one.run.label),
                    Cell(one.run.track),
                    *(_share_cell(one.levels.get(level)) for level in levels),
                    _captured_cell(one.captured, unit),
                )
            )
            for one in curves
        ),
        f"Registrations that end with a mean TRE of at most {bound_mm:g} mm, of those tried. Captured up to: the "
        f"highest level up to which at least {CAPTURED:.0%} succeed at every level.",
    )


def _share_cell(share: Share | None) -> Cell:
    if share is None:
        return Cell(NOT_AVAILABLE)
    lower, upper = share.interval
    numbers = (("share", share.value), ("lower", lower), ("upper", upper))
    return Cell(f"{share.successes}/{share.trials}", numbers=numbers)


def _captured_cell(captured: float | None, unit: str) -> Cell:
    if captured is None:
        return Cell("nowhere")
    return Cell(f"{captured:g} {unit}", numbers=(("level", captured),))


def _recovery_rows(study: Study, run: Run, keys: Sequence[PairKey]) -> list[Row]:
    groups: dict[str, list[Recovery]] = {}
    for one in recoveries(study.results, run.label, keys):
        groups.setdefault(_disturbance(study.conditions(*one.key)), []).append(one)
    return [_recovery_row(run, name, groups[name]) for name in sorted(groups)]


def _disturbance(conditions: Mapping[str, float]) -> str:
    words = [(*condition_words(name), value) for name, value in conditions.items() if value]
    return ", ".join(f"{what.removeprefix('start ')} {value:g} {unit}" for what, unit, value in words)


def _recovery_row(run: Run, name: str, group: Sequence[Recovery]) -> Row:
    back = sum(one.within(RMSE_BACK, None) for one in group)
    changes = [abs(one.rmse_change) for one in group if one.rmse_change is not None]
    distances_mm = [one.distance_mm for one in group if one.distance_mm is not None]
    return Row(
        (
            Cell(run.label),
            Cell(run.track),
            Cell(name),
            _share_cell(Share(back, len(group))),
            *_quantile_cells(changes, "rmse"),
            *_quantile_cells(distances_mm, "mm"),
        )
    )


def _quantile_cells(values: Sequence[float], name: str) -> list[Cell]:
    if not values:
        return [Cell(NOT_AVAILABLE)] * 2
    quantiles = [float(np.quantile(values, q)) for q in (0.5, 0.9)]
    return [Cell(f"{value:.1e}", numbers=((name, value),)) for value in quantiles]


def _recovery_table(dataset: str, rows: Sequence[Row]) -> Table:
    return Table(
        f"Recovery: {dataset}",
        (
            *text_columns("Run", "Track", "Disturbance"),
            *number_columns(
                ["Back", "RMSE change", "RMSE change, 90 %", "Distance (mm)", "Distance (mm), 90 %"]
            ),
        ),
        tuple(rows),
        "The solution from a disturbed start beside that from the undisturbed start of the same two images. Back: the "
        f"RMSEs differ by at most {RMSE_BACK:g}, of all disturbed starts. Then the median of that difference, and the "
        "90th percentile; the same of the root mean square distance between the two transforms in the fixed mask.",
    )
