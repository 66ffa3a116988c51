from __future__ import annotations

import io

from rich.console import Console

from reports.table import Cell, Column, Row, Table
from reports.terminal import terminal_table

TABLE = Table(
    "Scores: [red]set[/red]",
    (Column("Run", "left"), Column("Dice"), Column("TRE (mm)")),
    (
        Row((Cell("[bold]a[/bold] [k=2]"), Cell("0.900 ± 0.010", True, "0.900"), Cell("1 ± 2", short="1"))),
        Row((Cell("truth"), Cell("n/a"), Cell("n/a")), reference=True),
    ),
    "How.",
)


def printed(table: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(terminal_table(table))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_names_are_no_markup_and_nothing_is_lost() -> None:
    text = printed(TABLE, 100)
    for shown in (
        "Scores: [red]set[/red]",
        "[bold]a[/bold] [k=2]",
        "0.900 ± 0.010",
        "TRE (mm)",
        "n/a",
        "How.",
    ):
        assert shown in text


def test_narrow_terminal_drops_spreads_and_says_so_but_keeps_names_and_numbers() -> None:
    text = printed(TABLE, 36)
    assert "±" not in text
    assert "0.900" in text
    assert "[k=2]" in text
    assert "Spreads do not fit" in " ".join(text.split())
    assert all(len(line.rstrip()) <= 36 for line in text.splitlines())


def test_best_is_bold() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    console.print(terminal_table(TABLE))
    assert isinstance(console.file, io.StringIO)
    assert "\x1b[1m0.900 ± 0.010\x1b[0m" in console.file.getvalue()
