"""``publish``: a finished run to RESULTS.md, its figures and the README."""

from __future__ import annotations

from pathlib import Path

from benchmarks.commands.shared import ConfigArgument, ResultsOption, console, usage_errors
from benchmarks.config_file import ConfigError, load_config
from benchmarks.results_folder import ResultsFolder
from reports.publish import publish as publish_run


def publish(config: ConfigArgument, results_dir: ResultsOption = Path("results")) -> None:
    """Copy the report of a finished run to RESULTS.md, docs/figures and the README."""
    with usage_errors():
        folder = ResultsFolder(results_dir / load_config(config).name)
        stored = folder.load()
        if stored.pending:
            raise ConfigError(f"{folder.path}: {stored.pending} jobs have not run yet; finish the run first")
        publish_run(folder.path, Path.cwd(), stored.config, stored.records, stored.manifest.command)
    console.print("RESULTS.md, docs/figures and README.md now show this run.")
