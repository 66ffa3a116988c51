"""Runs that are interrupted, killed, repeated and watched: real processes on a real results folder."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


def pairs(count):
    return {"name": "toy:ToyDataset", "params": {"count": count}}


@pytest.fixture
def stored(tmp_path):
    """Return a function that reads run, pair and status of all lines, each of which must be whole."""
    path = tmp_path / "results" / "toy" / "records.jsonl"

    def read():
        records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [(one["identity"]["run"], one["identity"]["pair_id"], one["status"]) for one in records]

    return read


@pytest.fixture
def start(command, tmp_path):
    """Return a function that starts a run and returns its process."""
    started = []

    def start(config, *options):
        process = subprocess.Popen(
            command.start("run", config, *options, "--results-dir", tmp_path / "results"),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def offspring(tmp_path, monkeypatch):
    """Return a function that lists the processes that runs of this test have started and that still run."""
    monkeypatch.setenv("TOY_NOTES", str(tmp_path))

    def find():
        alive = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("TOY_NOTES") == str(tmp_path)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process.pid)
            except psutil.Error:
                continue
        return alive

    return find


def until(condition, seconds=60.0):
    """Wait for what another process does."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        os.sched_yield()


def test_a_run_killed_at_any_moment_loses_repeats_and_tears_nothing(
    write_config, command, start, stored, offspring, tmp_path
):
    config = write_config("Shift", "Raises", dataset=pairs(6), timing={"warmup": 0})
    moments = random.Random(0)
    path = tmp_path / "results" / "toy" / "records.jsonl"
    size = 0
    for _ in range(4):
        running = start(config, "--keep-failed")
        # In the middle of whatever it does some records later.
        size += moments.randrange(1, 12_000)
        until(lambda: (path.exists() and path.stat().st_size > size) or running.poll() is not None)  # noqa: B023
        running.kill()
        running.wait()
        until(lambda: not offspring())
        assert not list((tmp_path / "results" / "toy" / "tmp").iterdir())
        size = path.stat().st_size
    assert command("run", config, "--keep-failed").returncode == 0
    expected = {
        (run, f"blobs-{n}", status)
        for run, status in (("identity", "ok"), ("shift", "ok"), ("raises", "failed"))
        for n in range(6)
    }
    assert Counter(stored()) == Counter(expected)


@pytest.mark.parametrize("tiny_disk", [32 * 1024], indirect=True)
def test_a_run_whose_disk_is_full_says_so_and_goes_on_once_there_is_room(
    write_config, command, stored, tiny_disk, tmp_path
):
    (tmp_path / "results").symlink_to(tiny_disk)
    figures = {"pairs": ["blobs-0"], "keep_all_up_to": 0}
    config = write_config("Shift", dataset=pairs(12), timing={"warmup": 0}, figures=figures)
    assert command("run", config, "--only", "pair=blobs-0").returncode == 0
    before = stored()
    ballast = tiny_disk / "ballast"
    free = psutil.disk_usage(str(tiny_disk)).free
    ballast.write_bytes(bytes(free - 12 * 1024))
    full = command("run", config)
    assert full.returncode == 2
    assert "records.jsonl: a record cannot be stored: No space left on device" in full.stderr
    assert "Traceback" not in full.stderr
    done = stored()
    assert len(before) <= len(done) < 24
    assert {status for _, _, status in done} == {"ok"}
    ballast.unlink()
    assert command("run", config).returncode == 0
    expected = [(run, f"blobs-{n}", "ok") for run in ("identity", "shift") for n in range(12)]
    assert Counter(stored()) == Counter(expected)


BACKWARD_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static long hours;
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec -= 3600 * (__atomic_add_fetch(&hours, 1, __ATOMIC_RELAXED) % 100000);
    return status;
}
"""


@pytest.fixture
def clock_that_steps_back(tmp_path, monkeypatch):
    """Have the time of day of all programs started from here step back by an hour at each look."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    library = tmp_path / "clock.so"
    options = ["-shared", "-fPIC", "-x", "c", "-", "-o", str(library), "-ldl"]
    subprocess.run([compiler, *options], input=BACKWARD_CLOCK, text=True, check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))


def test_a_clock_that_steps_back_distorts_nothing(
    clock_that_steps_back, write_config, command, stored, tmp_path
):
    runs = [
        {"label": "shift", "backend": "toy:Shift"},
        {"label": "hangs", "backend": "toy:Hangs", "limits": {"timeout_s": 1}},
    ]
    config = write_config(runs=runs, dataset=pairs(2), timing={"warmup": 0})
    begin = datetime.now(UTC)
    assert command("run", config, "--keep-failed", "--only", "pair=blobs-0").returncode == 0
    assert command("run", config, "--keep-failed").returncode == 0
    statuses = {"shift": "ok", "hangs": "timeout"}
    expected = [(run, f"blobs-{n}", status) for run, status in statuses.items() for n in range(2)]
    assert Counter(stored()) == Counter(expected)
    text = (tmp_path / "results" / "toy" / "records.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    started = [datetime.fromisoformat(one["provenance"]["started_utc"]) for one in records]
    assert max(started) < begin - timedelta(hours=1)
    for one in records:
        durations = [one["wall_s"], *one["seconds"].values()]
        assert (1 if one["status"] == "timeout" else 0) <= min(durations) <= max(durations) < 600


def test_a_killed_run_takes_hanging_workers_and_their_children_with_it(
    write_config, start, offspring, tmp_path
):
    notes = tmp_path / "pids"
    notes.mkdir()
    running = start(write_config("HangsWithChildren", limits={"timeout_s": 500}))
    until(lambda: len(list(notes.iterdir())) == 2)
    assert len(offspring()) >= 4
    running.kill()
    until(lambda: not offspring())


def test_a_second_run_in_the_same_folder_is_refused_and_told_of_the_first(
    write_config, command, start, tmp_path
):
    config = write_config("Hangs", limits={"timeout_s": 500})
    first = start(config)
    until((tmp_path / "results" / "toy" / "logs" / "toy.Hangs.log").exists)
    second = command("run", config)
    assert second.returncode == 2
    assert f"process {first.pid} on" in second.stderr
    until(lambda: "Running: hangs" in command("status", config).stdout)
    seen = command("status", tmp_path / "results" / "toy", results=False).stdout
    assert f"process {first.pid} on" in seen
    first.send_signal(signal.SIGINT)
    first.wait()
    after = command("status", config)
    assert "Nobody is at work in " in after.stdout
    assert "Running" not in after.stdout


def test_parts_of_a_run(write_config, command, stored, tmp_path):
    """One story, because every run takes seconds: what would run, what runs, how far it is."""
    config = write_config("Shift", "Raises")
    dry = command("run", config, "--dry-run")
    assert "6 of 6 jobs would run; how long they take is not known." in dry.stdout
    assert not (tmp_path / "results").exists()
    assert "holds no run yet" in command("status", config).stderr

    command("run", config, "--only", "pair=blobs-0")
    once = [("identity", "blobs-0", "ok"), ("shift", "blobs-0", "ok"), ("raises", "blobs-0", "failed")]
    assert Counter(stored()) == Counter(once)

    before = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*") if path.is_file()}
    dry = command("run", config, "--dry-run", "--only", "run=shift")
    assert "1 of 6 jobs would run; it takes about" in dry.stdout
    assert "raises" not in dry.stdout
    shown = command("status", config).stdout
    rows = {cells[1]: cells[3:7] for line in shown.splitlines() if len(cells := line.split("│")) > 7}
    rows = {name.strip(): [cell.strip() for cell in cells] for name, cells in rows.items()}
    assert rows["shift"] == ["2", "1", "0", "1"]
    assert rows["raises"] == ["2", "0", "1", "1"]
    assert "3 jobs have not run yet; they take about" in shown
    after = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert before == after

    command("run", config, "--retry-failed")
    again = [*once, ("raises", "blobs-0", "failed")]
    assert Counter(stored()) == Counter(again)

    command("run", config, "--keep-failed", "--only", "backend=toy:*")
    new = [("shift", "blobs-1", "ok"), ("raises", "blobs-1", "failed")]
    assert Counter(stored()) == Counter([*again, *new])
