"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_hint(wrong: str, valid: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"``, or the valid names where none is near."""
    names = sorted(valid)
    if near := get_close_matches(wrong, names, n=1, cutoff=0.5):
        return f" (did you mean {near[0]!r}?)"
    return f" (one of: {', '.join(names)})" if names else ""
