"""What the terminal shows while jobs run."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks.plain_text import one_line
from benchmarks.plan import Job
from benchmarks.records import RunRecord, Status
from benchmarks.terminal import say


class RunProgress:
    """A progress bar with the current job, failures so far and the time left.

    Parameters
    ----------
    console : Console
        Where to draw. Without a terminal only failures are printed, as they come.
    total, done : int
        Number of jobs, and how many are already done.
    """

    def __init__(self, console: Console, total: int, done: int) -> None:
        self._console = console
        # Two redraws a second: drawing takes processor time from what is being timed.
        self._progress = Progress(
            TextColumn("{task.description}", table_column=None, markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=2,
            speed_estimate_period=600,
        )
        self._task = self._progress.add_task("starting", total=total, completed=done)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.update(self._task, description="done" if error is None else "stopped")
        self._progress.stop()

    def show(self, job: Job) -> None:
        """Show the job as the current one."""
        named = one_line(f"{job.identity.run} · {job.identity.pair_id}")
        self._progress.update(self._task, description=named)

    def finished(self, record: RunRecord) -> None:
        """Advance; say at once what went wrong."""
        self._progress.advance(self._task)
        if record.status is not Status.OK and record.failure is not None:
            identity = record.identity
            said = f"{identity.run} · {identity.pair_id}: {record.status}: {record.failure.message}"
            say(self._console, one_line(said), "yellow")
