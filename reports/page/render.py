"""Puts the page together: one file that needs no network and runs no script but its own."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.gates import GateResult
from benchmarks.plain_text import one_line
from reports.conditions import warnings_of
from reports.document import HOW_TO_READ, Background, glance
from reports.galleries import Pictures
from reports.page.content import page_blocks
from reports.study import Study

ASSETS = Path(__file__).parent
SCRIPTS = ("dom.js", "table.js", "viewer.js", "pairs.js", "main.js")
BOLD = re.compile(r"\*\*(.+?)\*\*")


def page_text(
    study: Study,
    background: Background,
    gates: Sequence[GateResult],
    pictures: Mapping[str, Pictures],
    folder: Path,
    target: Path | None = None,
) -> str:
    """Return the page as HTML.

    Names from the data stand in it as escaped text or as JSON; a content security policy admits the page's own
    script and style by their hashes, images from within it, and nothing else.

    Parameters
    ----------
    study, background, gates, pictures
        As for the report in Markdown.
    folder : Path
        Results folder, with kept slices.
    target : Path or None
        Below it lie the figures just drawn; None takes the results folder.
    """
    config = study.config
    script = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    style = (ASSETS / "style.css").read_text(encoding="utf-8")
    loader = FileSystemLoader(ASSETS)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    blocks = page_blocks(study, background, gates, pictures, folder, target or folder)
    return environment.get_template("template.html").render(
        title=one_line(config.title or config.name),
        paragraphs=[one_line(part) for part in config.description.split("\n\n") if part.strip()],
        glance=one_line(" ".join(glance(study, background, gates))),
        warnings=[one_line(sentence) for sentence in (warnings_of(study) if study.records else [])],
        reading=_items(HOW_TO_READ),
        # What the page itself is made of, and JSON whose markup was taken out.
        blocks=[(name, Markup(text)) for name, text in blocks.items()],
        script=Markup(script),
        script_hash=_hash(script),
        style=Markup(style),
        style_hash=_hash(style),
    )


def _items(markdown: str) -> list[list[tuple[str, bool]]]:
    """Return the items of a list, each as pieces of text that are strong or not."""
    items = [one_line(item) for item in re.split(r"^- ", markdown, flags=re.MULTILINE) if item.strip()]
    return [[(text, number % 2 == 1) for number, text in enumerate(BOLD.split(item))] for item in items]


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"
