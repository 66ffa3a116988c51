"""The command line: ``python -m benchmarks run|report|list|...``."""

from __future__ import annotations

import typer

from benchmarks.commands.calibrate import calibrate
from benchmarks.commands.compare import compare, history
from benchmarks.commands.fetch import fetch
from benchmarks.commands.job_script import job_script
from benchmarks.commands.list_names import list_names
from benchmarks.commands.publish import publish
from benchmarks.commands.report import report
from benchmarks.commands.rerun import rerun
from benchmarks.commands.run import run
from benchmarks.commands.status import status
from benchmarks.commands.validate import validate
from benchmarks.commands.verify import verify
from benchmarks.commands.where import where

app = typer.Typer(
    help="Compare medical image registration backends on the same pairs, under the same conditions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(status)
app.command()(report)
app.command()(validate)
app.command("list")(list_names)
app.command()(publish)
app.command()(fetch)
app.command()(verify)
app.command()(where)
app.command()(calibrate)
app.command("job-script")(job_script)
app.command()(rerun)
app.command()(compare)
app.command()(history)
