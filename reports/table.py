"""Tables as plain data, which every rendering is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right"]


@dataclass(frozen=True)
class Column:
    """Heading and alignment of a column."""

    heading: str
    align: Align = "right"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes
    ----------
    text : str
        What it says, unescaped.
    bold : bool
        Whether it is the best of its column.
    short : str
        The same without its spread, for narrow displays; empty where there is nothing to leave out.
    numbers : tuple of (str, float)
        What the text was rounded from, by name, for other programs.
    link : str
        File that Markdown makes the text lead to; empty where there is none.
    """

    text: str
    bold: bool = False
    short: str = ""
    numbers: tuple[tuple[str, float], ...] = ()
    link: str = ""


@dataclass(frozen=True)
class Row:
    """Cells of one line; reference rows stand apart from the competitors."""

    cells: tuple[Cell, ...]
    reference: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its title and caption.

    Attributes
    ----------
    title : str
        What the table shows.
    columns : tuple of Column
        Headings.
    rows : tuple of Row
        As many cells in each as there are columns.
    caption : str
        How the numbers came about, in a sentence or two.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""

    def __post_init__(self) -> None:
        if any(len(row.cells) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.title!r}: a row has not {len(self.columns)} cells")


def text_columns(*headings: str) -> tuple[Column, ...]:
    """Return columns of words."""
    return tuple(Column(heading, "left") for heading in headings)


def number_columns(headings: Sequence[str]) -> tuple[Column, ...]:
    """Return columns of numbers."""
    return tuple(Column(heading) for heading in headings)


def plain_row(texts: Sequence[str]) -> Row:
    """Return a row without bold cells."""
    return Row(tuple(Cell(text) for text in texts))
