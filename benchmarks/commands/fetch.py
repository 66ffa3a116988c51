"""``fetch``: a dataset's files, downloaded or taken from what the user has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.shared import (
    DataOption,
    DatasetArgument,
    LicenceOption,
    OfflineOption,
    cache_root,
    console,
    errors,
    usage_errors,
)
from benchmarks.config_file import apply_override
from benchmarks.parameter_sets import build_params
from benchmarks.plugins import dataset_class
from benchmarks.terminal import say
from benchmarks.transfers import TransferProgress
from benchmarks.wording import counted
from datasets.fetching import FetchRequest


def fetch(
    name: DatasetArgument,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A parameter of the dataset. May be given several times."
        ),
    ] = None,
    accept_licence: LicenceOption = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", exists=True, help="An archive or folder of the dataset that you already have."
        ),
    ] = None,
    offline: OfflineOption = False,
    data_dir: DataOption = None,
) -> None:
    """Fetch a dataset: what is missing is downloaded, what is damaged is replaced, the rest stays.

    A download that was interrupted continues with the same command.
    """
    with usage_errors(), TransferProgress(errors) as transfers:
        found = dataset_class(name)
        given: dict[str, object] = {}
        for override in overrides or []:
            apply_override(given, override)
        dataset = found(build_params(found.Params, given, name), cache_root(data_dir))
        dataset.fetch(FetchRequest(accept_licence, source, offline, check_hashes=True, progress=transfers))
        pairs = dataset.pairs()
    say(console, f"{name}: complete, version {dataset.version}, {counted(len(pairs), 'pair')}")
