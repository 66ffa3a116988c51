"""The slices that were kept of a pair, as figures and the page show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from benchmarks.aggregation import PairKey, PairResult
from benchmarks.artefact_files import read_artefact
from benchmarks.panels import Panel, panels_name, read_panels
from benchmarks.stacks import MARGIN, Stack, read_stacks
from reports.study import Run, Study, once_per_study

ARTEFACT = "panels"
STACKS = "stacks"


@dataclass(frozen=True)
class Shown:
    """A run's slices of a pair."""

    run: Run
    result: PairResult
    panels: Mapping[str, Panel]


@dataclass(frozen=True)
class KeptSlices:
    """The slices that were kept of a pair.

    Attributes
    ----------
    key : PairKey
        The pair.
    shown : tuple of Shown
        Runs whose slices could be read, in the order of the tables.
    omitted : tuple of str
        Why others are left out, a sentence each.
    """

    key: PairKey
    shown: tuple[Shown, ...]
    omitted: tuple[str, ...]

    @property
    def labels(self) -> frozenset[str]:
        """Labels of the runs shown."""
        return frozenset(one.run.label for one in self.shown)

    @property
    def planes(self) -> tuple[str, ...]:
        """Names of the planes, in the order kept."""
        return tuple(self.shown[0].panels)


def kept_slices(study: Study, folder: Path, key: PairKey) -> KeptSlices:
    """Read the slices of a pair; a file that is missing or damaged is told, not raised."""
    shown: list[Shown] = []
    omitted: list[str] = []
    for run in study.runs(key.dataset):
        try:
            found = read_slices(study, folder, key, run)
            if found and shown:
                _require_same_grid(shown[0].panels, found.panels)
        except ValueError as error:
            omitted.append(f"{run.label}: slices left out: {error}")
        else:
            shown += [found] if found else []
    return KeptSlices(key, tuple(shown), tuple(omitted))


def kept_stacks(folder: Path, kept: KeptSlices) -> dict[str, dict[str, Stack]]:
    """Read the stacks of a pair's volumes by run label; runs without any that can be read are left out."""
    stacks = {}
    for one in kept.shown:
        path = next((p for r in one.result.repeats if (p := r.artefacts.get(STACKS))), None)
        if path is None:
            continue
        # Without its stack a run is shown by the slices that figures show.
        with suppress(ValueError):
            stacks[one.run.label] = read_artefact(folder, path, read_stacks)
    return stacks


def read_slices(study: Study, folder: Path, key: PairKey, run: Run) -> Shown | None:
    """Read a run's slices of a pair; None where none were kept.

    Raises
    ------
    ValueError
        When the file is missing or damaged.
    """
    result = study.result(key.dataset, key.pair_id, run.label)
    path = slices_path(result, files_of(study, folder)) if result and result.ok else None
    return Shown(run, result, _read(folder, path)) if result and path else None


@once_per_study
def files_of(study: Study, folder: Path) -> frozenset[str]:  # noqa: ARG001
    """List the files of artefacts in a results folder, relative to it: looked up as often as there are records."""
    return frozenset(path.relative_to(folder).as_posix() for path in folder.glob(panels_name("*")))


def slices_path(result: PairResult, files: Collection[str]) -> str | None:
    """Return where a result's slices lie, relative to the results folder; None where none were kept.

    Parameters
    ----------
    result : PairResult
        Of which pair and run.
    files : collection of str
        What :func:`files_of` lists.
    """
    for record in result.repeats:
        if path := record.artefacts.get(ARTEFACT):
            return path
    # Slices made later are not named in the record, which is never written again.
    later = (panels_name(record.job_id) for record in result.repeats) if files else ()
    return next((path for path in later if path in files), None)


def _read(folder: Path, path: str) -> dict[str, Panel]:
    panels = read_artefact(folder, path, read_panels)
    if not panels:
        raise ValueError(f"{path} holds no slice")
    return {plane: _cropped(panel) for plane, panel in panels.items()}


def _require_same_grid(first: Mapping[str, Panel], other: Mapping[str, Panel]) -> None:
    shapes = [{plane: panel.fixed.shape for plane, panel in panels.items()} for panels in (first, other)]
    if shapes[0] != shapes[1]:
        raise ValueError("they are not on the grid of the other runs' slices")


def _cropped(panel: Panel) -> Panel:
    """Cut away what lies far outside the mask."""
    rows, columns = (np.flatnonzero(panel.mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return panel
    box = tuple(
        _widened(int(found[0]), int(found[-1]) + 1, size)
        for found, size in ((rows, panel.mask.shape[0]), (columns, panel.mask.shape[1]))
    )
    cut = {
        field.name: getattr(panel, field.name)[(..., *box)]
        for field in fields(Panel)
        if field.name != "spacing_mm"
    }
    return replace(panel, **cut)


def _widened(start: int, stop: int, size: int) -> slice:
    margin = max(2, round(MARGIN * (stop - start)))
    return slice(max(0, start - margin), min(size, stop + margin))
