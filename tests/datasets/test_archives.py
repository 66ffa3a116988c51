"""Archives as they come, torn, hostile and sound."""

from __future__ import annotations

import gzip
import io
import random
import stat
import tarfile
import zipfile

import pytest

from datasets.archives import ArchiveError, Limits, unpack

FILES = {"set/a.txt": b"alpha", "set/sub/b.bin": bytes(range(256)) * 10}
NOISE = random.Random(1).randbytes(100_000)


def zip_of(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(files, mode="w", *special, form=tarfile.DEFAULT_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in special:
            archive.addfile(member)
    return buffer.getvalue()


def before_posix(content):
    """Blank the magic number of every header, which the oldest tar archives lack."""
    altered = bytearray(content)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        headers = [member.offset for member in archive]
    for at in headers:
        altered[at + 257 : at + 512] = bytes(255)
        altered[at + 148 : at + 156] = b" " * 8
        altered[at + 148 : at + 156] = b"%06o\0 " % sum(altered[at : at + 512])
    return bytes(altered)


def special(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zip_link(name, target):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo(name)
        member.create_system = 3
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, target)
    return buffer.getvalue()


@pytest.fixture
def unpacked(tmp_path):
    def run(content, limits=None):
        archive = tmp_path / "set.archive"
        archive.write_bytes(content)
        folder = tmp_path / "below" / "folder"
        folder.mkdir(parents=True)
        unpack(archive, folder, *([limits] if limits else []))
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    return run


@pytest.mark.parametrize(
    "content",
    [
        zip_of(FILES),
        tar_of(FILES),
        tar_of(FILES, "w:gz"),
        tar_of(FILES, "w:xz"),
        tar_of({f"./{n}": c for n, c in FILES.items()}),
    ],
    ids=["zip", "tar", "gzip", "xz", "dotted"],
)
def test_archives_of_all_kinds_are_told_by_their_content(unpacked, content):
    assert unpacked(content) == FILES


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_what_macos_adds_is_left_out(unpacked, pack):
    added = {"__MACOSX/set/._a.txt": b"fork", "set/._b.zip": b"fork", "__MACOSX/set/sub/._c.zip": b"fork"}
    assert unpacked(pack(FILES | added)) == FILES


def test_an_archive_in_an_archive_is_replaced_by_what_it_holds(unpacked):
    inner = zip_of({"inner/x.txt": b"x", "deeper.zip": zip_of({"y.txt": b"y"})})
    assert set(unpacked(zip_of({"terms.txt": b"t", "folder/inner.zip": inner}))) == {
        "terms.txt",
        "folder/inner/x.txt",
        "folder/deeper.zip",
    }


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, "old"])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_archive_that_ends_in_a_zip_archive_is_no_zip_archive(unpacked, form, mode):
    inner = zip_of({"labels.txt": b"labels"})
    content = tar_of({**FILES, "labels.zip": inner}, form=tarfile.USTAR_FORMAT if form == "old" else form)
    if form == "old":
        content = before_posix(content)
    if mode == "w:gz":
        content = gzip.compress(content)
    assert unpacked(content) == {**FILES, "labels.txt": b"labels"}


@pytest.mark.parametrize(
    "before",
    [b"", b"#!/bin/sh\n" * 100, bytes(10_240)],
    ids=["plain", "self-extracting", "behind zeros"],
)
def test_a_zip_archive_that_holds_a_tar_archive_is_no_tar_archive(unpacked, before):
    buffer = io.BytesIO(before)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("set.tar", tar_of(FILES))
    assert unpacked(buffer.getvalue()) == {"set.tar": tar_of(FILES)}


def test_a_zip_archive_with_the_mark_of_a_tar_archive_in_its_place_is_a_zip_archive(unpacked):
    files = {"a": bytes(257 - 31) + b"ustar\x0000" + bytes(300)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", files["a"])
    assert buffer.getvalue()[257:262] == b"ustar"
    assert unpacked(buffer.getvalue()) == files


ESCAPES = [
    "../evil.txt",
    "set/../../evil.txt",
    "/tmp/evil.txt",
    "C:\\evil.txt",
    "set\\..\\..\\evil.txt",
    "a\nb",
]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_a_member_that_would_leave_the_folder_is_refused(unpacked, tmp_path, pack, name):
    with pytest.raises(
        ArchiveError, match=r"set\.archive: a member is refused: its name .*get it from its source"
    ):
        unpacked(pack({"set/a.txt": b"a", name: b"evil"}))
    assert [path for path in tmp_path.rglob("*") if "evil" in path.name] == []


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (tar_of(FILES, "w", special("set/link", tarfile.SYMTYPE, "/etc/passwd")), "set/link"),
        (tar_of(FILES, "w", special("set/hard", tarfile.LNKTYPE, "set/a.txt")), "set/hard"),
        (tar_of(FILES, "w", special("set/dev", tarfile.CHRTYPE)), "set/dev"),
        (tar_of(FILES, "w", special("set/pipe", tarfile.FIFOTYPE)), "set/pipe"),
        (zip_link("set/link", "/etc/passwd"), "set/link"),
        (zip_of({"inner.zip": zip_link("set/link", "/etc/passwd")}), "set/link"),
    ],
    ids=["symlink", "hardlink", "device", "pipe", "zip", "nested"],
)
def test_links_and_devices_are_refused(unpacked, content, name):
    with pytest.raises(ArchiveError, match=rf"set\.archive.*{name} is a link or a device"):
        unpacked(content)


def test_a_member_through_a_file_is_refused(unpacked):
    with pytest.raises(ArchiveError, match=r"set/a/b is there twice, as another file or folder"):
        unpacked(tar_of({"set/a": b"file", "set/a/b": b"below it"}))


def test_a_member_given_twice_is_refused(unpacked):
    content = zip_of({"a": b"1", "b": b"2"}).replace(b"b", b"a")
    with pytest.raises(ArchiveError, match="a is there twice"):
        unpacked(content)


@pytest.mark.parametrize("name", ["set/a", "set/a/b"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_folder_in_the_place_of_a_file_is_refused(unpacked, kind, name):
    if kind == "zip":
        content = zip_of({"set/a": b"file", f"{name}/": b""})
    else:
        content = tar_of({"set/a": b"file"}, "w", special(name, tarfile.DIRTYPE))
    with pytest.raises(
        ArchiveError, match=rf"set\.archive: {name}/? is there twice, as another file or folder"
    ):
        unpacked(content)


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_a_folder_under_the_name_of_a_zip_archive_is_refused(unpacked, pack):
    with pytest.raises(ArchiveError, match=r"set\.archive: set/x\.zip is a folder .*--from FOLDER"):
        unpacked(pack({"set/x.zip/a.txt": b"a"}))


def test_a_bomb_is_stopped_by_what_comes_out_not_by_what_it_says(unpacked, tmp_path):
    bomb = zip_of({"inner.zip": zip_of({"zeros": bytes(50_000_000)})})
    limits = Limits(ratio=10, free_bytes=1_000_000)
    with pytest.raises(ArchiveError, match="bomb"):
        unpacked(bomb, limits)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 5_000_000


def test_a_crowd_of_members_is_stopped(unpacked):
    with pytest.raises(ArchiveError, match="bomb"):
        unpacked(zip_of({str(n): b"" for n in range(20)}), Limits(members=10))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zip_of({"zeros.bin": bytes(range(256)) * 400})[:200], "neither a zip nor a tar"),
        (tar_of({"data.bin": bytes(100_000)})[:20_000], "damaged"),
        (tar_of({"data.bin": NOISE}, "w:gz")[:50_000], "damaged"),
        (tar_of({"data.bin": NOISE}, "w:xz")[:50_000], "damaged"),
        (b"<!doctype html><title>Please log in</title>", "neither a zip nor a tar.*web page.*--from"),
        (bytes(20_000), "damaged|holds no file"),
        (b"", "neither a zip nor a tar"),
    ],
    ids=["zip", "tar", "gzip", "xz", "page", "zeros", "empty"],
)
def test_a_torn_archive_is_refused_with_the_way_out(unpacked, content, message):
    with pytest.raises(ArchiveError, match=rf"set\.archive: (is )?({message})"):
        unpacked(content)


THREE = tar_of({name: bytes(1000) for name in ("a.bin", "b.bin", "c.bin")})
SECOND = 512 + 1024  # where the header of b.bin begins


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    "content",
    [
        THREE[:SECOND],
        THREE[: SECOND + 100],
        THREE[: 3 * SECOND],
        THREE[:SECOND] + b"\1" + THREE[SECOND + 1 :],
    ],
    ids=["before a header", "inside a header", "before the end", "another byte"],
)
def test_a_tar_archive_that_breaks_at_a_header_is_not_taken_for_a_shorter_one(unpacked, content, pack):
    with pytest.raises(ArchiveError, match=r"damaged \(no member and no end .* at byte \d+\).*--from"):
        unpacked(pack(content))


@pytest.mark.parametrize("content", [zip_of({"data.bin": NOISE}), tar_of({"data.bin": NOISE}, "w:gz")])
def test_a_corrupted_byte_is_found_by_the_checksum(unpacked, content):
    altered = bytearray(content)
    altered[60_000] ^= 0xFF
    with pytest.raises(ArchiveError, match="is damaged"):
        unpacked(bytes(altered))


def test_an_encrypted_archive_says_so(unpacked):
    content = bytearray(zip_of({"a": b"secret"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + offset] |= 1
    with pytest.raises(ArchiveError, match=r"a is encrypted.*--from FOLDER"):
        unpacked(bytes(content))
