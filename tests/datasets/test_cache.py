from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from datasets.base import DatasetError
from datasets.cache import CacheError, DerivedFolder


class Build:
    """Counts how often it is asked; writes two files."""

    def __init__(self, fail: bool = False) -> None:
        self.calls = 0
        self.fail = fail

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "a").mkdir()
        (folder / "a" / "x.bin").write_bytes(b"123456")
        if self.fail:
            raise OSError("no space left on device")
        (folder / "b").mkdir()
        (folder / "b" / "y.bin").write_bytes(b"abc")


def derived(root: Path, build: Build) -> DerivedFolder:
    return DerivedFolder(root / "derived" / "set" / "0123", {"seed": "0"}, build)


def test_folder_is_made_once_with_a_manifest(tmp_path: Path) -> None:
    build = Build()
    folder = derived(tmp_path, build)
    assert folder.ensure() == folder.path
    folder.ensure()
    derived(tmp_path, build).ensure()
    assert build.calls == 1
    manifest = json.loads((folder.path / "manifest.json").read_text())
    assert manifest["recipe"] == {"seed": "0"}
    assert manifest["files"]["a/x.bin"] == {
        "bytes": 6,
        "sha256": "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92",
    }


@pytest.mark.parametrize(
    ("victim", "content"),
    [
        ("a/x.bin", b"123457"),
        ("a/x.bin", b"123"),
        ("a/x.bin", None),
        ("manifest.json", b"{"),
        ("manifest.json", b"[]"),
        ("manifest.json", None),
    ],
)
def test_damage_is_mended_when_read(tmp_path: Path, victim: str, content: bytes | None) -> None:
    build = Build()
    folder = derived(tmp_path, build)
    folder.ensure()
    path = folder.path / victim
    path.unlink() if content is None else path.write_bytes(content)
    assert (folder.checked("a") / "x.bin").read_bytes() == b"123456"
    assert build.calls == 2
    assert [p.name for p in folder.path.parent.iterdir() if p.name.startswith(".making")] == []


def test_damage_elsewhere_is_not_looked_for(tmp_path: Path) -> None:
    build = Build()
    folder = derived(tmp_path, build)
    folder.ensure()
    (folder.path / "b" / "y.bin").write_bytes(b"abd")
    folder.checked("a")
    assert build.calls == 1


def test_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = derived(tmp_path, Build(fail=True))
    with pytest.raises(DatasetError, match=r"set/0123: no space"):
        folder.ensure()
    assert [p.name for p in folder.path.parent.iterdir() if p.suffix != ".lock"] == []


def test_remains_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    folder = derived(tmp_path, Build())
    remains = folder.path.parent / ".making-0123-abcd"
    (remains / "fresh").mkdir(parents=True)
    folder.ensure()
    assert not remains.exists()


def test_unknown_subfolder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="damaged"):
        derived(tmp_path, Build()).checked("no-such-folder")


def test_two_processes_at_once_build_once(tmp_path: Path, checkout: Path) -> None:
    """Each process waits for the other before it asks, so that both find the folder missing."""
    script = f"""
import os, sys
from pathlib import Path
from datasets.cache import DerivedFolder

root, me, other = Path({str(tmp_path)!r}), *sys.argv[1:]

def build(folder):
    with (root / "log").open("a") as log:
        log.write(me)
    (folder / "a").mkdir()
    (folder / "a" / "x.bin").write_bytes(os.urandom(1 << 22))

(root / me).touch()
while not (root / other).exists():
    pass
folder = DerivedFolder(root / "set" / "hash", {{}}, build)
print((folder.checked("a") / "x.bin").read_bytes()[:32].hex())
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, me, other], cwd=checkout, stdout=subprocess.PIPE, text=True
        )
        for me, other in (("one", "two"), ("two", "one"))
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0] == outputs[1] != ""
    assert (tmp_path / "log").read_text() in ("one", "two")
