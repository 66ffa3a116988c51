"""Downloads over real lines: broken, resumed, changed meanwhile, and onto a disk that is full."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from datasets.base import FetchError
from datasets.fetching import NoProgress
from datasets.transfer import RemoteFile, download

CONTENT = random.Random(0).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Shown:
    """Keeps what a progress bar would show."""

    def __init__(self) -> None:
        self.transfers: list[list[int | None]] = []

    @contextmanager
    def transfer(
        self, name: str, done_bytes: int, total_bytes: int | None
    ) -> Iterator[Callable[[int], None]]:
        shown: list[int | None] = [done_bytes, total_bytes]
        self.transfers.append(shown)

        def advance(piece_bytes: int) -> None:
            assert shown[0] is not None
            shown[0] += piece_bytes

        yield advance

    def message(self, text: str) -> None:
        raise AssertionError(text)


def remote(server, **known):
    server.files.setdefault("/set.zip", CONTENT)
    return RemoteFile(server.url("/set.zip"), "set.zip", **known)


def interrupt(server, folder):
    """Leave about a third of the file, as a process does that gives up."""
    server.cuts["/set.zip"] = [1_000_000]
    server.statuses["/set.zip"] = [200, 404]
    with pytest.raises(FetchError, match="HTTP 404"):
        download(remote(server), folder / "set.zip", NoProgress())


def test_a_file_arrives_whole_and_nothing_is_left_beside_it(server, tmp_path):
    shown = Shown()
    assert download(remote(server), tmp_path / "set.zip", shown) == SHA256
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]
    assert shown.transfers == [[3_000_000, 3_000_000]]


def test_a_broken_line_is_continued_where_it_broke(server, tmp_path):
    server.cuts["/set.zip"] = [1_000_000, 500_000]
    download(remote(server), tmp_path / "set.zip", NoProgress())
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    asked = [one.byte_range for one in server.gets("/set.zip")]
    assert asked[0] is None
    starts = [int(text.removeprefix("bytes=").removesuffix("-")) for text in asked[1:]]
    assert 0 < starts[0] <= 1_000_000 < starts[1] <= 1_500_000


def test_what_an_earlier_process_left_is_continued(server, tmp_path):
    interrupt(server, tmp_path)
    assert not (tmp_path / "set.zip").exists()
    left = (tmp_path / "set.zip.part").stat().st_size
    assert 0 < left <= 1_000_000
    server.asked.clear()
    shown = Shown()
    download(remote(server), tmp_path / "set.zip", shown)
    assert [one.byte_range for one in server.gets("/set.zip")] == [f"bytes={left}-"]
    assert shown.transfers == [[3_000_000, 3_000_000]]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_two_halves_of_different_files_are_never_joined(server, tmp_path, heeds_if_range):
    server.heeds_if_range = heeds_if_range
    interrupt(server, tmp_path)
    server.files["/set.zip"] = CONTENT[::-1]
    download(remote(server), tmp_path / "set.zip", NoProgress())
    assert (tmp_path / "set.zip").read_bytes() == CONTENT[::-1]


def test_without_a_validator_the_hash_decides(server, tmp_path):
    server.etags = False
    server.cuts["/set.zip"] = [1_000_000]
    download(remote(server, sha256=SHA256), tmp_path / "set.zip", NoProgress())
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert server.gets("/set.zip")[1].byte_range is not None


def test_without_a_validator_and_a_hash_it_starts_again(server, tmp_path):
    server.etags = False
    server.cuts["/set.zip"] = [1_000_000]
    download(remote(server), tmp_path / "set.zip", NoProgress())
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert [one.byte_range for one in server.gets("/set.zip")] == [None, None]


def test_a_server_that_knows_no_ranges_is_asked_for_all(server, tmp_path):
    server.ranges = False
    server.cuts["/set.zip"] = [1_000_000]
    download(remote(server), tmp_path / "set.zip", NoProgress())
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_partial_file_longer_than_the_file_is_thrown_away(server, tmp_path):
    interrupt(server, tmp_path)
    (tmp_path / "set.zip.part").write_bytes(CONTENT + b"more")
    download(remote(server), tmp_path / "set.zip", NoProgress())
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_line_that_breaks_again_and_again_says_that_it_can_be_continued(server, tmp_path):
    server.cuts["/set.zip"] = [1_000_000, 0, 0, 0, 0]
    with pytest.raises(FetchError, match=r"set\.zip: broken off after \d+ bytes.*it continues there"):
        download(remote(server), tmp_path / "set.zip", NoProgress())
    assert (tmp_path / "set.zip.part").stat().st_size > 0


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.statuses["/set.zip"] = [503, 429]
    download(remote(server), tmp_path / "set.zip", NoProgress())
    assert len(server.gets("/set.zip")) == 3


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"sha256": "0" * 64}, rf"sha256 is {SHA256}, 0+ is wanted"),
        ({"bytes": 17}, "is 3000000 bytes there, 17 are wanted"),
    ],
)
def test_another_file_than_wanted_is_refused(server, tmp_path, known, message):
    with pytest.raises(FetchError, match=message):
        download(remote(server, **known), tmp_path / "set.zip", NoProgress())
    assert not (tmp_path / "set.zip").exists()


def test_a_login_page_is_not_taken_for_the_file(server, tmp_path):
    server.types["/set.zip"] = "text/html; charset=utf-8"
    with pytest.raises(FetchError, match=r"web page.*login.*--from"):
        download(remote(server), tmp_path / "set.zip", NoProgress())


def test_an_address_that_is_gone_names_the_way_out(server, tmp_path):
    with pytest.raises(FetchError, match=r"/gone\.zip: HTTP 404 Not Found.*--from"):
        download(RemoteFile(server.url("/gone.zip"), "gone.zip"), tmp_path / "gone.zip", NoProgress())


def test_without_a_network_one_sentence_says_so(tmp_path):
    with pytest.raises(FetchError, match=r"cannot be reached.*network.*--from"):
        download(RemoteFile("http://127.0.0.1:1/set.zip", "set.zip"), tmp_path / "set.zip", NoProgress())
