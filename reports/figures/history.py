"""A metric over commits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import Metric
from benchmarks.records import RunRecord
from reports.figures.style import new_figure, styled
from reports.run_comparison import averages_of, commits_of, state_at

WIDTH_IN, HEIGHT_IN = 7.6, 4.2


def save_history(records: Sequence[RunRecord], metric: Metric, path: Path) -> None:
    """Draw the average of a metric per commit, a line per dataset and run, into a file of matplotlib's formats."""
    commits = commits_of(records)
    averages = [averages_of(state_at(records, commit), metric) for commit in commits]
    with styled():
        figure = new_figure(WIDTH_IN, HEIGHT_IN)
        axes = figure.add_subplot()
        for key in dict.fromkeys(key for found in averages for key in found):
            values = [found.get(key, float("nan")) for found in averages]
            axes.plot(range(len(commits)), values, marker="o", label=f"{key[1]} ({key[0]})")
        axes.set_xticks(range(len(commits)), commits, rotation=30, ha="right")
        axes.set_ylabel(metric.title)
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.savefig(path, bbox_inches="tight")
