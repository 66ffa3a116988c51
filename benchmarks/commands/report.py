"""``report``: tables and figures from the stored records, of all runs or of some."""

from __future__ import annotations

from pathlib import Path

from benchmarks.commands.shared import ConfigArgument, OnlyOption, ResultsOption, SetOption, usage_errors
from benchmarks.config_file import ConfigError, load_config
from benchmarks.results_folder import ResultsFolder, StoredRun
from benchmarks.selection import parse_filters


def report(
    config: ConfigArgument,
    overrides: SetOption = None,
    only: OnlyOption = None,
    results_dir: ResultsOption = Path("results"),
) -> None:
    """Write the report again from the stored records, without running anything.

    Title, description, report, figures and gates are those that the config has now; the rest is what was run.

    A report of some runs alone (--only) gets a folder of its own below the results.
    """
    from benchmarks.commands.show_report import show_report

    with usage_errors():
        asked = load_config(config, overrides or [])
        folder = ResultsFolder(results_dir / asked.name)

        # Read twice, while a run may go on.
        size = folder.store.size_bytes
        if not size:
            folder.begun()
            raise ConfigError(
                f"{folder.path}: no job has a record yet, so that there is nothing to report; "
                "'python -m benchmarks run' makes them"
            )

        def read() -> StoredRun:
            stored = folder.load(size).shown_as(asked)
            return stored.only(parse_filters(only, stored.manifest.jobs), only) if only else stored

        show_report(folder, read)
