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
from benchmarks.records import Identity, RunRecord
from benchmarks.wording import counted
from reports.numbers import fixed_digits, some_of
from reports.table import Cell, Column, Row, Table, number_columns, text_columns

SCORES = ("dice", "tre_mm", "rmse", "folding_fraction", "sd_log_jacobian")
TIMED = ("forward_s", "backward_s")
# Where neither a calibration nor repeats tell the noise: backends that are not deterministic move scores by so much.
DEFAULT_SCORE_CHANGE = 1e-3
DEFAULT_TIME_RATIO = 1.25
# Twice a standard error covers 95 %.
ERRORS = 2.0
# So many of what was left out are named.
NAMED = 5

Results = Mapping[PairKey, Mapping[str, PairResult]]
Sides = Sequence[tuple[PairResult, PairResult]]


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

    Scores differ when their means do by more than 0.1 % of the former, by more than half a unit of the last decimal
    that tables print, and by more than twice the standard error that the repeats of a pair show. Times differ when the
    median over pairs of their ratio leaves the calibrated noise floor; without one, twice the standard error of the
    logarithms that repeats show, and without repeats 1.25. Times of another processor, device or thread count are not
    compared: :func:`reservations` tells it.

    Parameters
    ----------
    before, after : iterable of RunRecord
        The records that count of each state.
    noise : NoiseFloors
        The calibrations at hand.
    """
    found = []
    for (dataset, run), sides in _in_common(pair_results(before), pair_results(after)).items():
        found.append(_failures(dataset, run, sides))
        found += [c for name in SCORES if (c := _score(dataset, run, METRICS[name], sides))]
        if _one_machine(sides):
            found += [c for name in TIMED if (c := _time(dataset, run, METRICS[name], sides, noise))]
    return found


def reservations(before: Iterable[RunRecord], after: Iterable[RunRecord]) -> list[str]:
    """Return what :func:`compare_runs` did not compare, or not like with like, a sentence each."""
    old, new = pair_results(before), pair_results(after)
    said = []
    for name, one, other in (("former", old, new), ("latter", new, old)):
        alone: dict[tuple[str, str], int] = {}
        for key, runs in one.items():
            for run in runs:
                alone[key.dataset, run] = alone.get((key.dataset, run), 0) + (run not in other.get(key, {}))
        told = [f"{run} on {counted(n, 'pair')} of {dataset}" for (dataset, run), n in alone.items() if n]
        if told:
            said.append(f"Only the {name} has {some_of(told, NAMED)}.")
    common = _in_common(old, new)
    changed = [f"{run} on {dataset}" for (dataset, run), sides in common.items() if not _one_yardstick(sides)]
    if changed:
        said.append(
            f"Data or metrics have another version, which a change of score may come from: {some_of(changed, NAMED)}."
        )
    elsewhere = [f"{run} on {dataset}" for (dataset, run), sides in common.items() if not _one_machine(sides)]
    if elsewhere:
        said.append(
            "Not timed under the same conditions (processor, device, threads, one job at a time), so that no time is "
            f"compared: {some_of(elsewhere, NAMED)}."
        )
    return said


def _in_common(old: Results, new: Results) -> dict[tuple[str, str], list[tuple[PairResult, PairResult]]]:
    """Return what both did, by dataset and run."""
    groups: dict[tuple[str, str], list[tuple[PairResult, PairResult]]] = {}
    for key, runs in old.items():
        for run, result in runs.items():
            if (other := new.get(key, {}).get(run)) is not None:
                groups.setdefault((key.dataset, run), []).append((result, other))
    return groups


def _one_yardstick(sides: Sides) -> bool:
    """Tell whether both sides of each pair were judged on the same data by the same metrics."""
    return all(
        len({i.dataset_version + str(i.dataset_params) + i.evaluation_version for i in map(_identity, both)})
        == 1
        for both in sides
    )


def _one_machine(sides: Sides) -> bool:
    """Tell whether all times were taken on one kind of machine, with as many threads and nothing beside them."""
    records = [record for both in sides for result in both for record in result.repeats]
    conditions = {(r.provenance.cpu, r.identity.device, r.identity.threads) for r in records}
    return len(conditions) == 1 and all(r.provenance.concurrent_jobs == 1 for r in records)


def _identity(result: PairResult) -> Identity:
    return result.repeats[0].identity


def changes_table(changes: Sequence[Change], before: str, after: str, reserved: Sequence[str] = ()) -> Table:
    """Return what changed, a row per number.

    Parameters
    ----------
    changes : sequence of Change
        What stayed the same is counted in the caption.
    before, after : str
        What the two states are called.
    reserved : sequence of str
        What was not compared, or not like with like, a sentence each; told in the caption.
    """
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
        f"means of scores, medians of times. {' '.join(reserved)}".rstrip(),
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


def _failures(dataset: str, run: str, sides: Sides) -> Change:
    before, after = (sum(not side[index].ok for side in sides) for index in (0, 1))
    verdict = Verdict.SAME if before == after else Verdict.BETTER if after < before else Verdict.WORSE
    return Change(dataset, run, "Pairs failed", len(sides), before, after, "0", verdict, 0)


def _score(dataset: str, run: str, metric: Metric, sides: Sides) -> Change | None:
    scored = [
        (both, a, b)
        for both in sides
        if (a := both[0].value(metric.name)) is not None and (b := both[1].value(metric.name)) is not None
    ]
    if not scored:
        return None
    before, after = fmean(a for _, a, _ in scored), fmean(b for _, _, b in scored)
    errors = [_variance(result, metric.name) for both, _, _ in scored for result in both]
    spread = ERRORS * math.sqrt(sum(errors)) / len(scored)
    least = max(DEFAULT_SCORE_CHANGE * abs(before), spread, 0.5 * 10.0**-metric.digits)
    better = after < before if metric.better == "lower" else after > before
    verdict = Verdict.SAME if abs(after - before) <= least else Verdict.BETTER if better else Verdict.WORSE
    return Change(
        dataset, run, metric.title, len(scored), before, after, f"{least:.2g}", verdict, metric.digits + 1
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
