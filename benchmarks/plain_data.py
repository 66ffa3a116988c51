"""Whatever adapters and datasets tell, in types that JSON knows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return a value as nested dicts and lists of text, numbers, booleans and None.

    Numbers that JSON lacks become text, ``inf`` and ``nan``: whoever validates them as numbers gets them back.
    """
    if isinstance(value, dict) or hasattr(value, "items"):
        return {storable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | None) else storable(str(value))


def storable(text: str) -> str:
    """Return text with escapes for what UTF-8 cannot hold, as file names and messages of libraries may."""
    return text.encode("utf-8", "backslashreplace").decode()


def finite_alone(values: Mapping[str, float | None]) -> dict[str, float]:
    """Return the numbers that are defined."""
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
