"""Text from backends, datasets and configs, without what would control the display that shows it."""

from __future__ import annotations

import unicodedata

_CONTROLS = ("Cc", "Cf", "Cs")


def harmless(text: str) -> str:
    """Return text without letters that control the display; what divides lines or columns becomes a space."""
    if text.isprintable():
        return text
    spaced = (" " if letter.isspace() else letter for letter in text)
    return "".join(letter for letter in spaced if unicodedata.category(letter) not in _CONTROLS)


def one_line(text: str) -> str:
    """Return the same with single spaces between words."""
    return " ".join(harmless(text).split())
