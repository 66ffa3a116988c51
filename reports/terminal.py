"""Tables for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.plain_text import one_line
from reports.table import Cell, Row, Table

NARROWED = " Spreads do not fit here: they are in the report."
# Wider than any table.
UNBOUNDED = 100_000


@dataclass(frozen=True)
class TerminalTable:
    """A table that rich prints, with the text of the report.

    Where the terminal is too narrow, spreads are left out rather than names cut short. Names from the data
    are never read as markup.

    Attributes
    ----------
    table : Table
        What to print.
    """

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table in full, or without spreads where only that fits."""
        unbounded = options.update(width=UNBOUNDED)
        shortens = any(cell.short for row in self.table.rows for cell in row.cells)
        full = _draw(self.table, short=False)
        if not shortens or Measurement.get(console, unbounded, full).maximum <= options.max_width:
            yield full
        else:
            yield _draw(self.table, short=True)


def terminal_table(table: Table) -> TerminalTable:
    """Return what ``rich`` prints of a table."""
    return TerminalTable(table)


def _draw(table: Table, *, short: bool) -> RichTable:
    caption = one_line(table.caption + (NARROWED if short else ""))
    drawn = RichTable(
        title=Text(one_line(table.title)),
        caption=Text(caption) if caption else None,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for index, column in enumerate(table.columns):
        texts = [_shown(row.cells[index], short) for row in table.rows]
        number = short and column.align == "right"
        drawn.add_column(
            Text(_stacked(column.heading, texts) if number else one_line(column.heading)),
            justify=column.align,
            overflow="fold",
            no_wrap=number,
        )
    for row in table.rows:
        drawn.add_row(*(_text(cell, row, short) for cell in row.cells))
    return drawn


def _stacked(heading: str, numbers: Sequence[str]) -> str:
    """Return a heading on as many lines as make it no wider than need be."""
    words = one_line(heading).split()
    return "\n".join(textwrap.wrap(" ".join(words), max(map(len, [*words, *numbers]))))


def _text(cell: Cell, row: Row, short: bool) -> Text:
    style = "bold" if cell.bold else "dim italic" if row.reference else ""
    return Text(one_line(_shown(cell, short)), style=style)


def _shown(cell: Cell, short: bool) -> str:
    return cell.short if short and cell.short else cell.text
