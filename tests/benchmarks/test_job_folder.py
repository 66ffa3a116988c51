from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from benchmarks.job_folder import JobFolder


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "worker")


def children(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "worker").iterdir())


def test_temporary_files_of_a_job_lie_in_a_folder_named_by_it(folder: JobFolder, tmp_path: Path) -> None:
    outside = tempfile.gettempdir()
    for job_id in ("first", "second"):
        with folder.of(job_id):
            assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path / "worker" / job_id)
            assert children(tmp_path) == [job_id]
            assert list((tmp_path / "worker" / job_id).iterdir()) == []
            Path(tempfile.mkdtemp(), "transform.mat").write_text("left behind")
        assert not (tmp_path / "worker" / job_id).exists()
        assert tempfile.gettempdir() == outside


def test_an_empty_folder_is_kept_for_the_next_job_under_no_jobs_name(
    folder: JobFolder, tmp_path: Path
) -> None:
    with folder.of("first"):
        made = (tmp_path / "worker" / "first").stat().st_ino
    assert "first" not in children(tmp_path)
    with folder.of("second"):
        assert (tmp_path / "worker" / "second").stat().st_ino == made


def test_what_comes_into_the_kept_folder_between_jobs_is_not_seen(folder: JobFolder, tmp_path: Path) -> None:
    with folder.of("first"):
        pass
    (kept,) = (tmp_path / "worker").iterdir()
    (kept / "late").write_text("by a process that outlived its job")
    with folder.of("second"):
        assert children(tmp_path) == ["second"]
        assert list((tmp_path / "worker" / "second").iterdir()) == []


def test_a_folder_that_cannot_be_kept_is_removed(folder: JobFolder, tmp_path: Path) -> None:
    with folder.of("first"):
        pass
    (kept,) = (tmp_path / "worker").iterdir()
    with folder.of("second"):
        kept.mkdir()
        (kept / "in the way").write_text("")
    with folder.of("third"):
        assert children(tmp_path) == ["third"]
        assert list((tmp_path / "worker" / "third").iterdir()) == []


@pytest.mark.parametrize("replaced_by", ["nothing", "file", "link"])
def test_a_job_may_do_to_its_folder_what_it_likes(
    folder: JobFolder, tmp_path: Path, replaced_by: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("stays")
    with folder.of("first"):
        own = tmp_path / "worker" / "first"
        own.rmdir()
        if replaced_by == "file":
            own.write_text("")
        elif replaced_by == "link":
            own.symlink_to(elsewhere)
    with folder.of("second"):
        assert children(tmp_path) == ["second"]
        assert list((tmp_path / "worker" / "second").iterdir()) == []
    assert (elsewhere / "precious").read_text() == "stays"


def test_a_change_of_folder_and_a_failure_are_undone(folder: JobFolder, tmp_path: Path) -> None:
    def stray() -> None:
        os.chdir(os.environ.pop("TMPDIR"))
        raise SystemExit(1)

    here = Path.cwd()
    with pytest.raises(SystemExit), folder.of("first"):
        stray()
    assert Path.cwd() == here
    assert "first" not in children(tmp_path)
