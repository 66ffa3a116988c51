"""Starting a Python process of this checkout that no signal to this one's process group reaches."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO


def start_module(
    module: str,
    arguments: Sequence[str],
    *,
    stdin: int,
    output: int | IO[bytes],
    keep_open: Sequence[int] = (),
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Run a module of this checkout in a session of its own.

    Parameters
    ----------
    module : str
        Dotted name.
    arguments : sequence of str
        Its command line.
    stdin, output : int or file
        As :class:`subprocess.Popen` takes them; ``output`` is both standard output and standard error.
    keep_open : sequence of int
        File descriptors to inherit.
    variables : mapping of str to str or None
        Environment variables to set or replace.
    """
    # The child finds the modules that this process finds, wherever it was started.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=keep_open,
        env={**environment, **(variables or {})},
        start_new_session=True,
    )
