"""What the targets of the Makefile do when something that they run does not end well."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
# Notes which config it was asked to run, and ends with the code that the config's name says.
PYTHON = """#!/bin/sh
for argument; do last=$argument; done
echo "$last" >> "$(dirname "$0")/asked"
name=$(basename "$last" .yaml)
exit "${name#ends_with_}"
"""


@pytest.fixture
def make(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(PYTHON)
    (tmp_path / "bin" / "python").chmod(0o755)
    (tmp_path / ".installed").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}

    def run(*protocols):
        done = subprocess.run(
            ["make", "protocols", f"VENV={tmp_path}", f"PROTOCOLS={' '.join(protocols)}"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        asked = (tmp_path / "bin" / "asked").read_text().split()
        return done, [Path(path).stem for path in asked]

    return run


def test_protocols_run_on_after_one_that_fails_and_it_is_told_at_the_end(make):
    done, asked = make("ends_with_0", "ends_with_1", "ends_with_2")
    assert asked == ["ends_with_0", "ends_with_1", "ends_with_2"]
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1].startswith("Not passed: ends_with_1 ends_with_2")


def test_protocols_that_all_pass_succeed(make):
    done, asked = make("ends_with_0")
    assert asked == ["ends_with_0"]
    assert done.returncode == 0
    assert "Not passed" not in done.stdout


def test_an_interruption_ends_all_protocols(make):
    done, asked = make("ends_with_130", "ends_with_0")
    assert asked == ["ends_with_130"]
    assert done.returncode != 0


def test_the_readme_lists_the_protocols_that_are_run():
    (listed,) = re.findall(r"^PROTOCOLS \?= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    section = README.partition("## Published protocols")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == listed.split()


def test_every_protocol_has_a_config():
    (listed,) = re.findall(r"^PROTOCOLS \?= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [name for name in listed.split() if not (ROOT / "configs" / f"{name}.yaml").is_file()] == []
