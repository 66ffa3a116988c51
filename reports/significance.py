"""Tables of what the numbers carry: paired tests, ranks, intervals, and the pairs on which all succeeded."""

from __future__ import annotations

import math

from benchmarks.aggregation import TIMES
from benchmarks.catalogue import METRICS, Metric
from benchmarks.config import Config
from benchmarks.noise import NoiseFloors
from benchmarks.wording import counted
from reports.noise_floor import NO_CALIBRATION, noise_floor, noise_note, ratio_text
from reports.numbers import NOT_AVAILABLE, fixed_digits
from reports.pair_scores import leading_metric
from reports.statistics.bootstrap import FEWEST_SUBJECTS
from reports.statistics.paired import Comparison, compare_with, shortage
from reports.statistics.ranks import NOT_TRIED, Ranking, friedman_note, rank_runs, untried_note
from reports.study import Records, Study, once_per_study
from reports.summary import LEADING, score_table
from reports.table import Cell, Column, Row, Table, number_columns, text_columns

P_DIGITS = 3


@once_per_study
def paired_tables(config: Config, records: Records, noise: NoiseFloors = NO_CALIBRATION) -> list[Table]:
    """Return, per dataset with two competitors, each run beside the reference by the leading metric and by time.

    Parameters
    ----------
    config : Config
        ``report.reference`` is compared with, else ``figures.oracle``, else the run with the best average rank.
    records : iterable of RunRecord, or Study
        All records; of several with the same run, pair and repeat the last counts.
    noise : NoiseFloors
        Below them times do not differ, however sure a test is of their order.
    """
    study = Study.of(config, records)
    found = (_paired_table(study, dataset, noise) for dataset in study.datasets)
    return [table for table in found if table]


@once_per_study
def rank_tables(config: Config, records: Records) -> list[Table]:
    """Return average ranks by the leading metric per dataset, failures counted as the last rank."""
    study = Study.of(config, records)
    rankings = (
        (dataset, rank_runs(study, dataset, leading_metric(study, dataset))) for dataset in study.datasets
    )
    return [_rank_table(study, dataset, ranking) for dataset, ranking in rankings if ranking]


@once_per_study
def interval_tables(config: Config, records: Records) -> list[Table]:
    """Return means with 95 % intervals over subjects, of the datasets with enough of them."""
    study = Study.of(config, records)
    names = [name for name in config.report.chosen_columns or LEADING if name not in TIMES]
    return [
        score_table(study, dataset, names, f"95 % intervals: {dataset}", statistic="mean_interval")
        for dataset in study.datasets
        if study.bootstrap(dataset).subjects >= FEWEST_SUBJECTS
    ]


@once_per_study
def without_intervals(config: Config, records: Records) -> list[str]:
    """Return why a dataset has no table of intervals, a sentence each; none where all have one."""
    study = Study.of(config, records)
    counts = {dataset: study.bootstrap(dataset).subjects for dataset in study.datasets}
    return [
        f"No 95 % intervals of {dataset}: its pairs are of {counted(subjects, 'subject')}, and an interval over "
        f"subjects needs {FEWEST_SUBJECTS}."
        for dataset, subjects in counts.items()
        if subjects < FEWEST_SUBJECTS
    ]


@once_per_study
def common_tables(config: Config, records: Records) -> list[Table]:
    """Return the scores over the pairs on which all competitors succeeded, of datasets where some did not on all.

    Runs that succeeded on no pair are left out, as are those that could not be tried.
    """
    study = Study.of(config, records)
    found = (_common_table(study, dataset) for dataset in study.datasets)
    return [table for table in found if table]


def chosen_reference(study: Study, dataset: str, metric: Metric) -> str | None:
    """Return the label of the run that a dataset's others are compared with; None without one that has values."""
    labels = [run.label for run in study.competitors(dataset)]
    for label in (study.config.report.reference, study.oracle):
        if label in labels and study.values(dataset, label, metric.name).notna().any():
            return label
    ranking = rank_runs(study, dataset, metric)
    return next(iter(ranking.ranks)) if ranking else None


def _paired_table(study: Study, dataset: str, noise: NoiseFloors) -> Table | None:
    leading = leading_metric(study, dataset)
    reference = chosen_reference(study, dataset, leading)
    labels = [run.label for run in study.competitors(dataset)]
    if reference is None or len(labels) < 2:
        return None
    compared = [
        (metric, one)
        for metric in dict.fromkeys((leading, METRICS["forward_s"]))
        for one in compare_with(study, dataset, metric, reference, labels)
    ]
    if not compared:
        return None
    tracks = {run.label: run.track for run in study.competitors(dataset)}
    timed = any(metric.name == "forward_s" for metric, _ in compared)
    floor = noise_floor(study, dataset, noise) if timed else None
    return Table(
        f"Paired tests against {reference}: {dataset}",
        (
            *text_columns("Metric", "Run", "Track"),
            *number_columns(["Pairs", "Subjects", "Difference", "p (Holm)", "Effect size", "Win rate"]),
            Column("Verdict", "left"),
        ),
        tuple(_paired_row(metric, one, tracks[one.run], floor) for metric, one in compared),
        "Difference: mean improvement on the reference [95 % interval by bootstrap over subjects], positive where the "
        "run is better; of times the geometric mean of reference by run. p: two-sided Wilcoxon signed-rank test, "
        "corrected by Holm over the runs of a metric. Effect size: matched-pairs rank-biserial correlation, -1 to 1. "
        "Win rate: share of pairs on which the run is better, ties half. The test takes pairs as independent; a "
        "verdict asks the interval, which does not, too, and that ranks and mean agree."
        + (noise_note(floor) if timed else "")
        + _chosen_note(study, reference)
        + _warning(compared),
    )


def _chosen_note(study: Study, reference: str) -> str:
    """Warn where the reference was not chosen beforehand."""
    if reference in (study.config.report.reference, study.oracle):
        return ""
    return f" {reference} was chosen for its rank on these pairs, which no p value is corrected for."


def _paired_row(metric: Metric, one: Comparison, track: str, floor: float | None) -> Row:
    noise = metric.name == "forward_s" and floor is not None and abs(one.difference) < math.log(floor)
    shown = one.significant and not noise
    verdict = ("better" if one.difference > 0 else "worse") if shown else "no difference shown"
    p = f"< {10**-P_DIGITS}" if one.p_holm < 10**-P_DIGITS else fixed_digits(one.p_holm, P_DIGITS)
    interval = (
        (("interval low", one.interval.low), ("interval high", one.interval.high)) if one.interval else ()
    )
    difference = "mean log ratio" if metric.name == "forward_s" else "mean"
    return Row(
        (
            *map(Cell, (metric.title, one.run, track)),
            *(Cell(str(number), numbers=(("number", number),)) for number in (one.n, one.subjects)),
            Cell(_difference(metric, one, floor), numbers=((difference, one.difference), *interval)),
            Cell(p, numbers=(("corrected", one.p_holm), ("uncorrected", one.test.p))),
            Cell(fixed_digits(one.test.effect, 2), numbers=(("rank-biserial", one.test.effect),)),
            Cell(f"{one.test.win_rate:.0%}", numbers=(("share", one.test.win_rate),)),
            Cell(verdict if one.conclusive else "too few to conclude"),
        )
    )


def _difference(metric: Metric, one: Comparison, floor: float | None) -> str:
    if metric.name == "forward_s":
        between = (
            f" [{math.exp(one.interval.low):.3g}, {math.exp(one.interval.high):.3g}]" if one.interval else ""
        )
        return ratio_text(math.exp(one.difference), floor) + between
    digits = metric.digits
    if one.interval and one.interval.half_width > 0:
        digits = max(0, min(digits, 1 - math.floor(math.log10(one.interval.half_width))))
    ends = (one.interval.low, one.interval.high) if one.interval else ()
    between = f" [{', '.join(fixed_digits(end, digits) for end in ends)}]" if ends else ""
    return fixed_digits(one.difference, digits) + between


def _warning(compared: list[tuple[Metric, Comparison]]) -> str:
    for metric, one in compared:
        if not one.conclusive:
            tests = sum(other is metric for other, _ in compared)
            return f" Warning: {shortage(one.n, one.subjects, tests)}."
    return ""


def _rank_table(study: Study, dataset: str, ranking: Ranking) -> Table:
    runs = list(ranking.ranks)
    subjects = len({name for pair in ranking.pairs for name in study.subjects(dataset, pair)})
    short = shortage(len(ranking.pairs), subjects, len(runs) - 1)
    friedman = "" if math.isnan(ranking.p) else f" {friedman_note(ranking)}."
    tracks = {run.label: run.track for run in study.competitors(dataset)}
    return Table(
        f"Ranks by {ranking.metric.title}: {dataset}",
        (
            *text_columns("Run", "Track"),
            *number_columns(["Average rank", "Pairs ok"]),
            Column("Not told apart from", "left"),
        ),
        tuple(
            Row(
                (
                    Cell(run),
                    Cell(tracks[run]),
                    Cell(fixed_digits(rank, 2), numbers=(("rank", rank),)),
                    Cell(f"{study.ok_count(dataset, run)}/{len(study.pairs(dataset))}"),
                    Cell(", ".join(_alike(ranking, run)) or NOT_AVAILABLE),
                )
            )
            for run, rank in ranking.ranks.items()
        ),
        f"Average rank over {counted(len(ranking.pairs), 'pair')}, 1 is best; a failure counts as the last rank."
        f"{untried_note(ranking)} Ranks closer than the critical difference of {ranking.critical_difference:.2f} are "
        f"not told apart at 5 % (Nemenyi; Demšar 2006).{friedman}" + (f" Warning: {short}." if short else ""),
    )


def _alike(ranking: Ranking, run: str) -> list[str]:
    place = ranking.ranks[run]
    return [
        other
        for other, rank in ranking.ranks.items()
        if other != run and abs(rank - place) < ranking.critical_difference
    ]


def _common_table(study: Study, dataset: str) -> Table | None:
    pairs = study.pairs(dataset)
    runs = [run.label for run in study.competitors(dataset) if study.ok_count(dataset, run.label)]
    if not runs or all(study.ok_count(dataset, run) == len(pairs) for run in runs):
        return None
    common = {
        pair
        for pair in pairs
        if all((result := study.result(dataset, pair, run)) and result.ok for run in runs)
    }
    references = {run.label for run in study.runs(dataset) if run.reference}
    kept = tuple(
        record
        for record in study.records
        if record.identity.dataset == dataset
        and record.identity.pair_id in common
        and record.identity.run in {*runs, *references}
        and record.status not in NOT_TRIED
    )
    title = f"Pairs on which all succeeded, {len(common)} of {len(pairs)}: {dataset}"
    if not kept:
        return Table(title, text_columns("Run"), (), "There is no such pair.")
    names = study.config.report.chosen_columns or LEADING
    return score_table(Study(study.config, kept), dataset, names, title)
