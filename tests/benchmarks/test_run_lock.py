"""Locks between real processes."""

import os
import signal
import subprocess
import sys

import pytest

from benchmarks.config_file import ConfigError
from benchmarks.run_lock import held, holder

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
        return holder(folder)


def test_the_second_is_refused_and_told_of_the_first(tmp_path, other):
    with pytest.raises(ConfigError) as caught:
        enter(tmp_path)
    said = str(caught.value)
    assert str(tmp_path) in said
    assert f"process {other.pid} on {os.uname().nodename}, since 20" in said
    assert holder(tmp_path).pid == other.pid


def test_nobody_holds_a_folder_after_its_run(tmp_path, other):
    other.communicate()
    assert holder(tmp_path) is None
    assert enter(tmp_path).pid == os.getpid()
    assert holder(tmp_path) is None


def test_a_killed_run_leaves_the_folder_open(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert holder(tmp_path) is None
    assert enter(tmp_path).pid == os.getpid()


def test_a_folder_that_never_was_used_is_free(tmp_path):
    assert holder(tmp_path / "none") is None
