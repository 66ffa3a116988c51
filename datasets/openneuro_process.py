"""The process that openneuro-py is imported in: ``python -m datasets.openneuro_process REQUEST``.

It is licensed under the GPL and replaces ``urllib3`` through its dependencies: no process that measures imports it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from filelock import FileLock


def main(request: dict[str, object]) -> None:
    """Download what a request of :func:`datasets.openneuro.download_files` names."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    target = Path(str(request["target"]))
    # A process whose parent was killed may still be writing for a moment.
    with FileLock(target.with_name(f"{target.name}.lock")):
        from openneuro import _download

        _download.gql_url = str(request["graphql_url"])
        files = request["files"]
        assert isinstance(files, list)
        _download.download(
            dataset=str(request["dataset"]),
            tag=str(request["tag"]),
            target_dir=target,
            include=[f"/{name}" for name in files],
            # The hash that storage announces; not the one of a mirror, which knows few datasets.
            verify_hash=True,
            source="openneuro",
        )


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except (RuntimeError, OSError) as error:
        sys.exit(f"error: {error}")
