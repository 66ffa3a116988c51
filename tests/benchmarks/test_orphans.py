"""In processes of their own: to adopt orphans is a property of a process for good."""

import subprocess
import sys

import pytest

from benchmarks.fingerprint import ROOT

START = """
import os, signal, subprocess, sys
from benchmarks.orphans import adopt_orphans, children_left
assert adopt_orphans()
assert not children_left()
"""
ORPHAN = (
    START
    + """
code = "import subprocess as s; print(s.Popen(['sleep', '60'], stdout=s.DEVNULL).pid)"
orphan = int(subprocess.check_output([sys.executable, "-c", code]))
"""
)


def run(code):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux hands orphans to another process than the first"
)
class TestOrphans:
    def test_one_that_runs_is_told_of_until_it_ends(self):
        run(
            ORPHAN
            + "assert children_left()\n"
            + "os.kill(orphan, signal.SIGKILL)\n"
            + "os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)\n"
            + "assert not children_left()\n"
        )

    def test_a_child_that_ended_is_none(self):
        run(
            START
            + "child = subprocess.Popen(['true'])\n"
            + "os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)\n"
            + "assert not children_left()\n"
            + "assert child.wait() == 0\n"
        )
