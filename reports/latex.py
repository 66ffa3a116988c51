"""LaTeX with the rules of booktabs, in which no name from the data can act as markup."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.plain_text import one_line
from reports.table import Cell, Row, Table

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "[": "{[}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"$\sim$",
    "<": r"$<$",
    ">": r"$>$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "−": r"$-$",
    "→": r"$\to$",
    "†": r"\dag{}",
    "–": "--",
    "…": r"\dots{}",
    "²": r"$^2$",
}


def latex_escape(text: str) -> str:
    """Return text that prints as itself, on one line."""
    return "".join(SPECIAL.get(letter, letter) for letter in one_line(text))


def latex_table(table: Table) -> str:
    """Return a ``table`` environment; it needs the package booktabs, and UTF-8.

    Best values are bold and reference rows in italics, as in Markdown. The caption is the title and what
    stands below the table elsewhere.
    """
    alignment = "".join("l" if column.align == "left" else "r" for column in table.columns)
    caption = ". ".join(latex_escape(part) for part in (table.title, table.caption) if part)
    return "\n".join(
        (
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            _line(latex_escape(column.heading) for column in table.columns),
            r"\midrule",
            *(_line(_cell(cell, row) for cell in row.cells) for row in table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        )
    )


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell, row: Row) -> str:
    text = latex_escape(cell.text)
    if not text:
        return ""
    if cell.bold:
        return rf"\textbf{{{text}}}"
    return rf"\emph{{{text}}}" if row.reference else text
