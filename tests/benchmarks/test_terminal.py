"""What reaches a terminal of text that a backend, a dataset or a config has chosen."""

import io
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from benchmarks.commands import rerun, status
from benchmarks.estimate import Estimate
from benchmarks.progress import RunProgress
from benchmarks.records import Status
from benchmarks.rerun import Comparison
from benchmarks.results_folder import PlannedJob
from benchmarks.run_lock import Holder, Occupancy
from benchmarks.standing import RunStanding, Standing
from benchmarks.terminal import literal, say
from benchmarks.transfers import TransferProgress

HOSTILE = "lm [bold]x[/y] :smile: \x1b[2J\x1b]0;owned\x07 \x9b2J \u202eend"
SHOWN = "lm [bold]x[/y] :smile: [2J]0;owned 2J end"


@pytest.fixture
def console(monkeypatch):
    """A terminal without colours, wide enough for every table; the commands write to it, too."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None)
    for module in (rerun, status):
        monkeypatch.setattr(module, "console", terminal)
    return terminal


def written(console):
    return console.file.getvalue()


@pytest.fixture
def failed(make_record):
    """A record of a backend and a dataset that put control sequences into all that they say."""
    failure = {"stage": "register", "message": HOSTILE}
    return make_record("0" * 16, "failed", {"run": HOSTILE, "pair_id": HOSTILE}, failure=failure)


def test_text_is_printed_as_itself(console):
    table = Table(title=literal(HOSTILE, "table.title"), box=None, show_header=False, width=100)
    table.add_row(literal(HOSTILE))
    table.add_row(literal("one\ntwo"))
    console.print(table)
    say(console, HOSTILE)
    lines = [line.strip() for line in written(console).splitlines()]
    assert lines == [SHOWN, SHOWN, "one", "two", SHOWN]


def test_a_failure_is_told_without_what_controls_the_terminal(failed):
    file = io.StringIO()
    with RunProgress(Console(file=file, width=200), total=1, done=0) as progress:
        progress.finished(failed)
    assert f"{SHOWN} · {SHOWN}: failed: {SHOWN}\n" in file.getvalue()
    assert "\x1b" not in file.getvalue()


def test_the_job_that_runs_and_the_file_that_is_loaded_are_named_so(console, failed):
    class Job:
        identity = failed.identity

    with RunProgress(console, total=1, done=0) as progress:
        progress.show(Job())
    with TransferProgress(console) as transfers, transfers.transfer(HOSTILE, 0, None):
        pass
    assert "\x1b]0" not in written(console)
    assert "\x9b" not in written(console)
    assert "]0;owned" in written(console)


def test_a_repeated_job_is_shown_under_its_own_name(console, failed):
    rerun._show(Comparison(failed, failed, (), None, None, (f"a: {HOSTILE}",)))
    text = written(console)
    assert f"{SHOWN} on template2d/{SHOWN}" in " ".join(text.split())
    assert f"register: {SHOWN}\n" in text
    assert f"Not as it was: a: {SHOWN}\n" in text
    assert "\x1b]" not in text
    assert "\x9b" not in text


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        (Estimate(0, 0.0, 0), "All jobs have run."),
        (Estimate(1, 0.0, 1), "1 job has not run yet; how long it takes is not known."),
        (Estimate(1, 5.0, 0), "1 job has not run yet; it takes about 5 s."),
        (
            Estimate(3, 5.0, 1),
            "3 jobs have not run yet; they take about 5 s, plus 1 job of unknown duration.",
        ),
    ],
)
def test_how_far_a_run_is_stands_in_whole_sentences(console, left, sentence):
    of_run = RunStanding(HOSTILE, "toy:Shift", Counter({Status.OK: 1}), left.jobs, left)
    status.show(Path("toy"), Standing(Occupancy(None), (), (of_run,), left, 1))
    text = written(console)
    assert text.endswith(f"Nobody is at work in toy.\n{sentence}\n")
    assert f" {SHOWN} " in text


def test_who_works_at_what_is_shown(console):
    job = PlannedJob("0" * 16, HOSTILE, "matched", "toy:Shift", "toy", HOSTILE, 1)
    who = Holder(pid=7, host=HOSTILE, since_utc="noon")
    status.show(Path("toy"), Standing(Occupancy(who), (job,), (), Estimate(1, 5.0, 0), 1))
    text = written(console)
    assert f"At work in toy: process 7 on {SHOWN}, since noon.\n" in text
    assert f"Running: {SHOWN} · toy · {SHOWN}.\n" in text
