import pytest

from benchmarks.whole_files import WriteError, write_whole


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "deep" / "file.json"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("tiny_disk", [64], indirect=True)
def test_a_file_that_does_not_fit_leaves_the_old_one(tiny_disk):
    path = tiny_disk / "file.json"
    write_whole(path, b"old")
    with pytest.raises(
        WriteError, match=r"disk/file\.json: cannot be written: No space .*same command again"
    ):
        write_whole(path, bytes(1 << 20))
    assert path.read_bytes() == b"old"
    assert list(tiny_disk.iterdir()) == [path]
