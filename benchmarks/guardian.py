"""Outlives the process that runs a benchmark by a moment, to end its workers when it was killed.

A killed process cannot end what it started, and a worker that hangs in a library notices nothing. So a second
process holds the other end of a pipe: the system closes it with the first process, however that one ended.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.child_process import start_module
from benchmarks.process_family import end_marked


class Guardian:
    """Ends marked processes and removes their temporary files once this process is gone or says so.

    Parameters
    ----------
    mark : str
        How the marks of all workers begin.
    scratch : Path
        The folder of their temporary files.
    """

    def __init__(self, mark: str, scratch: Path) -> None:
        self._process = start_module(
            "benchmarks.guardian",
            [mark, str(scratch)],
            stdin=subprocess.PIPE,
            output=subprocess.DEVNULL,
        )

    def finish(self) -> None:
        """Have it end what is left, and wait until it has."""
        self._process.communicate()


def main() -> None:
    """Wait until the other end of the pipe is closed."""
    mark, scratch = sys.argv[1:]
    sys.stdin.buffer.read()
    end_marked(mark)
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
