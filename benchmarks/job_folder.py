"""Where the temporary files of a worker's jobs go, and how they are removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BETWEEN_JOBS = "between-jobs"


class JobFolder:
    """The one folder of temporary files of a worker, which bears the id of the job that runs.

    Making and removing a folder takes longer than a small job. So an empty one is kept from job to job, by another
    name, and replaced by a new one only after a job that left something.

    Parameters
    ----------
    parent : Path
        A folder that belongs to this worker alone.
    """

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._kept = parent / _BETWEEN_JOBS

    @contextmanager
    def of(self, job_id: str) -> Iterator[None]:
        """Confine temporary files, remove all that a job leaves, and undo a change of folder.

        Paths of datasets may be relative to where the run was started, for the next job too.
        """
        folder = self._parent / job_id
        self._begin(folder)
        previous, here = os.environ.get("TMPDIR"), Path.cwd()
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            os.chdir(here)
            tempfile.tempdir = None
            os.environ.pop("TMPDIR", None)
            if previous is not None:
                os.environ["TMPDIR"] = previous
            self._end(folder)

    def _begin(self, folder: Path) -> None:
        # A process that outlived its job for a moment may have written into the kept folder.
        if not _renamed_if_empty(self._kept, folder):
            _remove(self._kept)
            folder.mkdir(parents=True, exist_ok=True)

    def _end(self, folder: Path) -> None:
        if not _renamed_if_empty(folder, self._kept):
            _remove(folder)


def _renamed_if_empty(folder: Path, target: Path) -> bool:
    """Rename a folder with nothing in it; tell whether that came about, whatever others do to it meanwhile."""
    with suppress(OSError), os.scandir(folder) as entries:
        if not folder.is_symlink() and next(entries, None) is None:
            folder.rename(target)
            return True
    return False


def _remove(path: Path) -> None:
    """Remove a folder with all in it, or what a job put in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
