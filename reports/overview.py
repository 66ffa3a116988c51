"""All published runs beside each other: what each asks, whether its gates hold and what it takes."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.estimate import duration
from benchmarks.records import RunRecord, Status
from reports.published import PublishedRun
from reports.table import Cell, Column, Row, Table, text_columns

TIME = (
    "Time: the sum over all jobs of what each kept its worker busy, warm-up and scores included; starting workers "
    "and writing the report come on top."
)


def overview_table(runs: Sequence[PublishedRun], pages: Sequence[str]) -> Table:
    """Return a row per published run, with the command that repeats it.

    Parameters
    ----------
    runs : sequence of PublishedRun
        In the order wanted.
    pages : sequence of str
        Where the report of each is; empty where it follows.
    """
    return Table(
        "Published runs",
        (
            *text_columns("Run", "What it is about"),
            *map(Column, ("Gates passed", "Jobs ok", "Time")),
            *text_columns("Commit", "Command"),
        ),
        tuple(
            Row(
                (
                    Cell(run.name, link=page),
                    Cell(run.config.title),
                    *_verdict(run),
                    Cell(", ".join(_commits(run))),
                    Cell(run.facts.command),
                )
            )
            for run, page in zip(runs, pages, strict=True)
        ),
        TIME,
    )


def verdicts_table(runs: Sequence[PublishedRun], pages: Sequence[str]) -> Table:
    """Return the same in few columns."""
    return Table(
        "Published protocols",
        (*text_columns("Run"), *map(Column, ("Gates passed", "Jobs ok", "Time"))),
        tuple(
            Row((Cell(run.name, link=page), *_verdict(run))) for run, page in zip(runs, pages, strict=True)
        ),
        TIME,
    )


def busy_s(records: Sequence[RunRecord]) -> float:
    """Return the seconds that jobs kept their workers, one after the other."""
    return sum(sum(r.seconds.values()) if r.wall_s is None else r.wall_s for r in records)


def _verdict(run: PublishedRun) -> tuple[Cell, Cell, Cell]:
    passed, ok = sum(gate.passed for gate in run.gates), sum(r.status is Status.OK for r in run.records)
    return (
        Cell(f"{passed} of {len(run.gates)}", bold=passed < len(run.gates)),
        Cell(f"{ok} of {len(run.records)}"),
        Cell(duration(busy_s(run.records))),
    )


def _commits(run: PublishedRun) -> list[str]:
    return sorted({record.provenance.commit[:12] for record in run.records})
