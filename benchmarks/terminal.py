"""How text reaches a terminal: as itself, whatever a backend, a dataset or a config has put into it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from benchmarks.plain_text import harmless


def literal(text: str, style: str = "") -> Text:
    """Return text of which nothing is read as markup and nothing controls the terminal; line breaks stay."""
    return Text("\n".join(map(harmless, text.split("\n"))), style)


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line of such text; the terminal alone may break it."""
    console.print(Text(harmless(text), style), soft_wrap=True)
