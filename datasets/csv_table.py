"""Tables of a user: CSV files as spreadsheets and people write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.base import DatasetError

_DELIMITERS = (",", ";", "\t")
_MOST_BYTES = 2**26


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes
    ----------
    line : int
        Number of the line in the file, for messages.
    values : mapping of str to str
        By column, stripped; a blank cell is absent.
    """

    line: int
    values: Mapping[str, str]


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> tuple[Row, ...]:
    """Read a table with headings, separated by commas, semicolons or tabs; blank lines are passed over.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte order mark, any line ends.
    required : sequence of str
        Columns that must be there and hold something in every row.
    optional : sequence of str
        Further columns that may be there.

    Raises
    ------
    DatasetError
        When the file cannot be read, lists nothing, or a column or a cell is missing or unknown.
    """
    text = _text(path)
    heading = next((line for line in _lines(text) if line.strip()), "")
    delimiter = next((found for found in _DELIMITERS if found in heading), ",")
    lines = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    try:
        numbered = [(lines.line_num, [cell.strip() for cell in cells]) for cells in lines]
    except csv.Error as error:
        raise DatasetError(f"{path}: line {lines.line_num}: {error}: check its quotes") from None
    numbered = [(line, cells) for line, cells in numbered if any(cells)]
    columns = numbered[0][1] if numbered else []
    _check_columns(path, columns, required, optional)
    rows = tuple(_rows(path, columns, required, numbered[1:]))
    if not rows:
        raise DatasetError(f"{path}: has a heading and nothing below it")
    return rows


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DatasetError(f"{path}: is larger than {_MOST_BYTES} bytes, which no such table is")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path}: is not UTF-8 text: save it as CSV in UTF-8") from None


def _lines(text: str) -> Iterator[str]:
    """Iterate over lines as CSV has them; for ``splitlines`` other characters end a line too."""
    return io.StringIO(text, newline="")


def _check_columns(
    path: Path, columns: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> None:
    for name in required:
        if name not in columns:
            raise DatasetError(
                f"{path}: has no column {name!r}; its columns are {', '.join(columns) or 'none'}"
            )
    for name in columns:
        if name not in (*required, *optional):
            raise DatasetError(
                f"{path}: unknown column {name!r}; known are {', '.join((*required, *optional))}"
            )
        if columns.count(name) > 1:
            raise DatasetError(f"{path}: column {name!r} is given twice")


def _rows(
    path: Path, columns: Sequence[str], required: Sequence[str], numbered: Sequence[tuple[int, list[str]]]
) -> Iterator[Row]:
    for line, cells in numbered:
        if len(cells) > len(columns):
            raise DatasetError(
                f"{path}: line {line}: has {len(cells)} cells under {len(columns)} columns: "
                "put a name that holds the separator in double quotes"
            )
        values = {name: cell for name, cell in zip(columns, cells, strict=False) if cell}
        for name in required:
            if name not in values:
                raise DatasetError(f"{path}: line {line}: {name} is blank")
        yield Row(line, values)
