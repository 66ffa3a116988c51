"""Transfers on the terminal: a bar with size, rate and time left for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from benchmarks.plain_text import one_line
from benchmarks.terminal import say


class TransferProgress:
    """Shows transfers as long as it is entered; a terminal that is none gets a line for each.

    Parameters
    ----------
    console : Console
        Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=4,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    @contextmanager
    def transfer(
        self, name: str, done_bytes: int, total_bytes: int | None
    ) -> Iterator[Callable[[int], None]]:
        """Show a transfer; see :class:`datasets.fetching.Progress`."""
        if not self._console.is_terminal:
            size = "size unknown" if total_bytes is None else f"{total_bytes / 1e6:.1f} MB"
            start = f", from {done_bytes / 1e6:.1f} MB on" if done_bytes else ""
            say(self._console, f"{name}: {size}{start}")
        task = self._progress.add_task(one_line(name), total=total_bytes, completed=done_bytes)

        def advance(piece_bytes: int) -> None:
            self._progress.advance(task, piece_bytes)

        try:
            yield advance
        finally:
            self._progress.stop_task(task)

    def message(self, text: str) -> None:
        """Print a line."""
        say(self._console, text)
