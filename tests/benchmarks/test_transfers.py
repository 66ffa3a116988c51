"""What a terminal shows of a transfer, and what a file of messages does."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from benchmarks.transfers import TransferProgress


@pytest.fixture
def shown():
    """Transfer 2 of 3 MB, of which the first lay there already; return what is written."""

    def transfer(*, terminal, total_bytes=3_000_000):
        text = io.StringIO()
        console = Console(file=text, force_terminal=terminal, width=120, color_system=None)
        with (
            TransferProgress(console) as progress,
            progress.transfer("set[1].zip", 1_000_000, total_bytes) as advance,
        ):
            for _ in range(10):
                advance(100_000)
        return text.getvalue()

    return transfer


def test_a_terminal_shows_name_size_and_rate(shown):
    text = shown(terminal=True)
    assert "set[1].zip" in text
    assert "2.0/3.0 MB" in text
    assert re.search(r"\d [kMGT]?B/s", text)


def test_a_size_that_nobody_knows_is_no_obstacle(shown):
    assert "2.0/? MB" in shown(terminal=True, total_bytes=None)


def test_a_file_gets_one_line(shown):
    assert shown(terminal=False) == "set[1].zip: 3.0 MB, from 1.0 MB on\n"
    assert shown(terminal=False, total_bytes=None) == "set[1].zip: size unknown, from 1.0 MB on\n"
