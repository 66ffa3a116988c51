"""Draws the figures of a report into its folder."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.aggregation import PairKey
from benchmarks.stack_record import StackAlignment
from benchmarks.wording import counted
from reports.figures.agreement import agreement_plate
from reports.figures.capture import capture_plate
from reports.figures.convergence import convergence_plate
from reports.figures.costs import scaling_plate, times_plate
from reports.figures.drawing import Drawing, Plate, write_plate
from reports.figures.drift import drift_plate
from reports.figures.extremes import Extreme, extreme_pairs, extremes_drawing, extremes_plate
from reports.figures.pairs import pair_plates
from reports.figures.ranks import ranks_plate
from reports.figures.spread import labels_plate, spread_plate
from reports.figures.style import styled
from reports.figures.tradeoff import tradeoff_plate
from reports.galleries import Gallery, Pictures
from reports.kept_slices import KeptSlices, Shown, files_of, kept_slices, read_slices, slices_path
from reports.pair_scores import leading_metric
from reports.statistics.ranks import rank_runs
from reports.study import Study

# A report with the pictures of more pairs, or of more runs, would be neither read nor drawn in reasonable time.
MOST_PAIRS = 6
MOST_RUNS = 16


def draw_pictures(
    study: Study,
    folder: Path,
    dataset: str,
    stacks: Sequence[StackAlignment] = (),
    target: Path | None = None,
) -> Pictures:
    """Draw the figures of a dataset and return where they lie.

    Parameters
    ----------
    study : Study
        What to draw.
    folder : Path
        Results folder, with kept slices.
    dataset : str
        Of which dataset.
    stacks : sequence of StackAlignment
        How straight each run left the stacks of sections.
    target : Path or None
        The figures are written below it; None takes the results folder.
    """
    target = target or folder
    # Slices are kept, and scores and times compared, under one thread count; the scaling is of all.
    one = study.under_first_threads
    omitted: list[str] = []
    with styled():
        ranking = rank_runs(one, dataset, leading_metric(one, dataset))
        scores = [
            *(drift_plate(study, stack) for stack in stacks if stack.dataset == dataset),
            tradeoff_plate(one, dataset),
            capture_plate(one, dataset),
            ranks_plate(ranking, dataset) if ranking else None,
            spread_plate(one, dataset),
            labels_plate(one, dataset),
            agreement_plate(one, dataset),
        ]
        costs = [times_plate(one, dataset), scaling_plate(study, dataset), convergence_plate(one, dataset)]
        # Written before the next are drawn: the pictures of all pairs at once would fill the memory.
        slices = _draw_pairs(one, folder, target, dataset, omitted)
        slices += _written(target, [_extremes_plate(one, folder, dataset, omitted)])
        return Pictures(
            tuple(_written(target, scores)), tuple(_written(target, costs)), tuple(slices), tuple(omitted)
        )


def _written(folder: Path, plates: Sequence[Plate | None]) -> list[Gallery]:
    return [write_plate(folder, plate) for plate in plates if plate and plate.drawings]


def _draw_pairs(study: Study, folder: Path, target: Path, dataset: str, omitted: list[str]) -> list[Gallery]:
    chosen, left = _pairs_in_full(study, folder, dataset)
    if left:
        omitted.append(
            f"{counted(left, 'more pair')} that the config asks for: at most {MOST_PAIRS} are shown in full"
        )
    drawn: list[Gallery] = []
    for pair in chosen:
        kept = kept_slices(study, folder, PairKey(dataset, pair))
        omitted += [f"{pair}: {reason}" for reason in kept.omitted]
        if not kept.shown:
            continue
        kept = _shortened(kept, study.oracle, omitted)
        if study.oracle and study.oracle not in kept.labels:
            omitted.append(f"{pair}: the oracle {study.oracle} has no slices, nor any panels")
        drawn += _written(target, pair_plates(kept, study.oracle))
    return drawn


def _pairs_in_full(study: Study, folder: Path, dataset: str) -> tuple[list[str], int]:
    """Return the pairs to show in full, and how many more were asked for."""
    patterns = study.config.figures.pairs
    asked = [
        pair
        for pair in study.pairs(dataset)
        if not patterns or any(fnmatchcase(pair, pattern) for pattern in patterns)
    ]
    kept = (pair for pair in asked if _has_slices(study, folder, PairKey(dataset, pair)))
    if not patterns:
        return [pair for _, pair in zip(range(1), kept, strict=False)], 0
    found = list(kept)
    return found[:MOST_PAIRS], max(len(found) - MOST_PAIRS, 0)


def _has_slices(study: Study, folder: Path, key: PairKey) -> bool:
    files = files_of(study, folder)
    return any(slices_path(result, files) for result in study.results[key].values() if result.ok)


def _shortened(kept: KeptSlices, oracle: str | None, omitted: list[str]) -> KeptSlices:
    """Leave out runs beyond the limit, the oracle never."""
    runs = [one for one in kept.shown if one.run.label != oracle]
    if len(runs) <= MOST_RUNS:
        return kept
    omitted.append(
        f"{kept.key.pair_id}: {counted(len(runs) - MOST_RUNS, 'more run')}: at most {MOST_RUNS} are pictured"
    )
    left = {one.run.label for one in runs[MOST_RUNS:]}
    return KeptSlices(kept.key, tuple(one for one in kept.shown if one.run.label not in left), kept.omitted)


def _extremes_plate(study: Study, folder: Path, dataset: str, omitted: list[str]) -> Plate | None:
    """Return the worst, median and best pair of each run whose slices are there."""
    runs = study.competitors(dataset)
    drawings: list[Drawing] = []
    for run in runs[:MOST_RUNS]:
        shown: list[tuple[Extreme, Shown]] = []
        not_kept = []
        for extreme in extreme_pairs(study, dataset, run):
            try:
                found = read_slices(study, folder, PairKey(dataset, extreme.pair_id), run)
            except ValueError as error:
                omitted.append(
                    f"{run.label}, {extreme.rank} pair {extreme.pair_id}: slices left out: {error}"
                )
                continue
            if found:
                shown.append((extreme, found))
            else:
                not_kept.append(f"{extreme.rank} ({extreme.pair_id})")
        if not_kept:
            noun = "pair" if len(not_kept) == 1 else "pairs"
            omitted.append(f"{run.label}: no slices were kept of its {' and '.join(not_kept)} {noun}")
        if shown:
            drawings.append(extremes_drawing(run, shown))
    if drawings and len(runs) > MOST_RUNS:
        omitted.append(f"worst, median and best pair of {counted(len(runs) - MOST_RUNS, 'more run')}")
    return extremes_plate(drawings, dataset) if drawings else None
