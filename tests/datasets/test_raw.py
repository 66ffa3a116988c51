"""Raw folders: fetched once, complete without a network, mended when damaged."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from filelock import FileLock

from datasets.base import DatasetError, FetchError
from datasets.contents import Contents
from datasets.fetching import FetchRequest, Licence, NoProgress
from datasets.raw import RawFolder
from datasets.transfer import RemoteFile
from datasets.verification import problems

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


@pytest.mark.parametrize("victim", ["toy.zip", "unpacked/toy/S01/image.bin", "manifest.json"])
@pytest.mark.parametrize("damage", ["removed", "torn"])
def test_what_is_missing_or_torn_is_fetched_again(raw, remote, victim, damage):
    raw.obtain(remote, CONTENTS, ALLOWED)
    path = raw.path / victim
    path.unlink() if damage == "removed" else path.write_bytes(path.read_bytes()[:5])
    raw.obtain(remote, CONTENTS, ALLOWED)
    assert unpacked(raw) == FILES


@pytest.mark.parametrize("victim", ["toy.zip", "unpacked/toy/S01/image.bin"])
def test_a_corrupted_byte_is_found_and_mended(raw, remote, victim, tmp_path):
    raw.obtain(remote, CONTENTS, ALLOWED)
    assert list(problems(tmp_path, "toy")) == []
    path = raw.path / victim
    content = bytearray(path.read_bytes())
    content[4] ^= 1
    path.write_bytes(content)
    (problem,) = problems(tmp_path, "toy")
    assert problem.startswith(f"{path}: its content has changed")
    raw.obtain(remote, CONTENTS, THOROUGH)
    assert list(problems(tmp_path, "toy")) == []
    assert unpacked(raw) == FILES


def test_an_archive_that_was_deleted_is_not_fetched_again_for_nothing(raw, remote, server, tmp_path):
    raw.obtain(remote, CONTENTS, ALLOWED)
    (raw.path / "toy.zip").unlink()
    raw.obtain(remote, CONTENTS, THOROUGH)
    assert len(server.asked) == 1
    assert list(problems(tmp_path, "toy")) == []
    (raw.path / "unpacked" / "toy" / "README").write_bytes(b"READ ME")
    raw.obtain(remote, CONTENTS, THOROUGH)
    assert len(server.asked) == 2
    assert unpacked(raw) == FILES


def test_verify_names_what_is_missing_torn_and_hostile(raw, remote, tmp_path):
    raw.obtain(remote, CONTENTS, ALLOWED)
    (raw.path / "toy.zip").unlink()
    (raw.path / "unpacked" / "toy" / "README").write_bytes(b"re")
    manifest = raw.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("unpacked/toy/S01/image.bin", "../../../S01"))
    found = "\n".join(problems(tmp_path, "toy"))
    assert "toy.zip: is missing" in found
    assert "README: has 2 bytes instead of 7" in found
    assert "'../../../S01' leaves the folder" in found
    manifest.write_text("{")
    (problem,) = problems(tmp_path, "toy")
    assert "manifest.json: is damaged" in problem


def test_another_content_at_the_same_address_never_slips_in(raw, remote, server):
    raw.obtain(remote, CONTENTS, ALLOWED)
    (raw.path / "toy.zip").unlink()
    server.files["/toy.zip"] = archive_of({**FILES, "toy/S02/image.bin": b"changed"})
    with pytest.raises(FetchError, match=r"toy\.zip: its sha256 is .* is wanted"):
        raw.download([remote], FetchRequest())
    assert unpacked(raw) == FILES


def test_an_archive_that_the_user_has_is_taken(raw, remote, server, tmp_path):
    (tmp_path / "mine.zip").write_bytes(archive_of(FILES))
    raw.obtain(
        remote, CONTENTS, FetchRequest(accept_licence=True, source=tmp_path / "mine.zip", offline=True)
    )
    assert unpacked(raw) == FILES
    assert server.asked == []
    (raw.path / "unpacked" / "toy" / "README").unlink()
    raw.obtain(remote, CONTENTS, OFFLINE)
    assert unpacked(raw) == FILES


def test_a_folder_that_the_user_has_is_taken_links_followed(raw, remote, server, tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    image = tmp_path / "mine" / "toy" / "S02" / "image.bin"
    image.rename(tmp_path / "elsewhere.bin")
    image.symlink_to(tmp_path / "elsewhere.bin")
    raw.obtain(remote, CONTENTS, FetchRequest(accept_licence=True, source=tmp_path / "mine"))
    assert unpacked(raw) == {name: content for name, content in FILES.items() if name.endswith(".bin")}
    assert not (raw.path / "unpacked" / "toy" / "S02" / "image.bin").is_symlink()
    assert server.asked == []


def test_a_wrong_copy_is_refused_and_a_right_one_taken_after_it(raw, remote, tmp_path):
    def give(source):
        raw.obtain(remote, CONTENTS, FetchRequest(accept_licence=True, source=source))

    wrong = tmp_path / "wrong.zip"
    wrong.write_bytes(archive_of({"other/thing.bin": b"x"}))
    with pytest.raises(FetchError, match=r"is not what it should be: .*subject S02 is missing"):
        give(wrong)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FetchError, match=r"empty: holds none of the files wanted, but no file at all"):
        give(tmp_path / "empty")
    with pytest.raises(FetchError, match=r"nowhere\.zip: No such file"):
        give(tmp_path / "nowhere.zip")
    right = tmp_path / "right.zip"
    right.write_bytes(archive_of(FILES))
    give(right)
    assert unpacked(raw) == FILES
    assert sorted(path.name for path in raw.path.iterdir()) == ["manifest.json", "toy.zip", "unpacked"]


def test_a_hostile_archive_leaves_nothing_and_the_cache_usable(raw, remote, server, tmp_path):
    sound = server.files["/toy.zip"]
    server.files["/toy.zip"] = archive_of({**FILES, "../../evil": b"evil"})
    with pytest.raises(FetchError, match=r"toy\.zip: a member is refused: its name '\.\./\.\./evil'"):
        raw.obtain(remote, CONTENTS, ALLOWED)
    assert [path for path in tmp_path.rglob("*") if path.name in ("evil", "unpacked")] == []
    (tmp_path / "sound.zip").write_bytes(sound)
    raw.obtain(remote, CONTENTS, FetchRequest(source=tmp_path / "sound.zip"))
    assert unpacked(raw) == FILES


@pytest.mark.parametrize("damage", [lambda sound: sound[:-30], lambda sound: archive_of({"other.bin": b"x"})])
def test_a_refused_download_is_asked_for_again_and_may_be_another_then(raw, remote, server, damage):
    sound = server.files["/toy.zip"]
    server.files["/toy.zip"] = damage(sound)
    with pytest.raises(FetchError, match=r"fetch it again, or give a sound copy|Download it again"):
        raw.obtain(remote, CONTENTS, ALLOWED)
    assert not (raw.path / "unpacked").exists()
    server.files["/toy.zip"] = sound
    raw.obtain(remote, CONTENTS, FetchRequest())
    assert unpacked(raw) == FILES


class Told(NoProgress):
    """Keeps what a user is told last."""

    text = ""

    def message(self, text):
        self.text = text


def test_a_copy_that_is_not_needed_is_left_out_aloud(raw, remote, tmp_path):
    told = Told()
    raw.obtain(remote, CONTENTS, ALLOWED)
    (tmp_path / "mine.zip").write_bytes(archive_of({"toy/S02/image.bin": b"other"}))
    raw.obtain(remote, CONTENTS, FetchRequest(source=tmp_path / "mine.zip", progress=told))
    assert told.text.startswith(f"toy: is complete in {raw.path}; {tmp_path / 'mine.zip'} is not needed")
    assert unpacked(raw) == FILES


def test_who_waits_for_another_process_is_told(raw, remote):
    other = FileLock(raw.path.with_name("1.lock"))
    raw.path.parent.mkdir(parents=True)

    class Waiting(Told):
        def message(self, text):
            super().message(text)
            other.release()

    told = Waiting()
    with other:
        raw.obtain(remote, CONTENTS, FetchRequest(accept_licence=True, progress=told))
    assert told.text == f"toy: another process is at work in {raw.path}; waiting for it"
    assert unpacked(raw) == FILES


def test_remains_of_a_killed_process_are_cleared(raw, remote):
    (raw.path / ".making-abc" / "fresh").mkdir(parents=True)
    raw.obtain(remote, CONTENTS, ALLOWED)
    assert not (raw.path / ".making-abc").exists()


@pytest.mark.parametrize("name", ["../other", "/etc/passwd", "a/../../b", ""])
def test_a_name_that_leaves_the_folder_is_refused(raw, server, name):
    server.files["/x"] = b"x"
    with pytest.raises(ValueError, match="its name"):
        raw.download([RemoteFile(server.url("/x"), name)], ALLOWED)


def test_notes_are_kept(raw, remote):
    raw.note("rule", {"chosen": ["a", "b"]})
    raw.obtain(remote, CONTENTS, ALLOWED)
    assert raw.manifest.notes == {"rule": {"chosen": ["a", "b"]}}
    assert raw.digest("unpacked") == RawFolder(raw.path.parents[2], "toy", "1").digest("unpacked")
