"""``validate``: a config checked without running it."""

from __future__ import annotations

from benchmarks.commands.shared import ConfigArgument, DataOption, SetOption, console, plan_of, usage_errors
from benchmarks.terminal import say
from benchmarks.wording import counted


def validate(config: ConfigArgument, overrides: SetOption = None, data_dir: DataOption = None) -> None:
    """Check a config without running it, and say what it would run."""
    with usage_errors():
        plan = plan_of(config, overrides or [], data_dir)
    for sentence in plan.left_out:
        say(console, sentence)
    pairs = {(job.identity.dataset, job.identity.pair_id) for job in plan.jobs}
    labels = {job.identity.run for job in plan.jobs}
    counts = (
        f"{counted(len(labels), 'run')} on {counted(len(pairs), 'pair')}, {counted(len(plan.jobs), 'job')}"
    )
    say(console, f"{config}: valid: {counts}")
