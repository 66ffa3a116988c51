"""Locks between real processes."""

import os
import signal
import subprocess
import sys

import pytest

from benchmarks.config_file import ConfigError
from benchmarks.run_lock import Occupancy, held, occupancy
from benchmarks.whole_files import WriteError

HOLD = """
import sys
from pathlib import Path
from benchmarks.run_lock import held

with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.communicate()


def enter(folder):
    with held(folder):
        return occupancy(folder).holder


def test_the_second_is_refused_and_told_of_the_first(tmp_path, other):
    with pytest.raises(ConfigError) as caught:
        enter(tmp_path)
    said = str(caught.value)
    assert str(tmp_path) in said
    assert f"process {other.pid} on {os.uname().nodename}, since 20" in said
    assert occupancy(tmp_path).holder.pid == other.pid


def test_nobody_holds_a_folder_after_its_run(tmp_path, other):
    other.communicate()
    assert occupancy(tmp_path).holder is None
    assert enter(tmp_path).pid == os.getpid()
    assert occupancy(tmp_path).holder is None


def test_a_killed_run_leaves_the_folder_open(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert occupancy(tmp_path).holder is None
    assert enter(tmp_path).pid == os.getpid()


def test_a_folder_that_never_was_used_is_free(tmp_path):
    assert occupancy(tmp_path / "none").holder is None


@pytest.fixture
def read_only(tmp_path):
    """Mount a folder a second time, read-only, as another user or a snapshot of the disk shows it."""
    seen = tmp_path.with_name(f"{tmp_path.name}-seen")
    seen.mkdir()
    done = subprocess.run(["mount", "--bind", "-o", "ro", tmp_path, seen], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"folders cannot be mounted here: {done.stderr.strip()}")
    yield seen
    subprocess.run(["umount", str(seen)], check=True)


def test_who_may_only_read_is_told_what_is_written_there(tmp_path, other, read_only):
    told = occupancy(read_only)
    assert (told.holder.pid, told.certain) == (other.pid, False)
    assert told.caveat == ", as far as can be told without permission to write there"
    other.communicate()
    assert occupancy(read_only) == Occupancy(None, certain=False)
    assert occupancy(tmp_path) == Occupancy(None)
    assert occupancy(tmp_path).caveat == ""


@pytest.mark.parametrize("tiny_disk", [16], indirect=True)
def test_a_full_disk_is_told_with_the_file_and_leaves_the_folder_open(tiny_disk):
    folder = tiny_disk / "toy"
    folder.mkdir()
    (folder / "run.lock").touch()
    with pytest.raises(OSError, match="No space"):
        (tiny_disk / "filling").write_bytes(bytes(1 << 20))
    with pytest.raises(
        WriteError, match=r"toy/run\.holder\.json: cannot be written: No space.*same command again"
    ):
        enter(folder)
    (tiny_disk / "filling").unlink()
    assert enter(folder).pid == os.getpid()


def test_a_place_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "toy").touch()
    with pytest.raises(WriteError, match=r"toy/run\.lock: cannot be written: "):
        enter(tmp_path / "toy")
