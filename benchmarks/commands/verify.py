"""``verify``: a dataset's files against what their manifests say."""

from __future__ import annotations

import typer

from benchmarks.commands.shared import (
    EXIT_DAMAGED,
    DataOption,
    DatasetArgument,
    cache_root,
    console,
    usage_errors,
)
from benchmarks.plugins import dataset_class
from benchmarks.terminal import say
from benchmarks.wording import counted
from datasets import verification
from datasets.base import FetchError


def verify(name: DatasetArgument, data_dir: DataOption = None) -> None:
    """Compare every file of a dataset with the size and sha256 that were written down when it was complete."""
    with usage_errors():
        root, stored = cache_root(data_dir), dataset_class(name).name
        problems = list(verification.problems(root, stored))
        folders = verification.folders(root, stored)
        if not folders and not problems:
            raise FetchError(f"{name}: nothing of it is in {root}: python -m benchmarks fetch {name}")
    for problem in problems:
        say(console, problem)
    if problems:
        say(
            console,
            f"To replace what is damaged: python -m benchmarks fetch {name}; what was prepared from it (derived) is "
            "made anew when it is used next.",
        )
        raise typer.Exit(EXIT_DAMAGED)
    count, size = sum(folder.files for folder in folders), sum(folder.bytes for folder in folders)
    say(
        console,
        f"{name}: {counted(count, 'file')}, {size / 1e6:.1f} MB, all as they were when fetched or made",
    )
