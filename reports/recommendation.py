"""Which backend to choose, in at most five sentences that the numbers carry."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.catalogue import Metric
from benchmarks.config import Config
from benchmarks.noise import NoiseFloors
from benchmarks.wording import counted
from reports.noise_floor import NO_CALIBRATION, noise_floor
from reports.numbers import Spread, fixed_digits, some_of, spread_of
from reports.pair_scores import leading_metric
from reports.statistics.paired import Comparison, compare_with, shortage
from reports.statistics.ranks import rank_runs
from reports.study import Records, Run, Study, once_per_study

# Below it, times are called alike where nobody measured the noise floor.
DEFAULT_FLOOR = 1.25
# A smaller share of folded voxels is not worth a sentence.
FOLDS = 1e-4
# So many of several runs are named.
NAMED = 3


@once_per_study
def recommendation(
    config: Config, records: Records, dataset: str, noise: NoiseFloors = NO_CALIBRATION
) -> tuple[str, ...]:
    """Return at most five sentences on one dataset: whom to choose, and on what evidence.

    Parameters
    ----------
    config : Config
        Gives the order of the runs.
    records : iterable of RunRecord, or Study
        All records; of several with the same run, pair and repeat the last counts. In a sweep over thread counts
        those of the first are compared.
    dataset : str
        On which dataset.
    noise : NoiseFloors
        How far times of equals lie apart: a smaller difference is not called one.
    """
    whole = Study.of(config, records)
    study = whole.under_first_threads
    runs = study.competitors(dataset)
    pairs = len(study.pairs(dataset))
    metric = leading_metric(study, dataset)
    spreads = _complete(study, dataset, runs, metric)
    if not spreads:
        return (f"No run succeeded on all {counted(pairs, 'pair')}: there is nothing to choose from yet.",)
    if len(spreads) == 1:
        (only,) = spreads
        others = f" of {len(runs)} runs" if len(runs) > 1 else ""
        return (
            f"Only {only}{others} succeeded on all {counted(pairs, 'pair')}, with {_scored(spreads[only], metric)}: "
            "there is no other to compare it with.",
        )
    best = _best(spreads, metric)
    start = spread_of(study.before(dataset, metric.name))
    if start and start.n == pairs and not _better(spreads[best].mean, start.mean, metric):
        return (
            f"Choose none of them here: with nothing done the mean {_quantity(metric)} over "
            f"{counted(pairs, 'pair')} is {_printed(start.mean, metric)}, and the best average of a run, that of "
            f"{best}, is {_printed(spreads[best].mean, metric)}.",
        )
    compared = compare_with(study, dataset, metric, best, list(spreads))
    said = [
        _accuracy(best, spreads, metric, compared, pairs),
        _speed(study, dataset, best, spreads, compared, noise, several_threads=len(whole.thread_counts) > 1),
        _regularity(study, dataset, best),
        _failures(study, dataset, runs, spreads),
        _basis(study, dataset, metric, best),
    ]
    return tuple(sentence for sentence in said if sentence)


def _complete(study: Study, dataset: str, runs: Sequence[Run], metric: Metric) -> dict[str, Spread]:
    """Return the spreads of the competitors that have a value on every pair."""
    pairs = len(study.pairs(dataset))
    found = {run.label: spread_of(study.values(dataset, run.label, metric.name)) for run in runs}
    return {label: spread for label, spread in found.items() if spread and spread.n == pairs}


def _best(spreads: dict[str, Spread], metric: Metric) -> str:
    sign = 1 if metric.better == "lower" else -1
    return min(spreads, key=lambda label: sign * spreads[label].mean)


def _better(value: float, than: float, metric: Metric) -> bool:
    return value < than if metric.better == "lower" else value > than


def _quantity(metric: Metric) -> str:
    """Return the title of a metric without its unit."""
    return metric.title.partition(" (")[0]


def _printed(value: float, metric: Metric) -> str:
    """Return a value with its unit."""
    _, _, unit = metric.title.partition(" (")
    return f"{fixed_digits(value, metric.digits)} {unit.removesuffix(')')}".rstrip()


def _scored(spread: Spread, metric: Metric) -> str:
    return f"a mean {_quantity(metric)} of {_printed(spread.mean, metric)}"


def _accuracy(
    best: str, spreads: dict[str, Spread], metric: Metric, compared: Sequence[Comparison], pairs: int
) -> str:
    score = _scored(spreads[best], metric)
    beaten = [one for one in compared if one.significant]
    alike = [one.run for one in compared if not one.significant]
    if not any(one.conclusive for one in compared):
        least = min(compared, key=lambda one: (one.n, one.subjects))
        why = shortage(least.n, least.subjects, len(compared))
        second = _best({label: spread for label, spread in spreads.items() if label != best}, metric)
        these, them = ("this pair", "it") if pairs == 1 else (f"these {pairs} pairs", "them")
        return (
            f"Nothing can be concluded beyond {these} ({why}); on {them} {best} has the best "
            f"average, {score}, before {second} with {_printed(spreads[second].mean, metric)}."
        )
    if not alike:
        worst = max(one.p_holm for one in beaten)
        return (
            f"Choose {best} for accuracy: {score} over {counted(pairs, 'pair')}, significantly better than "
            f"{'the other' if len(beaten) == 1 else f'all {len(beaten)} others'} (largest corrected p {worst:.2g}), "
            f"{_lead(min(beaten, key=lambda one: abs(one.difference)), metric)}."
        )
    named = some_of(alike, NAMED)
    clear = f"; from {counted(len(beaten), 'other')} it can" if beaten else ""
    return (
        f"{best} has the best average, {score} over {counted(pairs, 'pair')}, but cannot be told from {named} (paired "
        f"tests at 5 %){clear}."
    )


def _lead(next_best: Comparison, metric: Metric) -> str:
    """Return by how much the best leads; a comparison tells by how much the other one does."""
    ends = next_best.interval
    low, high = (fixed_digits(-end, metric.digits) for end in (ends.high, ends.low)) if ends else ("", "")
    between = f" [95 % interval {low} to {high}]" if ends else ""
    return f"ahead of the next, {next_best.run}, by {_printed(-next_best.difference, metric)}{between}"


def _speed(
    study: Study,
    dataset: str,
    best: str,
    spreads: dict[str, Spread],
    compared: Sequence[Comparison],
    noise: NoiseFloors,
    *,
    several_threads: bool,
) -> str:
    if study.overlapping(dataset) or len(study.by_device) > 1:
        return "The times of this run are not comparable, so that no run is called fast."
    concluded = any(one.conclusive for one in compared)
    alike = [best, *(one.run for one in compared if not one.significant)]
    times = {label: spread_of(study.values(dataset, label, "forward_s")) for label in alike}
    timed = {label: spread.median for label, spread in times.items() if spread}
    if best not in timed or len(timed) < 2:
        return ""
    floor = noise_floor(study, dataset, noise)
    least = floor or DEFAULT_FLOOR
    fastest = min(timed, key=lambda label: timed[label])
    ratio = spread_of(study.values(dataset, best, "forward_s") / study.values(dataset, fastest, "forward_s"))
    measured = (
        f"the noise floor of {least:.3g}×"
        if floor
        else f"the {least:.3g}× taken as noise, since none was measured"
    )
    threads = f" with {counted(study.thread_counts[0], 'thread')}" if several_threads else ""
    if fastest == best or ratio is None:
        others = [value for label, value in timed.items() if label != best]
        if min(others) / timed[best] > least:
            return f"It is also the fastest of these{threads}, with a median of {timed[best]:.3g} s."
        return f"Others of these are as fast{threads}: their times lie within {measured}."
    score = _printed(spreads[fastest].mean, leading_metric(study, dataset))
    if ratio.lower_quartile > least:
        # What nothing could be concluded on is no group of equals.
        whose = f"Of these, {fastest} is the fastest" if concluded else f"The fastest is {fastest}"
        return (
            f"{whose}{threads}, with an average of {score}: {best} takes {ratio.median:.3g} times as long on the "
            f"median pair (medians {timed[fastest]:.3g} s and {timed[best]:.3g} s), more than {measured}."
        )
    return f"No other of these is clearly faster{threads}: the times overlap, or lie within {measured}."


def _regularity(study: Study, dataset: str, best: str) -> str:
    folding = spread_of(study.values(dataset, best, "folding_fraction"))
    if folding is None:
        return ""
    if folding.largest > FOLDS:
        return (
            f"Mind that {best} folds tissue: on its worst pair, {folding.largest:.2%} of the voxels; look at the "
            "folding column before you use its transforms."
        )
    return ""


def _failures(study: Study, dataset: str, runs: Sequence[Run], spreads: dict[str, Spread]) -> str:
    pairs = len(study.pairs(dataset))
    failed = {
        run.label: pairs - study.ok_count(dataset, run.label)
        for run in runs
        if run.label not in spreads and study.ok_count(dataset, run.label) < pairs
    }
    if not failed:
        return ""
    named = some_of([f"{label} (not ok on {count} of {pairs})" for label, count in failed.items()], NAMED)
    return f"Not considered, because they did not succeed everywhere: {named}."


def _basis(study: Study, dataset: str, metric: Metric, best: str) -> str:
    if metric.name == "rmse":
        return (
            "There are neither labels nor known points: this rests on intensities alone, which says little of whether "
            "anatomy is aligned (Rohlfing 2012)."
        )
    ranking = rank_runs(study, dataset, metric)
    everywhere = ranking is not None and ranking.pairs == study.pairs(dataset)
    if ranking and everywhere and next(iter(ranking.ranks)) != best:
        first, rank = next(iter(ranking.ranks.items()))
        return (
            f"Pair by pair another leads: {first} has the best average rank, {rank:.1f} of {len(ranking.ranks)} over "
            f"{counted(len(ranking.pairs), 'pair')}; a few pairs decide the averages."
        )
    return ""
