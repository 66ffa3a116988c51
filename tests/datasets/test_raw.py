"""Raw folders: fetched once, complete without a network, mended when damaged."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from datasets.base import DatasetError, FetchError
from datasets.contents import Contents
from datasets.fetching import FetchRequest, Licence
from datasets.raw import RawFolder
from datasets.transfer import RemoteFile

TERMS = Licence("Terms of the toy set", "https://example.org/terms")
ALLOWED = FetchRequest(accept_licence=True)
OFFLINE = FetchRequest(offline=True)
THOROUGH = FetchRequest(check_hashes=True)
FILES = {"toy/S01/image.bin": b"first image", "toy/S02/image.bin": b"second image", "toy/README": b"read me"}


def archive_of(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def check(folder):
    if not list(folder.rglob("S02/image.bin")):
        raise DatasetError(f"{folder.name}: subject S02 is missing")


CONTENTS = Contents("unpacked", lambda name: name.endswith(".bin"), check)


@pytest.fixture
def remote(server):
    server.files["/toy.zip"] = archive_of(FILES)
    return RemoteFile(server.url("/toy.zip"), "toy.zip")


@pytest.fixture
def raw(tmp_path):
    return RawFolder(tmp_path, "toy", "1", TERMS)


def unpacked(raw):
    folder = raw.path / "unpacked"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_an_archive_is_fetched_once_with_its_manifest(raw, remote, server):
    assert raw.obtain(remote, CONTENTS, ALLOWED) == raw.path / "unpacked"
    assert unpacked(raw) == FILES
    asked = len(server.asked)
    raw.obtain(remote, CONTENTS, ALLOWED)
    raw.obtain(remote, CONTENTS, OFFLINE)
    assert len(server.asked) == asked == 1
    manifest = json.loads((raw.path / "manifest.json").read_text())
    assert manifest["licence"]["name"] == TERMS.name
    assert manifest["files"]["toy.zip"]["origin"] == remote.url
    assert manifest["files"]["unpacked/toy/README"]["bytes"] == 7
    assert sorted(path.name for path in raw.path.iterdir()) == ["manifest.json", "toy.zip", "unpacked"]


def test_the_licence_must_be_accepted_once(raw, remote, server):
    with pytest.raises(
        FetchError, match=r"toy: .*Terms of the toy set, https://example.org/terms.*--accept-licence"
    ):
        raw.obtain(remote, CONTENTS, FetchRequest())
    assert server.asked == []
    raw.obtain(remote, CONTENTS, ALLOWED)
    (raw.path / "toy.zip").unlink()
    (raw.path / "unpacked" / "toy" / "README").unlink()
    raw.obtain(remote, CONTENTS, FetchRequest())
    assert unpacked(raw) == FILES


def test_offline_names_what_is_missing_and_the_way_out(raw, remote, server):
    request = FetchRequest(accept_licence=True, offline=True)
    with pytest.raises(FetchError, match=r"/toy\.zip is not in .*toy/1.*without --offline.*--from"):
        raw.obtain(remote, CONTENTS, request)
    assert server.asked == []
