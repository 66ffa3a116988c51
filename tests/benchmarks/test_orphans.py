"""In processes of their own: to adopt orphans is a property of a process for good."""

import subprocess
import sys

import pytest

from benchmarks.fingerprint import ROOT

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux hands orphans to another process than the first"
)

START = """
import os, signal, subprocess, sys
from benchmarks.orphans import adopt_orphans, children_left
assert adopt_orphans()
assert not children_left()
"""


def run(code):
    subprocess.run([sys.executable, "-c", START + code], check=True, cwd=ROOT, timeout=60)


def test_an_orphan_is_told_of_until_it_ends():
    run("""
code = "import subprocess as s; print(s.Popen(['sleep', '60'], stdout=s.DEVNULL).pid)"
orphan = int(subprocess.check_output([sys.executable, "-c", code]))
assert children_left()
os.kill(orphan, signal.SIGKILL)
os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
assert not children_left()
""")


def test_a_child_that_ended_is_not_left():
    run("""
child = subprocess.Popen(['true'])
os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
assert not children_left()
assert child.wait() == 0
""")
