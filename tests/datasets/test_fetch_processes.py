"""Fetching by real processes: two at once, killed in the middle, and on disks that are really full."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import subprocess
import sys
import zipfile

import pytest

from datasets.base import FetchError
from datasets.fetching import FetchRequest, Licence
from datasets.raw import RawFolder

MEGABYTE = 1 << 20
CONTENT = random.Random(2).randbytes(4 * MEGABYTE)

OBTAIN = """
import resource, sys
from pathlib import Path
from datasets.base import DatasetError
from datasets.contents import Contents
from datasets.fetching import FetchRequest
from datasets.raw import RawFolder
from datasets.transfer import RemoteFile

root, url, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
if me := sys.argv[4:]:
    Path(me[0]).touch()
    while not Path(me[1]).exists():
        pass
contents = Contents("unpacked", lambda name: True, lambda folder: None)
try:
    RawFolder(root, "toy", "1").obtain(RemoteFile(url, "toy.zip"), contents, FetchRequest())
except DatasetError as error:
    sys.exit(f"error: {error}")
"""

DS007328 = """
import resource, sys
from pathlib import Path
from datasets.base import DatasetError
from datasets.ds007328 import Ds007328, Ds007328Params
from datasets.fetching import FetchRequest

class Local(Ds007328):
    graphql_url = sys.argv[2]

if limit := int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    Local(Ds007328Params(), Path(sys.argv[1])).fetch(FetchRequest())
except DatasetError as error:
    sys.exit(f"error: {error}")
"""


LPBA40 = """
import sys
from pathlib import Path
from datasets.base import DatasetError
from datasets.fetching import FetchRequest
from datasets.lpba40 import Lpba40, Lpba40Params

data = Lpba40(Lpba40Params(), Path(sys.argv[1]))
try:
    data.fetch(FetchRequest(accept_licence=True, source=Path(sys.argv[2]) if sys.argv[2:] else None))
    data.load("S01-S02")
except DatasetError as error:
    sys.exit(f"error: {error}")
"""

DERIVE = """
import resource, sys
from pathlib import Path
import SimpleITK as sitk
from datasets.base import DatasetError
from datasets.cache import DerivedFolder
from datasets.disk import write_image, write_transform

def build(folder):
    if sys.argv[2] == "transform.h5":
        write_transform(sitk.TranslationTransform(3), folder / sys.argv[2])
    else:
        write_image(sitk.GaussianSource(sitk.sitkFloat64, [64, 64, 64]), folder / sys.argv[2])

if limit := int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    DerivedFolder(Path(sys.argv[1], "set", "hash"), {}, build).ensure()
except DatasetError as error:
    sys.exit(f"error: {error}")
"""


@pytest.fixture
def url(server):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("toy/image.bin", CONTENT)
    server.files["/toy.zip"] = buffer.getvalue()
    return server.url("/toy.zip")


@pytest.fixture
def start(checkout):
    running = []

    def run(script, *arguments):
        command = [sys.executable, "-c", script, *map(str, arguments)]
        process = subprocess.Popen(command, cwd=checkout, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()
        process.stderr.close()


def finish(process):
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def fill(disk, leave_bytes):
    """Take what is left of a disk."""
    other = disk / "other"
    other.write_bytes(bytes(shutil.disk_usage(disk).free - leave_bytes))


def wait_for(path, size_bytes, process):
    """Let time pass until a file has grown to a size."""
    while not (path.is_file() and path.stat().st_size >= size_bytes):
        assert process.poll() is None, process.communicate()
        os.sched_yield()


def image(root):
    return (root / "raw" / "toy" / "1" / "unpacked" / "toy" / "image.bin").read_bytes()


def test_two_processes_at_once_download_once(start, server, url, tmp_path):
    """Each waits for the other before it asks, so that both find the folder missing."""
    one, two = tmp_path / "one", tmp_path / "two"
    processes = [start(OBTAIN, tmp_path, url, 0, *marks) for marks in ((one, two), (two, one))]
    assert [finish(process) for process in processes] == [(0, ""), (0, "")]
    assert len(server.gets("/toy.zip")) == 1
    assert image(tmp_path) == CONTENT


def test_a_fetch_that_was_killed_is_continued(start, server, url, tmp_path):
    server.stops["/toy.zip"] = [2 * MEGABYTE]
    folder = tmp_path / "raw" / "toy" / "1"
    killed = start(OBTAIN, tmp_path, url, 0)
    wait_for(folder / "toy.zip.part", 2 * MEGABYTE, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (folder / "toy.zip").exists()
    assert finish(start(OBTAIN, tmp_path, url, 0)) == (0, "")
    assert [one.byte_range for one in server.gets("/toy.zip")] == [None, f"bytes={2 * MEGABYTE}-"]
    assert image(tmp_path) == CONTENT
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "toy.zip", "unpacked"]


@pytest.mark.parametrize("limit", [MEGABYTE, len(CONTENT)], ids=["download", "extraction"])
def test_a_quota_that_is_reached_loses_nothing(start, server, url, tmp_path, limit):
    code, said = finish(start(OBTAIN, tmp_path, url, limit - 1))
    assert code == 1
    assert said.startswith(f"error: {tmp_path / 'raw' / 'toy' / '1' / 'toy.zip.part'}: the disk is full")
    assert said.count("\n") == 1
    assert finish(start(OBTAIN, tmp_path, url, 0)) == (0, "")
    assert image(tmp_path) == CONTENT
    second = server.gets("/toy.zip")[1].byte_range
    assert second == f"bytes={limit - 1}-"


@pytest.mark.parametrize("name", ["image.mha", "image.nii.gz", "transform.h5"])
def test_what_is_derived_at_a_quota_is_made_whole_or_not_at_all(start, tmp_path, name):
    code, said = finish(start(DERIVE, tmp_path, name, 3000))
    assert code == 1
    message = said.splitlines()[-1]
    assert message.startswith(f"error: {tmp_path / 'set' / 'hash'}: ")
    assert "full" in message
    assert "make room, then give the same command again" in message
    assert [path.name for path in (tmp_path / "set").iterdir() if path.suffix != ".lock"] == []
    assert finish(start(DERIVE, tmp_path, name, 0)) == (0, "")
    assert (tmp_path / "set" / "hash" / name).stat().st_size > 3000


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_fills_while_unpacking_keeps_the_archive(start, server, url, small_disk):
    code, said = finish(start(OBTAIN, small_disk, url, 0))
    assert code == 1
    assert f"{small_disk / 'raw' / 'toy' / '1' / 'unpacked'}: the disk is full" in said
    folder = small_disk / "raw" / "toy" / "1"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "toy.zip"]
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    assert finish(start(OBTAIN, small_disk, url, 0)) == (0, "")
    assert image(small_disk) == CONTENT
    assert len(server.gets("/toy.zip")) == 1


def test_a_disk_that_is_too_small_is_told_before_anything_comes(start, url, small_disk):
    (small_disk / "other").write_bytes(bytes(3 * MEGABYTE))
    code, said = finish(start(OBTAIN, small_disk, url, 0))
    assert code == 1
    assert "4.2 MB are still to come, the disk has 3." in said
    assert "--data-dir" in said


def test_a_disk_without_room_for_a_line_says_so(small_disk, tmp_path):
    (tmp_path / "toy.zip").write_bytes(b"anything")
    fill(small_disk, leave_bytes=0)
    raw = RawFolder(small_disk, "toy", "1", Licence("Terms", "https://example.org"))
    with pytest.raises(FetchError, match=r"raw/toy/1: the disk is full .*same command again"):
        raw.adopt(tmp_path / "toy.zip", "toy.zip", FetchRequest(accept_licence=True))


def test_a_conversion_on_a_full_disk_keeps_what_was_fetched(start, lpba40_archive, small_disk):
    assert finish(start(LPBA40, small_disk, lpba40_archive)) == (0, "")
    shutil.rmtree(small_disk / "derived")
    fill(small_disk, leave_bytes=400_000)
    code, said = finish(start(LPBA40, small_disk))
    assert code == 1
    assert said.startswith(f"error: {small_disk / 'derived' / 'lpba40'}")
    assert "make room, then give the same command again" in said
    assert said.count("\n") == 1
    assert [path.suffix for path in (small_disk / "derived" / "lpba40").iterdir()] == [".lock"]
    (small_disk / "other").unlink()
    assert finish(start(LPBA40, small_disk)) == (0, "")


def test_ds007328_continues_after_a_kill(start, openneuro, ds007328_files, tmp_path):
    name = "sub-001/ses-2024120701/anat/sub-001_ses-2024120701_T1w.nii.gz"
    path, half = openneuro.path("1.0.1", name), len(ds007328_files[name]) // 2
    openneuro.server.stops[path] = [half]
    folder = tmp_path / "raw" / "ds007328" / "1.0.1"
    killed = start(DS007328, tmp_path, openneuro.graphql_url, 0)
    # What openneuro-py has not yet handed to the system is not in the file.
    wait_for(folder / ".download" / name, half // 2, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (folder / "bids").exists()
    assert finish(start(DS007328, tmp_path, openneuro.graphql_url, 0)) == (0, "")
    assert (folder / "bids" / name).read_bytes() == ds007328_files[name]
    first, second = (one.byte_range for one in openneuro.server.gets(path))
    assert first is None
    assert half // 2 <= int(second.removeprefix("bytes=").removesuffix("-")) <= half


def test_ds007328_at_a_quota_loses_nothing(start, openneuro, ds007328_files, tmp_path):
    largest = max(map(len, ds007328_files.values()))
    code, said = finish(start(DS007328, tmp_path, openneuro.graphql_url, largest // 2))
    assert code == 1
    assert ".download: the disk is full or a quota is reached" in said
    assert said.count("\n") == 1
    assert finish(start(DS007328, tmp_path, openneuro.graphql_url, 0)) == (0, "")
    assert (tmp_path / "raw" / "ds007328" / "1.0.1" / "bids").is_dir()


def test_ds007328_on_a_full_disk_loses_nothing(start, openneuro, ds007328_files, small_disk):
    files = [content for name, content in ds007328_files.items() if name.endswith("nii.gz")]
    fill(small_disk, leave_bytes=max(map(len, files)) + 200_000)
    code, said = finish(start(DS007328, small_disk, openneuro.graphql_url, 0))
    assert code == 1
    assert ".download: the disk is full" in said
    assert said.count("\n") == 1
    (small_disk / "other").unlink()
    assert finish(start(DS007328, small_disk, openneuro.graphql_url, 0)) == (0, "")
    assert (small_disk / "raw" / "ds007328" / "1.0.1" / "bids").is_dir()
