"""What commands share: arguments, exit codes, consoles, and how a usage error is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_cache_path
from rich.console import Console

from benchmarks.config import Config
from benchmarks.config_file import ConfigError, load_config
from benchmarks.plain_text import one_line
from benchmarks.plan import Plan, make_plan
from benchmarks.record_store import StoreError
from benchmarks.terminal import say
from benchmarks.wording import counted
from datasets.base import DatasetError
from datasets.fetching import FetchRequest

EXIT_GATE_FAILED = 1
EXIT_DAMAGED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

console = Console()
errors = Console(stderr=True, soft_wrap=True, highlight=False)

ConfigArgument = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="Config file, for example configs/embedded.yaml.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY.KEY=VALUE",
        help="Override a key of the config; checked like the file. May be given several times.",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="KEY=PATTERN",
        help="Only jobs whose backend, dataset, pair or run matches, for example --only 'backend=simple*'. "
        "May be given several times: one pattern of each key has to match.",
    ),
]
DatasetArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A dataset, as `list` shows it, or package.module:Class.")
]
ResultsOption = Annotated[
    Path, typer.Option("--results-dir", help="Folder that holds one folder per benchmark.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="REGBENCH_DATA_DIR",
        help="Where datasets keep their files.  [default: the user's cache folder]",
    ),
]
LicenceOption = Annotated[
    bool, typer.Option("--accept-licence", help="You have read the terms of the datasets and accept them.")
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Do not touch the network; a file that is missing is an error.")
]


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn an error in what the user asked for into one line and exit code 2, an interruption into exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        say(errors, "Interrupted. The same command continues where this one stopped.", "yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except (ConfigError, DatasetError, StoreError, LookupError, OSError) as error:
        say(errors, one_line(f"error: {error}"))
        raise typer.Exit(EXIT_USAGE) from None


def plan_of(
    config: Path, overrides: list[str], data_dir: Path | None, fetch: FetchRequest | None = None
) -> Plan:
    """Load a config, fetch its datasets if asked to, and expand it into jobs."""
    loaded: Config = load_config(config, overrides)
    return make_plan(loaded, cache_root(data_dir), str(config), fetch)


def cache_root(data_dir: Path | None) -> Path:
    """Return the folder under which datasets keep their files."""
    return (data_dir or user_cache_path("regbench", appauthor=False)).resolve()


def pending_jobs(number: int) -> str:
    """Return how many jobs have no record, without a full stop."""
    return f"{counted(number, 'job')} {'has' if number == 1 else 'have'} not run yet"
