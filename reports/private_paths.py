"""Text without the folders in which somebody's files lie: they are nobody else's business."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# A folder, or the last part of a path: in running text it ends at a space, and where the path is all there is, not.
_PART = r"[^\s/\"'`,;:]+"
_SPACED = r"[^\s/\"'`,;:](?:[^\n/\"'`,;:]*[^\s/\"'`,;:])?"
_QUOTED = r"(?!\s)(?:(?!(?P=quote))[^\n/])+"
_FOUND = re.compile(
    rf"""
    \A (?P<whole> ~?/ (?:{_SPACED}/)+ (?:{_SPACED})? ) \Z
    | (?P<address> \b (?!file:) [a-z][a-z0-9+.-]* :// [^\s"'`,;]* )
    | (?P<quote> ["'`]) (?P<quoted> ~?/ (?:{_QUOTED}/)+ (?:{_QUOTED})? ) (?P=quote)
    # What follows a word is a unit, as in mm/s/m; what follows a bracket or a star, part of markup or of a pattern.
    | (?: (?<=file://) | (?<![\w./~…*?)<°%]) ) (?P<plain> ~?/ (?:{_PART}/)+ (?:{_PART})? )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Folders whose own folders are called after people.
_HOMES = ("/home", "/Users")


def without_paths(value: Any) -> Any:
    """Return text, or nested text, with the folders of absolute paths left out; keys stay as they are."""
    if isinstance(value, str):
        return _FOUND.sub(_shown, value) if "/" in value else value
    if isinstance(value, Mapping):
        return {key: without_paths(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(without_paths(one) for one in value)
    return value


def _shown(found: re.Match[str]) -> str:
    if found["address"]:
        return found["address"]
    folder, _, name = (found["whole"] or found["quoted"] or found["plain"]).rpartition("/")
    quote = found["quote"] or ""
    return f"{quote}…/{'' if folder in _HOMES else name}{quote}"
