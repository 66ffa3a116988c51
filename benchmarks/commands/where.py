"""``where``: the folders that hold a dataset."""

from __future__ import annotations

from benchmarks.commands.shared import DataOption, DatasetArgument, cache_root, console, usage_errors
from benchmarks.plugins import dataset_class
from benchmarks.terminal import say
from benchmarks.wording import counted
from datasets import verification
from datasets.base import FetchError


def where(name: DatasetArgument, data_dir: DataOption = None) -> None:
    """Print the folders that hold a dataset's files, as fetched and as prepared."""
    with usage_errors():
        root = cache_root(data_dir)
        found = verification.folders(root, dataset_class(name).name)
        if not found:
            raise FetchError(f"{name}: nothing of it is in {root}: python -m benchmarks fetch {name}")
    for folder in found:
        say(console, f"{folder.path}  {counted(folder.files, 'file')}, {folder.bytes / 1e6:.1f} MB")
