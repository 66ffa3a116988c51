"""fetch, verify and where as a user meets them, and a run that fetches what it needs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from benchmarks.cli import app

ROOT = Path(__file__).parents[2]
NAME = "remote_toy:RemoteToy"


@pytest.fixture
def remote(server, archive, monkeypatch):
    """The dataset's archive at a real address."""
    from remote_toy import RemoteToy

    server.files["/toy.zip"] = archive.read_bytes()
    monkeypatch.setattr(RemoteToy, "url", server.url("/toy.zip"))
    return server


@pytest.fixture
def command(tmp_path):
    def run(*arguments):
        done = CliRunner().invoke(app, [*map(str, arguments), "--data-dir", str(tmp_path / "cache")])
        return done.exit_code, done.stdout, done.stderr

    return run


def test_fetch_verify_and_where_in_turn(command, remote, tmp_path):
    folder = tmp_path / "cache" / "raw" / "remote_toy" / "1"
    code, said, errors = command("fetch", NAME, "--accept-licence")
    assert code == 0, errors
    assert "complete, version 1, 1 pair\n" in said
    assert "toy.zip: 0.0 MB" in errors
    assert command("verify", NAME)[1].startswith(f"{NAME}: 3 files, ")
    assert command("where", NAME)[1].startswith(f"{folder}  3 files, ")
    assert command("fetch", NAME, "--offline")[0] == 0
    assert len(remote.asked) == 1
    image = folder / "images" / "fixed.nii"
    content = bytearray(image.read_bytes())
    content[-5] ^= 1
    image.write_bytes(content)
    code, said, _ = command("verify", NAME)
    assert code == 1
    assert f"{image}: its content has changed" in said
    assert f"fetch {NAME}" in said
    assert command("fetch", NAME)[0] == 0
    assert command("verify", NAME)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fetch", NAME), "terms must be accepted first: Toy terms, https://example.org/terms"),
        (("fetch", NAME, "--accept-licence", "--offline"), "without --offline"),
        (("fetch", NAME, "--accept-licence"), "connect to the network"),
        (("fetch", NAME, "--accept-licence", "--from", ROOT / "configs"), "holds none of the files wanted"),
        (("fetch", NAME, "--set", "sed=1"), "unknown parameter 'sed'"),
        (("fetch", "template4d"), "did you mean 'template3d'"),
        (("fetch", "template2d", "--from", ROOT), "is not fetched from anywhere"),
        (("verify", NAME), f"python -m benchmarks fetch {NAME}"),
        (("where", "ds007328"), "python -m benchmarks fetch ds007328"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(command, arguments, message):
    code, _, errors = command(*arguments)
    assert code == 2
    assert message in errors
    assert errors.count("\n") == 1


def test_a_copy_that_the_user_has_needs_no_network(command, archive):
    code, _, errors = command("fetch", NAME, "--accept-licence", "--offline", "--from", archive)
    assert code == 0, errors


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "remote.yaml"
    runs = [{"label": "identity", "backend": "identity", "track": "reference"}]
    runs.append({"label": "shift", "backend": "toy:Shift"})
    path.write_text(yaml.safe_dump({"name": "remote", "dataset": {"name": NAME}, "runs": runs}))
    return path


def test_a_run_fetches_what_it_needs_or_says_what_to_do(command, config, remote, tmp_path):
    results = ("--results-dir", tmp_path / "results")
    assert command("validate", config)[0] == 0
    code, _, errors = command("run", config, *results)
    assert code == 2
    assert "--accept-licence" in errors
    assert remote.asked == []
    code, _, errors = command("run", config, *results, "--accept-licence")
    assert code == 0, errors
    assert (tmp_path / "results" / "remote" / "records.jsonl").read_text().count('"status":"ok"') == 2
    assert command("run", config, *results, "--offline")[0] == 0
    assert len(remote.asked) == 1


def test_ctrl_c_leaves_a_download_that_the_same_command_continues(command, remote, tmp_path):
    # What stands before a zip archive does not matter, as in one that unpacks itself.
    remote.files["/toy.zip"] = bytes(3_000_000) + remote.files["/toy.zip"]
    remote.stops["/toy.zip"] = [2_000_000]
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "benchmarks",
            "fetch",
            NAME,
            "--accept-licence",
            "--data-dir",
            tmp_path / "cache",
        ],
        cwd=ROOT,
        env={**os.environ, "REMOTE_TOY_URL": remote.url("/toy.zip")},
        stderr=subprocess.PIPE,
        text=True,
    )
    part = tmp_path / "cache" / "raw" / "remote_toy" / "1" / "toy.zip.part"
    while not (part.exists() and part.stat().st_size == 2_000_000) and running.poll() is None:
        os.sched_yield()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert said.endswith("Interrupted. The same command continues where this one stopped.\n")
    assert command("fetch", NAME)[0] == 0
    assert remote.gets("/toy.zip")[-1].byte_range == "bytes=2000000-"


def test_make_fetches_a_dataset():
    # The tests may themselves be run by make, which leaves word to a make below it.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/.installed", "data-ds007328", "FETCH=--offline"],
        cwd=ROOT,
        env=outside,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    assert shown == ".venv/bin/python -m benchmarks fetch ds007328 --offline"
