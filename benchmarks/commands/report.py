"""``report``: tables and figures from the stored records."""

from __future__ import annotations

from pathlib import Path

from benchmarks.commands.shared import ConfigArgument, ResultsOption, SetOption, usage_errors
from benchmarks.config_file import load_config
from benchmarks.results_folder import ResultsFolder


def report(
    config: ConfigArgument,
    overrides: SetOption = None,
    results_dir: ResultsOption = Path("results"),
) -> None:
    """Write the report again from the stored records, without running anything."""
    from benchmarks.commands.show_report import show_report

    with usage_errors():
        folder = ResultsFolder(results_dir / load_config(config, overrides or []).name)
        show_report(folder)
