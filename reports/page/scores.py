"""The numbers of a dataset as the page holds them: one value per run, metric and pair."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.aggregation import TIMES
from benchmarks.catalogue import METRICS
from benchmarks.label_scores import LabelScores
from benchmarks.plain_text import one_line
from reports.study import IDENTITY, Run, Study
from reports.summary import FURTHER, LEADING

# Metrics in the order in which they are offered, and dropped from the end where a page would grow too large.
ORDER = tuple(dict.fromkeys((*LEADING, *FURTHER, *METRICS)))
LABEL_METRICS = ("dice", "jaccard", "target_overlap", "hd95_mm", "assd_mm")
# What a number and its comma need in the page, about.
BYTES_PER_NUMBER = 8
SIGNIFICANT_DIGITS = 5

Numbers = list[float | None]


class Wordlist:
    """Words that repeat often, each stored once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        """Return the place of a word in the list."""
        return self._numbers.setdefault(one_line(word), len(self._numbers))

    @property
    def words(self) -> list[str]:
        """All words, in the order of their numbers."""
        return list(self._numbers)


def rounded(value: float | None) -> float | None:
    """Return a number with as many digits as the page shows, None for one that is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def metrics_within(study: Study, dataset: str, limit_bytes: int) -> tuple[str, ...]:
    """Return the metrics that any run of a dataset has, the most telling first, as many as fit; one at least."""
    columns = len(study.runs(dataset)) + 1
    each = len(study.pairs(dataset)) * columns * BYTES_PER_NUMBER
    found = _recorded(study, dataset)
    return tuple(name for name in ORDER if name in found)[: max(1, limit_bytes // max(1, each))]


def _recorded(study: Study, dataset: str) -> set[str]:
    return {
        metric
        for metric in METRICS
        if study.before(dataset, metric).notna().any()
        or any(study.values(dataset, run.label, metric).notna().any() for run in study.runs(dataset))
    }


def scores_of(
    study: Study, dataset: str, metrics: Sequence[str], statuses: Wordlist, messages: Wordlist
) -> dict[str, Any]:
    """Return pairs, their kinds, the start, and per run the values, how jobs ended and what they said."""
    pairs = study.pairs(dataset)
    kinds = Wordlist()
    return {
        "name": one_line(dataset),
        "pairs": [one_line(pair) for pair in pairs],
        "kinds": [kinds.number(study.kind(dataset, pair)) for pair in pairs],
        "kindNames": kinds.words,
        "metrics": list(metrics),
        "before": _defined({name: study.before(dataset, name) for name in metrics}),
        "runs": [
            {
                "title": one_line(run.title),
                "track": run.track,
                "reference": run.reference,
                "untouched": run.backend == IDENTITY,
                "values": _defined(
                    {
                        name: study.values(dataset, run.label, name)
                        for name in metrics
                        # A reference row registers nothing, so that its time means nothing.
                        if not (run.reference and name in TIMES)
                    }
                ),
                **_endings(study, dataset, run, statuses, messages),
            }
            for run in study.runs(dataset)
        ],
    }


def _defined(values: Mapping[str, Iterable[float]]) -> dict[str, Numbers]:
    numbers = {name: [rounded(value) for value in series] for name, series in values.items()}
    return {name: found for name, found in numbers.items() if any(value is not None for value in found)}


def _endings(study: Study, dataset: str, run: Run, statuses: Wordlist, messages: Wordlist) -> dict[str, Any]:
    ended: list[int | None] = []
    said: dict[int, int] = {}
    for number, pair in enumerate(study.pairs(dataset)):
        result = study.result(dataset, pair, run.label)
        ended.append(statuses.number(str(result.status)) if result else None)
        failure = next((r.failure for r in result.repeats if r.failure), None) if result else None
        if failure:
            said[number] = messages.number(f"{failure.stage}: {failure.message}")
    return {"statuses": ended, "messages": said}


def label_means(study: Study, dataset: str) -> dict[str, Any] | None:
    """Return the mean over pairs of each label's scores, per run; None where no label was scored."""
    means: dict[tuple[str, int, str], float] = {}
    names: dict[str, None] = {}
    for number, run in enumerate(study.runs(dataset)):
        of_run = [_labels_of(study, dataset, pair, run) for pair in study.pairs(dataset)]
        names |= dict.fromkeys(label for labels in of_run for label in labels.rows)
        for metric in LABEL_METRICS:
            found: defaultdict[str, list[float]] = defaultdict(list)
            for labels in of_run:
                for label, value in labels.column(metric).items():
                    found[label].append(value)
            means |= {(metric, number, label): fmean(values) for label, values in found.items()}
    return _label_table(list(names), list(range(len(study.runs(dataset)))), means)


def pair_labels(study: Study, dataset: str, pair: str) -> dict[str, Any] | None:
    """Return the scores of each label of one pair, per run; None where no label was scored."""
    found: dict[tuple[str, int, str], float] = {}
    names: dict[str, None] = {}
    for number, run in enumerate(study.runs(dataset)):
        labels = _labels_of(study, dataset, pair, run)
        names |= dict.fromkeys(labels.rows)
        for metric in LABEL_METRICS:
            found |= {(metric, number, label): value for label, value in labels.column(metric).items()}
    return _label_table(list(names), sorted({number for _, number, _ in found}), found)


def _labels_of(study: Study, dataset: str, pair: str, run: Run) -> LabelScores:
    """Return the scores of the first repeat, which stands for all: the same result twice gives the same labels."""
    result = study.result(dataset, pair, run.label)
    return result.repeats[0].labels if result and result.ok else LabelScores()


def _label_table(
    names: Sequence[str], runs: Sequence[int], values: Mapping[tuple[str, int, str], float]
) -> dict[str, Any] | None:
    metrics = [name for name in LABEL_METRICS if any(metric == name for metric, _, _ in values)]
    if not metrics:
        return None
    return {
        "names": [one_line(name) for name in names],
        "runs": list(runs),
        "scores": {
            metric: [[rounded(values.get((metric, run, name))) for name in names] for run in runs]
            for metric in metrics
        },
    }
