"""What got better, worse, faster or slower from one state of a benchmark to another, beyond noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median, stdev

from benchmarks.aggregation import PairKey, PairResult, pair_results
from benchmarks.catalogue import METRICS, Metric
from benchmarks.noise import NoiseFloors
from benchmarks.records import RunRecord
from reports.numbers import counted, fixed_digits
from reports.table import Cell, Column, Row, Table, number_columns, text_columns

SCORES = ("dice", "tre_mm", "rmse", "folding_fraction", "sd_log_jacobian")
TIMED = ("forward_s", "backward_s")
# Where neither a calibration nor repeats tell the noise: backends that are not deterministic move scores by so much.
DEFAULT_SCORE_CHANGE = 1e-3
DEFAULT_TIME_RATIO = 1.25
# Twice a standard error covers 95 %.
ERRORS = 2.0


class Verdict(StrEnum):
    """How a number changed."""

    BETTER = "better"
    WORSE = "worse"
    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"


@dataclass(frozen=True)
class Change:
    """A number of a run on a dataset, before and after.

    Attributes
    ----------
    dataset, run : str
        Whose it is.
    title : str
        What it is.
    pairs : int
        Over how many pairs that both states have.
    before, after : float
        Mean over the pairs, of times the median; of failures their number.
    noise : str
        What counted as no change.
    verdict : Verdict
        Better, worse, faster or slower beyond noise.
    digits : int
        Decimals worth printing.
    """

    dataset: str
    run: str
    title: str
    pairs: int
    before: float
    after: float
    noise: str
    verdict: Verdict
    digits: int


def compare_runs(before: Iterable[RunRecord], after: Iterable[RunRecord], noise: NoiseFloors) -> list[Change]:
    """Compare the runs that two states have in common, on the pairs that they have in common.

    Scores differ when their means do by more than 0.1 % of the former and by more than twice the standard error that
    the repeats of a pair show. Times differ when the median over pairs of their ratio leaves the calibrated noise
    floor; without one, twice the standard error of the logarithms that repeats show, and without repeats 1.25.

    Parameters
    ----------
    before, after : iterable of RunRecord
        The records that count of each state.
    noise : NoiseFloors
        The calibrations at hand.
    """
    old, new = pair_results(before), pair_results(after)
    groups: dict[tuple[str, str], list[PairKey]] = {}
    for key in old:
        for run in old[key]:
            if run in new.get(key, {}):
                groups.setdefault((key.dataset, run), []).append(key)
    found = []
    for (dataset, run), keys in groups.items():
        sides = [(old[key][run], new[key][run]) for key in keys]
        found.append(_failures(dataset, run, sides))
        found += [c for name in SCORES if (c := _score(dataset, run, METRICS[name], sides))]
        found += [c for name in TIMED if (c := _time(dataset, run, METRICS[name], sides, noise))]
    return found


def changes_table(changes: Sequence[Change], before: str, after: str) -> Table:
    """Return what changed, a row per number; what stayed the same is counted in the caption."""
    moved = [change for change in changes if change.verdict is not Verdict.SAME]
    same = len(changes) - len(moved)
    return Table(
        f"What changed from {before} to {after}",
        (
            *text_columns("Dataset", "Run", "Number"),
            *number_columns(["Pairs", "Before", "After", "Noise"]),
            Column("Verdict", "left"),
        ),
        tuple(
            Row(
                (
                    Cell(change.dataset),
                    Cell(change.run),
                    Cell(change.title),
                    Cell(str(change.pairs)),
                    Cell(fixed_digits(change.before, change.digits)),
                    Cell(fixed_digits(change.after, change.digits)),
                    Cell(change.noise),
                    Cell(str(change.verdict), bold=change.verdict in (Verdict.WORSE, Verdict.SLOWER)),
                )
            )
            for change in moved
        ),
        f"{counted(same, 'number')} of {len(changes)} stayed the same within noise. Over the pairs that both have: "
        "means of scores, medians of times.",
    )


def state_at(records: Sequence[RunRecord], commit: str) -> list[RunRecord]:
    """Return the records of a store up to the last one that a commit made: what was known then.

    A run that a later commit left alone keeps the records of an earlier one.

    Raises
    ------
    LookupError
        When the commit made none, or more than one commit begins so.
    """
    found = {record.provenance.commit for record in records if record.provenance.commit.startswith(commit)}
    if len(found) != 1 or not commit:
        known = ", ".join(commits_of(records)) or "none"
        raise LookupError(
            f"commit {commit!r}: made no record of this store, or is not unique; it has {known}"
        )
    last = max(index for index, record in enumerate(records) if record.provenance.commit in found)
    return list(records[: last + 1])


def commits_of(records: Iterable[RunRecord]) -> list[str]:
    """Return the commits that made records, in the order of their first, twelve letters of each."""
    return list(
        dict.fromkeys(record.provenance.commit[:12] for record in records if record.provenance.commit)
    )


Sides = Sequence[tuple[PairResult, PairResult]]


def _failures(dataset: str, run: str, sides: Sides) -> Change:
    before, after = (sum(not side[index].ok for side in sides) for index in (0, 1))
    verdict = Verdict.SAME if before == after else Verdict.BETTER if after < before else Verdict.WORSE
    return Change(dataset, run, "Pairs failed", len(sides), before, after, "0", verdict, 0)


def _score(dataset: str, run: str, metric: Metric, sides: Sides) -> Change | None:
    both = [
        (old, new, first.value(metric.name), second.value(metric.name))
        for first, second in sides
        for old, new in ((first, second),)
    ]
    values = [(a, b) for _, _, a, b in both if a is not None and b is not None]
    if not values:
        return None
    before, after = (fmean(column) for column in zip(*values, strict=True))
    errors = [_variance(result, metric.name) for old, new, a, b in both if a is not None and b is not None
              for result in (old, new)]  # fmt: skip
    spread = ERRORS * math.sqrt(sum(errors)) / len(values)
    least = max(DEFAULT_SCORE_CHANGE * abs(before), spread)
    better = after < before if metric.better == "lower" else after > before
    verdict = Verdict.SAME if abs(after - before) <= least else Verdict.BETTER if better else Verdict.WORSE
    return Change(
        dataset, run, metric.title, len(values), before, after, f"{least:.2g}", verdict, metric.digits + 1
    )


def _variance(result: PairResult, name: str) -> float:
    """Return the squared standard error of the mean over the repeats of a pair; 0 with one repeat."""
    found = [value for record in result.repeats if (value := record.value(name)) is not None]
    return stdev(found) ** 2 / len(found) if len(found) > 1 else 0.0


def _time(dataset: str, run: str, metric: Metric, sides: Sides, noise: NoiseFloors) -> Change | None:
    timed = [
        (old, new, a, b)
        for old, new in sides
        if (a := old.value(metric.name)) is not None and (b := new.value(metric.name)) is not None
    ]
    if not timed:
        return None
    ratio = median(b / a for _, _, a, b in timed)
    floor, source = _time_floor([(old, new) for old, new, _, _ in timed], metric.name, noise)
    verdict = Verdict.SAME if 1 / floor <= ratio <= floor else Verdict.FASTER if ratio < 1 else Verdict.SLOWER
    before, after = median(a for _, _, a, _ in timed), median(b for _, _, _, b in timed)
    return Change(
        dataset,
        run,
        metric.title,
        len(timed),
        before,
        after,
        f"{floor:.3g}× ({source})",
        verdict,
        metric.digits,
    )


def _time_floor(sides: Sides, name: str, noise: NoiseFloors) -> tuple[float, str]:
    records = [record for old, new in sides for result in (old, new) for record in result.repeats]
    fewest = min(len(result.repeats) for side in sides for result in side)
    if name == "forward_s" and (calibration := noise.of(records)):
        return calibration.floor(fewest), "calibrated"
    spreads = []
    for old, new in sides:
        logs = [_logs(result, name) for result in (old, new)]
        if min(map(len, logs)) > 1:
            spreads.append(sum(stdev(found) ** 2 / len(found) for found in logs))
    if len(spreads) < len(sides):
        return DEFAULT_TIME_RATIO, "assumed"
    return max(math.exp(ERRORS * math.sqrt(fmean(spreads))), 1.02), "repeats"


def _logs(result: PairResult, name: str) -> list[float]:
    return [math.log(value) for record in result.repeats if (value := record.value(name))]


def history_table(records: Sequence[RunRecord], metric: Metric) -> Table:
    """Return the average of a metric per commit, dataset and run: means of scores, medians of times."""
    commits = commits_of(records)
    averages = {commit: averages_of(state_at(records, commit), metric) for commit in commits}
    keys = dict.fromkeys(key for found in averages.values() for key in found)
    return Table(
        f"{metric.title} by commit",
        (*text_columns("Dataset", "Run"), *number_columns(commits)),
        tuple(
            Row((*map(Cell, key), *(_average(averages[commit].get(key), metric) for commit in commits)))
            for key in keys
        ),
        "Mean over the pairs that were ok, of times the median. A run that a commit left alone keeps its numbers.",
    )


def averages_of(records: Iterable[RunRecord], metric: Metric) -> Mapping[tuple[str, str], float]:
    """Return the average of a metric by dataset and run."""
    values: dict[tuple[str, str], list[float]] = {}
    for key, runs in pair_results(records).items():
        for run, result in runs.items():
            if (value := result.value(metric.name)) is not None:
                values.setdefault((key.dataset, run), []).append(value)
    return {key: median(v) if metric.name in TIMED else fmean(v) for key, v in values.items()}


def _average(value: float | None, metric: Metric) -> Cell:
    return (
        Cell("n/a")
        if value is None
        else Cell(fixed_digits(value, metric.digits), numbers=(("value", value),))
    )
