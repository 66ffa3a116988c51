"""What the harness itself costs: ``python -m benchmarks.harness_cost``.

Measures with an instant backend on a quiet machine and compares with bounds; exits with 1 when one is not kept.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import psutil
import typer
import yaml
from msgspec import structs
from rich.console import Console
from rich.table import Table

from benchmarks.config import Config
from benchmarks.label_scores import LabelScores
from benchmarks.local_workers import LocalWorkers
from benchmarks.memory import MIB
from benchmarks.plan import make_plan
from benchmarks.record_store import RecordStore
from benchmarks.records import RunRecord, Scores
from benchmarks.results_folder import ResultsFolder
from benchmarks.runner import run_jobs, run_settings

RUNS, REPEATS = 8, 16
# Of the records' jobs a run that starts plans those of these repeats: a sweep of 780 pairs, where the store holds more.
SWEEP_REPEATS = 3
LABELS = 10
FIRST_RUN = "instant 0"
# The memory of the parent is called flat when it grows by less than this from a tenth of the jobs to the last.
FLAT_MIB = 20.0


@dataclass(frozen=True)
class Cost:
    """One measured cost beside its bound."""

    what: str
    value: float
    bound: float
    unit: str

    @property
    def kept(self) -> bool:
        """Whether the bound holds."""
        return self.value <= self.bound


def main(
    jobs: Annotated[int, typer.Option(min=20, help="Jobs to run in one worker.")] = 20_000,
    records: Annotated[int, typer.Option(min=RUNS * REPEATS, help="Records in the store to read.")] = 100_000,
) -> None:
    """Measure what the harness costs and compare it with its bounds."""
    with tempfile.TemporaryDirectory(prefix="harness-cost-") as folder:
        costs = [*cost_of_jobs(Path(folder), jobs), *cost_of_records(Path(folder), records)]
    table = Table(
        "Cost", "Measured", "Bound", "", title=f"{jobs} jobs, {records} records", title_justify="left"
    )
    for cost in costs:
        verdict = "kept" if cost.kept else "NOT KEPT"
        table.add_row(cost.what, f"{cost.value:.1f} {cost.unit}", f"{cost.bound:g} {cost.unit}", verdict)
    Console().print(table)
    raise typer.Exit(0 if all(cost.kept for cost in costs) else 1)


def cost_of_jobs(folder: Path, jobs: int) -> list[Cost]:
    """Run instant jobs in one worker, from a parent process of its own."""
    measured = json.loads(_python("-c", _RUN_JOBS, str(folder / "jobs"), str(jobs)))
    return [
        Cost("a job", measured["ms_per_job"], 5.0, "ms"),
        Cost("parent's memory, largest", measured["peak_mib"], 400.0, "MiB"),
        Cost("parent's memory, growth", measured["growth_mib"], FLAT_MIB, "MiB"),
    ]


_RUN_JOBS = """
import sys
from pathlib import Path
from benchmarks.harness_cost import run_instant_jobs
print(run_instant_jobs(Path(sys.argv[1]), int(sys.argv[2])))
"""


def run_instant_jobs(folder: Path, jobs: int) -> str:
    """Run jobs in this process's worker and return, as JSON, their time and this process's memory."""
    most = 1000
    config = _config("jobs", pairs=-(-jobs // most), runs=1, repeats=min(jobs, most))
    plan = make_plan(config, folder, "harness_cost")
    process = psutil.Process()
    moments: list[tuple[float, float]] = []

    def note(_: RunRecord) -> None:
        moments.append((time.perf_counter(), process.memory_info().rss / MIB))

    with LocalWorkers(run_settings(config, folder, folder)) as workers:
        run_jobs(plan.jobs[:jobs], workers, RecordStore(folder / "records.jsonl"), lambda _: None, note)
    (first, _), (last, at_end) = moments[0], moments[-1]
    after_a_tenth = moments[len(moments) // 10][1]
    return json.dumps(
        {
            "ms_per_job": 1000 * (last - first) / (len(moments) - 1),
            "peak_mib": max(mib for _, mib in moments),
            "growth_mib": at_end - after_a_tenth,
        }
    )


def cost_of_records(folder: Path, records: int) -> list[Cost]:
    """Time the commands that read a large store."""
    config = _config("records", pairs=records // (RUNS * REPEATS), runs=RUNS, repeats=REPEATS)
    path = folder / "records.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_defaults=True)))
    write_store(config, folder / "records", path)
    sweep = ("--set", f"timing.repeats={SWEEP_REPEATS}")
    started = _seconds(
        "-m", "benchmarks", "run", str(path), "--dry-run", *sweep, "--results-dir", str(folder)
    )
    reported = _seconds("-m", "benchmarks", "report", str(path), "--results-dir", str(folder))
    return [Cost("start-up of run", started, 2.0, "s"), Cost("report", reported, 15.0, "s")]


def write_store(config: Config, folder: Path, source: Path) -> None:
    """Write the results folder of a finished run.

    Scores differ by pair and run; repeats of a run have the same, as those of most backends, but for the first run.
    """
    plan = make_plan(config, folder, str(source))
    results = ResultsFolder(folder)
    results.begin(plan, str(source), [])
    with tempfile.TemporaryDirectory() as scratch:
        store = RecordStore(Path(scratch) / "records.jsonl")
        with LocalWorkers(run_settings(config, Path(scratch), Path(scratch))) as workers:
            run_jobs(plan.jobs[:1], workers, store, lambda _: None, lambda _: None)
        (one,) = store.read()
    with results.store.path.open("wb") as file:
        for number, job in enumerate(plan.jobs):
            asked = job.identity
            started = random.Random(asked.pair_id)
            ended = random.Random(
                f"{asked.pair_id} {asked.run} {asked.repeat if asked.run == FIRST_RUN else 0}"
            )
            changes = {
                "job_id": job.job_id,
                "identity": asked,
                "seconds": {stage: value * (1 + number % 7 / 10) for stage, value in one.seconds.items()},
                "before": _scores(one.before, started),
                "after": _scores(one.after, ended),
                "labels": _label_scores(ended),
                "labels_before": LabelScores() if asked.repeat else _label_scores(started),
                "artefacts": {},
            }
            file.write(msgspec.json.encode(structs.replace(one, **changes)) + b"\n")
        # As a run leaves it: what is measured next does not share the machine with writing this to the disk.
        file.flush()
        os.fsync(file.fileno())


def _scores(scores: Scores, draw: random.Random) -> Scores:
    """Return other numbers for those that are defined."""
    return {name: None if value is None else draw.random() for name, value in scores.items()}


def _label_scores(draw: random.Random) -> LabelScores:
    return LabelScores.of(
        {f"structure {n}": {metric: draw.random() for metric in _OVERLAPS} for n in range(LABELS)}
    )


_OVERLAPS = (
    "dice",
    "jaccard",
    "target_overlap",
    "false_negative",
    "false_positive",
    "volume_similarity",
    "hd95_mm",
    "assd_mm",
)


def _config(name: str, pairs: int, runs: int, repeats: int) -> Config:
    return Config.model_validate(
        {
            "name": name,
            "dataset": {"name": "benchmarks.instant:Tiny", "params": {"count": pairs}},
            "runs": [{"label": f"instant {n}", "backend": "benchmarks.instant:Instant"} for n in range(runs)],
            "resources": {"threads": 1},
            "timing": {"repeats": repeats, "warmup": 0},
        }
    )


def _seconds(*arguments: str) -> float:
    start = time.perf_counter()
    _python(*arguments)
    return time.perf_counter() - start


def _python(*arguments: str) -> str:
    command: Sequence[str] = [sys.executable, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    typer.run(main)
