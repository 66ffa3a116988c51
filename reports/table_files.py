"""A table as files for other programs: Markdown, CSV, LaTeX and Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from reports.csv_cells import csv_text
from reports.latex import latex_table
from reports.markdown import escape, render_table
from reports.names import file_safe
from reports.table import Table

FOLDER = "tables"
SUFFIXES = (".md", ".csv", ".tex", ".parquet")


def table_frame(table: Table) -> pd.DataFrame:
    """Return a table as data: the text of every column, and beside it the numbers that it was rounded from.

    A column ``Dice`` of means and deviations comes with ``Dice: mean``, ``Dice: sd`` and so on, NaN where a cell
    has none. Headings that occur twice are numbered.
    """
    columns: dict[str, list[str] | list[float]] = {}
    for place, column in enumerate(table.columns):
        cells = [row.cells[place] for row in table.rows]
        heading = column.heading or "name"
        if heading in columns:
            heading = f"{heading} ({place + 1})"
        columns[heading] = [cell.text for cell in cells]
        numbers = [dict(cell.numbers) for cell in cells]
        for name in dict.fromkeys(name for found in numbers for name in found):
            columns[f"{heading}: {name}"] = [found.get(name, float("nan")) for found in numbers]
        if any(cell.bold for cell in cells):
            columns[f"{heading}: best"] = [float(cell.bold) for cell in cells]
    return pd.DataFrame(columns)


def write_tables(folder: Path, tables: Iterable[Table]) -> set[str]:
    """Write every table in every format, named after its title, and return the paths relative to the folder."""
    written = set()
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for table in tables:
        frame = table_frame(table)
        stem = f"{FOLDER}/{file_safe(table.title.replace(': ', '-').replace(' ', '-'))}"
        text = {
            ".md": f"**{escape(table.title)}**\n\n{render_table(table)}\n",
            ".csv": csv_text(frame),
            ".tex": latex_table(table),
        }
        for suffix, content in text.items():
            (folder / f"{stem}{suffix}").write_text(content, encoding="utf-8", newline="\n")
        frame.to_parquet(folder / f"{stem}.parquet", index=False)
        written |= {f"{stem}{suffix}" for suffix in SUFFIXES}
    return written
