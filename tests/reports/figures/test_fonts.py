from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
import pytest
from fontTools.ttLib import TTFont
from matplotlib import font_manager
from matplotlib.figure import Figure

from reports.figures.fonts import CUT, WHOLE, families
from reports.figures.style import styled

LATIN = "lmreg — Dice ± σ ≤ 0.75 × 10⁻³, naïve AVAST fi"


def drawn(text: str) -> bytes:
    figure = Figure(figsize=(5, 1))
    figure.text(0.05, 0.2, text, fontweight="bold")
    figure.text(0.05, 0.6, text)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def letters(family: str) -> set[int]:
    with TTFont(font_manager.findfont(family, fallback_to_default=False)) as font:
        return set(font.getBestCmap())


@pytest.mark.parametrize("text", [LATIN, "Пример", "σ по-русски, and back"])
def test_a_figure_looks_as_with_the_whole_font(text: str) -> None:
    with styled():
        assert mpl.rcParams["font.family"] == [CUT, WHOLE]
        cut = drawn(text)
        mpl.rcParams["font.family"] = WHOLE
        assert cut == drawn(text)


def test_the_first_family_has_few_letters_and_the_second_all() -> None:
    first, second = families()
    assert {ord(letter) for letter in LATIN} <= letters(first) < letters(second)
    assert 5 * len(letters(first)) < len(letters(second))
    assert ord("П") not in letters(first)


def test_the_cut_font_is_made_once_and_never_seen_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mpl, "get_cachedir", lambda: str(tmp_path))
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    families.__wrapped__()
    made = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    families.__wrapped__()
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")} == made
    assert sorted(made) == ["DejaVuSans-Bold.ttf", "DejaVuSans.ttf"]
