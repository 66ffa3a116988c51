"""``list``: what a config may name."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks import listing
from benchmarks.commands.shared import console, usage_errors


def list_names(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A backend, dataset or metric to show; all names without it."),
    ] = None,
) -> None:
    """List backends, datasets and metrics, or what one of them takes."""
    with usage_errors():
        for table in listing.overview() if name is None else listing.entry(name):
            console.print(table)
