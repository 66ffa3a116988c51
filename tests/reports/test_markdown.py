from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.plain_text import one_line
from reports.markdown import code_block, details, escape, render_table
from reports.table import Cell, Column, Row, Table


def test_table_as_markdown() -> None:
    table = Table(
        "T",
        (Column("Run", "left"), Column("Dice")),
        (
            Row((Cell("before"), Cell("0.5")), reference=True),
            Row((Cell("torch_lm"), Cell("0.90", bold=True))),
            Row((Cell("b [k=2]"), Cell(""))),
        ),
        "How.",
    )
    assert render_table(table).splitlines() == [
        "| Run      |     Dice |",
        "|:---------|---------:|",
        "| *before* |    *0.5* |",
        "| torch_lm | **0.90** |",
        "| b [k=2]  |          |",
        "",
        "How.",
    ]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("&lt;", "&amp;lt;"),
        ("[x](http://evil)", r"[x\](http://evil)"),
        ("*x* `y` ~z~", r"\*x\* \`y\` \~z\~"),
        ("torch_lm", "torch_lm"),
        ("_x_", r"\_x\_"),
        ("$a$", "&#36;a&#36;"),
        ("one\ntwo\r\n three", "one two three"),
        ("a\u202eb\x1b[31mc\x00", "ab[31mc"),
        ("0.4 [0.3–0.5]", "0.4 [0.3–0.5]"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_names_are_shown_as_they_are(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# Heading", r"\# Heading"),
        ("- item", r"\- item"),
        ("+ x", r"\+ x"),
        ("---", r"\---"),
        ("- - -", r"\- - -"),
        ("===", r"\==="),
        ("1. one", r"1\. one"),
        ("12) twelve", r"12\) twelve"),
        ("-", r"\-"),
        ("\u200b # Heading", r"\# Heading"),
        ("a # b - c 1. d", "a # b - c 1. d"),
        ("-0.5 mm", "-0.5 mm"),
        ("+0.5", "+0.5"),
        ("0.5 [0.3, 0.7]", "0.5 [0.3, 0.7]"),
        ("2026-01-02", "2026-01-02"),
        ("3 pairs", "3 pairs"),
    ],
)
def test_no_text_begins_a_heading_a_list_or_a_rule(text: str, escaped: str) -> None:
    assert escape(text) == escaped
    (row,) = render_table(Table("T", (Column("x", "left"),), (Row((Cell(text),)),))).splitlines()[2:]
    assert row.strip("| ") == one_line(text)
    assert details(text, "body").splitlines()[1] == f"<summary>{one_line(text)}</summary>"


@given(st.text())
def test_no_text_ends_a_cell_or_a_line_or_opens_a_tag(text: str) -> None:
    shown = escape(text)
    assert len(shown.splitlines()) <= 1
    assert "<" not in shown
    assert ">" not in shown
    assert not re.search(r"(?<!\\)(\\\\)*\|", shown)


def test_row_of_a_hostile_name_has_as_many_cells_as_columns() -> None:
    name = "a|b\n| c | d |"
    lines = render_table(Table("T", (Column("x"), Column("y")), (Row((Cell(name), Cell("1"))),))).splitlines()
    assert len(lines) == 3
    assert len(re.findall(r"(?<!\\)\|", lines[2])) == 3


def test_code_block_cannot_be_left() -> None:
    block = code_block("x\n````\n# out", "yaml")
    assert block == "`````yaml\nx\n````\n# out\n`````"


def test_details_escape_their_summary() -> None:
    assert details("<b>", "body") == "<details>\n<summary>&lt;b&gt;</summary>\n\nbody\n\n</details>"


def test_table_with_a_row_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="'T': a row has not 2 cells"):
        Table("T", (Column("x"), Column("y")), (Row((Cell("1"),)),))
