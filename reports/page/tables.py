"""Tables of the report as the page holds them, with ways from a score to the pairs behind it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from benchmarks.catalogue import METRICS
from benchmarks.plain_text import one_line
from reports.numbers import NOT_AVAILABLE
from reports.study import BEFORE, Study
from reports.summary import OVERLAPPING_MARK
from reports.table import Row, Table

RUN_HEADING = "Run"
# The number that stands for the start among a dataset's runs.
START = -1


def plain_table(table: Table) -> dict[str, Any]:
    """Return a table whose cells lead nowhere."""
    return _stored(table, {}, {})


def linked_table(study: Study, dataset: str, table: Table, metrics: Collection[str]) -> dict[str, Any]:
    """Return a table of runs by metrics; a cell leads to the pairs of its run and metric.

    Parameters
    ----------
    study : Study
        Has the runs.
    dataset : str
        What the table is about.
    table : Table
        With a column of runs and headings as in the catalogue; other columns lead nowhere.
    metrics : collection of str
        Metrics whose values per pair the page holds.
    """
    runs = study.runs(dataset)
    rows = {BEFORE: START} | {title: n for n, run in enumerate(runs) for title in (run.label, run.title)}
    titles = {METRICS[name].title: name for name in metrics}
    columns = {}
    for number, column in enumerate(table.columns):
        name = titles.get(column.heading.removesuffix(OVERLAPPING_MARK))
        if name:
            columns[number] = name
    return _stored(table, rows, columns)


def _stored(table: Table, rows: dict[str, int], columns: dict[int, str]) -> dict[str, Any]:
    heads = [column.heading for column in table.columns]
    named = heads.index(RUN_HEADING) if RUN_HEADING in heads else None
    return {
        "title": one_line(table.title),
        "caption": one_line(table.caption),
        "columns": [{"heading": one_line(c.heading), "align": c.align} for c in table.columns],
        "rows": [
            {
                "reference": row.reference,
                "cells": _cells(row, None if named is None else rows.get(row.cells[named].text), columns),
            }
            for row in table.rows
        ],
    }


def _cells(row: Row, run: int | None, columns: dict[int, str]) -> list[dict[str, Any]]:
    cells = []
    for number, cell in enumerate(row.cells):
        stored: dict[str, Any] = {"text": one_line(cell.text)}
        if cell.bold:
            stored["bold"] = True
        if run is not None and number in columns and cell.text != NOT_AVAILABLE:
            stored["pairs"] = [run, columns[number]]
        cells.append(stored)
    return cells
