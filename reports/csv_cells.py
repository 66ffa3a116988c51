"""Text in CSV files that no spreadsheet takes for a formula."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

# What begins a formula, where it begins no number: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(text: str) -> str:
    """Return text as it is, behind an apostrophe where a spreadsheet would work it out."""
    if not text.startswith(FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV, the names of its columns first."""
    shown = frame.set_axis([csv_cell(str(name)) for name in frame.columns], axis="columns")
    for place, kind in enumerate(frame.dtypes):
        if not is_numeric_dtype(kind):
            shown.isetitem(place, [_cell(value) for value in frame.iloc[:, place]])
    return shown.to_csv(index=False, lineterminator="\n")


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else value
