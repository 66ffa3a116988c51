"""Gradients beside differences of the solve: two cells of the timing table, and a table of the checks."""

from __future__ import annotations

import math

from benchmarks.catalogue import METRICS
from benchmarks.config import Config
from benchmarks.records import RunRecord
from reports.numbers import NOT_AVAILABLE, fixed_digits
from reports.study import Records, Run, Study, once_per_study
from reports.table import Cell, Column, Table, number_columns, plain_row, text_columns

COSINE, NORM_RATIO = METRICS["gradient_cosine"], METRICS["gradient_norm_ratio"]
NOT_CHECKED = "not checked"
UNDECIDED = "undecided"
CAPTION = (
    " Gradient cosine and norm ratio: the backward gradient against central differences of the run's own solve "
    "(1 and 1 are right), the worst of the pairs checked."
)


@once_per_study
def checks_anything(study: Study, dataset: str) -> bool:
    """Return whether any run's gradient was to be checked on the dataset."""
    return any(r.identity.gradient_check for r in study.records if r.identity.dataset == dataset)


def check_cells(study: Study, dataset: str, run: Run) -> list[Cell]:
    """Return worst cosine and worst norm ratio of a run over the pairs on which its gradient was checked."""
    records = _records(study, dataset, run)
    asked = [record for record in records if record.identity.gradient_check]
    if not asked:
        differentiable = any(record.gradient for record in records)
        return [Cell(NOT_CHECKED if differentiable else NOT_AVAILABLE)] * 2
    told = [
        (check.cosine, check.norm_ratio)
        for record in asked
        if (check := record.gradient_check) and check.cosine is not None and check.norm_ratio is not None
    ]
    if not told:
        return [Cell(UNDECIDED)] * 2
    few = "" if len(told) == len(asked) else f" ({len(told)} of {len(asked)} pairs)"
    cosine = min(cosine for cosine, _ in told)
    ratio = max((ratio for _, ratio in told), key=lambda ratio: abs(math.log(ratio)))
    return [
        Cell(fixed_digits(cosine, COSINE.digits) + few),
        Cell(fixed_digits(ratio, NORM_RATIO.digits) + few),
    ]


@once_per_study
def gradient_tables(config: Config, records: Records) -> list[Table]:
    """Return every check per dataset that has any: its numbers, how sure they are, and what was left out."""
    study = Study.of(config, records)
    return [_gradient_table(study, dataset) for dataset in study.datasets if checks_anything(study, dataset)]


def _gradient_table(study: Study, dataset: str) -> Table:
    rows = []
    for run in study.competitors(dataset):
        for record in _records(study, dataset, run):
            if record.identity.gradient_check is None:
                continue
            check = record.gradient_check
            numbers = (check.cosine, check.norm_ratio, check.uncertainty) if check else (None,) * 3
            rows.append(
                plain_row(
                    (
                        run.label,
                        record.identity.pair_id,
                        *map(_number, numbers, (COSINE.digits, NORM_RATIO.digits, 4)),
                        f"{check.resolved}/{len(check.directions)}" if check else NOT_AVAILABLE,
                        check.note if check else str(record.status),
                    )
                )
            )
    return Table(
        f"Gradients against differences of the solve: {dataset}",
        (
            *text_columns("Run", "Pair"),
            *number_columns([COSINE.title, NORM_RATIO.title, "Uncertainty", "Directions"]),
            Column("Note", "left"),
        ),
        tuple(rows),
        "Derivatives of the mean squared error along smooth random changes of the moving and the fixed image: by the "
        "backward pass, and by central differences of the whole registration with the same parameters. Uncertainty: "
        "how far differences at two steps lie apart, relative to the derivatives. Directions: along how many of those "
        "asked two steps agree; the others are left out, because the solve has no derivative there that could be "
        "compared.",
    )


def _records(study: Study, dataset: str, run: Run) -> list[RunRecord]:
    found = (study.result(dataset, pair, run.label) for pair in study.pairs(dataset))
    return [record for result in found if result for record in result.repeats]


def _number(value: float | None, digits: int) -> str:
    return NOT_AVAILABLE if value is None else fixed_digits(value, digits)
