"""``calibrate``: one backend twice under two names, for the noise floor of timings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.calibration import calibrate as run_calibration
from benchmarks.calibration import calibration_config, calibration_jobs
from benchmarks.commands.shared import (
    EXIT_INTERRUPTED,
    DataOption,
    LicenceOption,
    OfflineOption,
    ResultsOption,
    SetOption,
    cache_root,
    console,
    errors,
    usage_errors,
)
from benchmarks.config_file import load_config
from benchmarks.noise import save_calibration
from benchmarks.plan import make_plan
from benchmarks.progress import RunProgress
from benchmarks.results_folder import ResultsFolder
from benchmarks.runner import run_settings
from benchmarks.terminal import say
from benchmarks.transfers import TransferProgress
from benchmarks.wording import counted
from datasets.fetching import FetchRequest


def calibrate(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Config whose datasets, threads and runs to take.")
    ] = Path("configs/embedded.yaml"),
    overrides: SetOption = None,
    run: Annotated[
        str | None,
        typer.Option("--run", help="Label of the run to compare with itself.  [default: the oracle]"),
    ] = None,
    repeats: Annotated[int, typer.Option(min=2, max=1000, help="Timed repetitions under each name.")] = 7,
    pairs: Annotated[int, typer.Option(min=1, help="How many pairs of each dataset to time.")] = 3,
    results_dir: ResultsOption = Path("results"),
    data_dir: DataOption = None,
    accept_licence: LicenceOption = False,
    offline: OfflineOption = False,
) -> None:
    """Run one backend twice under two names, and keep how far their times lie apart: the noise floor.

    Reports of the same machine, device and thread count then call no smaller difference of times one.
    """
    with usage_errors():
        chosen = calibration_config(load_config(config, overrides or []), run, repeats, str(config))
        with TransferProgress(errors) as transfers:
            request = FetchRequest(accept_licence, offline=offline, progress=transfers)
            plan = make_plan(chosen, cache_root(data_dir), str(config), request)
        jobs = calibration_jobs(plan, pairs)
        folder = ResultsFolder(results_dir / f"{chosen.name}-calibration")
        settings = run_settings(chosen, cache_root(data_dir), folder.path)
        with folder.working(), RunProgress(console, total=len(jobs), done=0) as progress:
            folder.store.path.unlink(missing_ok=True)
            try:
                found = run_calibration(plan, jobs, settings, progress.show, progress.finished)
            except KeyboardInterrupt:
                say(errors, "Interrupted: a calibration has to run without a break.", "yellow")
                raise typer.Exit(EXIT_INTERRUPTED) from None
        for one in found:
            path = save_calibration(results_dir, one)
            floors = ", ".join(f"{one.floor(n):.3f}× for {counted(n, 'repeat')}" for n in (1, 3, repeats))
            say(console, f"{one.run} against itself, threads={one.threads}: noise floor {floors} ({path})")
