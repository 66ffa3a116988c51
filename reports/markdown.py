"""Markdown in GitHub's dialect, in which no name from the data can act as markup."""

from __future__ import annotations

import re

from tabulate import tabulate

from benchmarks.plain_text import one_line
from reports.table import Cell, Row, Table

# Letters that begin markup wherever they stand; an underscore does so at the edge of a word alone, and a
# bracket where an address follows.
MARKUP = re.compile(r"[\\`*|~]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])")
# What begins a heading, an item of a list or a rule, or underlines a heading, where a line begins with it.
BLOCK = re.compile(r"#|[-+=](?=[-=\s]|\Z)|(?P<number>[0-9]+)(?=[.)](?:\s|\Z))")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "@": "&#64;"}


def escape(text: str) -> str:
    """Return text that renders as itself, on one line, wherever that begins."""
    shown = escape_within(text)
    if (found := BLOCK.match(shown)) is None:
        return shown
    place = len(found["number"] or "")
    return f"{shown[:place]}\\{shown[place:]}"


def escape_within(text: str) -> str:
    """Return text that renders as itself, on one line that begins with something else, as inside a table."""
    shown = "".join(ENTITIES.get(letter, letter) for letter in one_line(text))
    return MARKUP.sub(lambda found: f"\\{found.group()}", shown)


def code_block(text: str, language: str) -> str:
    """Return a fenced block; the fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def details(summary: str, body: str) -> str:
    """Return a part that is folded until a reader opens it."""
    return f"<details>\n<summary>{escape_within(summary)}</summary>\n\n{body}\n\n</details>"


def render_table(table: Table) -> str:
    """Return a table with its caption below; reference rows in italics, best values bold."""
    grid = tabulate(
        [[_cell(cell, row) for cell in row.cells] for row in table.rows],
        headers=[escape_within(column.heading) for column in table.columns],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=[column.align for column in table.columns],
    )
    return f"{grid}\n\n{escape(table.caption)}" if table.caption else grid


def _cell(cell: Cell, row: Row) -> str:
    text = escape_within(cell.text)
    if not text:
        return ""
    if cell.link:
        text = f"[{text}]({cell.link})"
    if cell.bold:
        return f"**{text}**"
    return f"*{text}*" if row.reference else text
