"""How straight each run leaves a stack: transforms composed along it, beside the true ones, and the border cropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.aggregation import config_label, told_apart
from benchmarks.config import Config
from benchmarks.kept_transforms import ARTEFACT, FloatArray, Frame, KeptTransform, read_kept
from benchmarks.records import RunRecord, Status
from benchmarks.rectangles import largest_rectangle
from benchmarks.section_chain import LinkError, Step, follow, ways
from benchmarks.stack_record import AlignedStack, Crop, SectionDrift, StackAlignment
from datasets.pairing import natural_order

# Points followed along each axis of the reference section; of larger sections every second pixel, or third, ...
MOST_POINTS = 512


@dataclass(frozen=True)
class Link:
    """What is known of a pair of neighbouring sections, whichever run's file it was read from.

    Attributes
    ----------
    pair_id : str
        The pair.
    sections : tuple of int
        The fixed and the moving section, which comes after it.
    fixed, moving : Frame
        Where their pixels lie.
    name : str
        The file, relative to the results folder.
    """

    pair_id: str
    sections: tuple[int, int]
    fixed: Frame
    moving: Frame
    name: str


@dataclass(frozen=True)
class SectionStack:
    """The sections of a dataset that are linked with the one in its middle.

    Attributes
    ----------
    links : mapping of int to Link
        By fixed section.
    folder : Path
        The results folder.
    """

    links: Mapping[int, Link]
    folder: Path

    @cached_property
    def reference(self) -> int:
        """The middle one of the sections that are linked with each other."""
        every = sorted({section for link in self.links.values() for section in link.sections})
        linked = self._linked(every[(len(every) - 1) // 2])
        return linked[(len(linked) - 1) // 2]

    @cached_property
    def sections(self) -> tuple[int, ...]:
        """All that can be reached from the reference, in order."""
        return self._linked(self.reference)

    @cached_property
    def ways(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """From the reference to the end and to the beginning."""
        return self._ways(self.reference)

    @property
    def frame(self) -> Frame:
        """Where the pixels of the reference section lie."""
        return self.frames[self.reference]

    @cached_property
    def frames(self) -> Mapping[int, Frame]:
        """Where the pixels of every section lie."""
        moving = {link.sections[1]: link.moving for link in self.links.values()}
        return moving | {link.sections[0]: link.fixed for link in self.links.values()}

    @cached_property
    def step_pixels(self) -> int:
        """Every so many pixels a point is followed."""
        return -(-max(self.frame.shape) // MOST_POINTS)

    @cached_property
    def lattice(self) -> npt.NDArray[np.intp]:
        """Array indices of the points that are followed, shape (rows, columns, 2)."""
        rows, columns = (np.arange(0, n, self.step_pixels) for n in self.frame.shape)
        return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)

    @cached_property
    def points_mm(self) -> FloatArray:
        """Physical coordinates of the points that are followed, shape (n, 2)."""
        return self.frame.points(self.lattice.reshape(-1, 2))

    @cached_property
    def in_mask(self) -> npt.NDArray[np.bool_]:
        """Which of these points lie in the mask of the reference section."""
        rows, columns = self.lattice.reshape(-1, 2).T
        # The middle section is never the last one: it is the fixed image of a pair.
        mask = read_kept(self.folder, self.links[self.reference].name).mask[rows, columns]
        return np.asarray(mask) if mask.any() else np.ones_like(mask)

    def crop(self, covered: npt.NDArray[np.bool_]) -> Crop | None:
        """Return the largest rectangle of points that all sections cover, shape (n,); None where there is none."""
        rectangle = largest_rectangle(covered.reshape(self.lattice.shape[:2]))
        if rectangle is None:
            return None
        step = self.step_pixels
        rows, columns = ((n - 1) * step + 1 for n in (rectangle.rows, rectangle.columns))
        return Crop(
            column=rectangle.column * step,
            row=rectangle.row * step,
            columns=columns,
            rows=rows,
            share=rows * columns / (self.frame.shape[0] * self.frame.shape[1]),
        )

    def _linked(self, start: int) -> tuple[int, ...]:
        after, before = self._ways(start)
        return tuple(sorted({start, *(step.section for step in (*after, *before))}))

    def _ways(self, start: int) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        return ways({first: link.sections[1] for first, link in self.links.items()}, start)


def align_stacks(config: Config, records: Iterable[RunRecord], folder: Path) -> tuple[StackAlignment, ...]:
    """Return how each run aligned the stacks that a config names.

    Parameters
    ----------
    config : Config
        Names them under ``stacks``.
    records : iterable of RunRecord
        All records; of several with the same run, pair and repeat the last counts.
    folder : Path
        ``results/<name>``, where the transforms lie that the records name. A stack of which none can be read is left
        out.
    """
    found = told_apart(records) if config.stacks else []
    first = [record for record in found if _keeps(record, config)]
    aligned = []
    for dataset in config.stacks:
        of_dataset = [record for record in first if record.identity.dataset == dataset]
        stack = SectionStack(_links(of_dataset, folder), folder)
        if stack.links:
            aligned.append(_alignment(stack, dataset, of_dataset, [run.label for run in config.runs]))
    return tuple(aligned)


def _keeps(record: RunRecord, config: Config) -> bool:
    """Tell whether a transform is kept of such a job: in the first repeat, under the first thread count."""
    identity = record.identity
    return identity.repeat == 0 and identity.threads == config.resources.thread_counts[0]


def _alignment(
    stack: SectionStack, dataset: str, records: Sequence[RunRecord], order: Sequence[str]
) -> StackAlignment:
    runs: dict[str, dict[str, RunRecord]] = {}
    for record in records:
        runs.setdefault(record.identity.run, {})[record.identity.pair_id] = record
    linked = {link.pair_id for link in stack.links.values()}
    labels = sorted(runs, key=lambda label: _place(order, label))
    return StackAlignment(
        dataset=dataset,
        sections=stack.sections,
        reference=stack.reference,
        columns=stack.frame.shape[1],
        rows=stack.frame.shape[0],
        step_pixels=stack.step_pixels,
        unlinked=tuple(sorted({record.identity.pair_id for record in records} - linked)),
        true_crop=_true_crop(stack),
        runs=tuple(_aligned(stack, label, _loader(stack, runs[label])) for label in labels),
    )


def _aligned(stack: SectionStack, run: str, load: Callable[[int], KeptTransform]) -> AlignedStack:
    drifts: dict[int, float | None] = {}
    notes = []
    covered = np.ones(len(stack.points_mm), dtype=bool)
    truth_known = []
    for steps in stack.ways:
        try:
            for one in follow(steps, load, stack.points_mm):
                truth_known.append(one.true_mm is not None)
                covered &= stack.frames[one.section].holds(one.found_mm)
                drifts[one.section] = _drift(stack, one.found_mm, one.true_mm)
                if one.true_mm is not None and drifts[one.section] is None:
                    notes.append(f"section {one.section}: a transform has no inverse in the mask")
        except LinkError as missing:
            notes.append(str(missing))
    drifts[stack.reference] = 0.0 if truth_known and all(truth_known) else None
    return AlignedStack(
        run=run,
        sections=tuple(SectionDrift(section=s, drift_mm=drifts[s]) for s in sorted(drifts)),
        crop=stack.crop(covered) if len(drifts) == len(stack.sections) else None,
        note="; ".join(notes),
    )


def _drift(stack: SectionStack, found_mm: FloatArray, true_mm: FloatArray | None) -> float | None:
    if true_mm is None:
        return None
    apart = (found_mm - true_mm)[stack.in_mask]
    return float(np.mean(np.linalg.norm(apart, axis=1))) if np.isfinite(apart).all() else None


def _true_crop(stack: SectionStack) -> Crop | None:
    covered = np.ones(len(stack.points_mm), dtype=bool)
    for steps in stack.ways:
        for one in follow(steps, lambda link: _true_link(stack, link), stack.points_mm):
            if one.true_mm is None:
                return None
            covered &= stack.frames[one.section].holds(one.true_mm)
    return stack.crop(covered)


def _true_link(stack: SectionStack, link: int) -> KeptTransform:
    kept = read_kept(stack.folder, stack.links[link].name)
    return replace(kept, found=kept.true or kept.found)


def _links(records: Iterable[RunRecord], folder: Path) -> dict[int, Link]:
    """Return the links that any run kept a transform of."""
    links: dict[int, Link] = {}
    seen = set()
    for record in records:
        name, pair = record.artefacts.get(ARTEFACT), record.identity.pair_id
        if record.status is not Status.OK or name is None or pair in seen:
            continue
        try:
            kept = read_kept(folder, name)
        except ValueError:
            continue
        if kept.sections is not None:
            links[kept.sections[0]] = Link(pair, kept.sections, kept.fixed, kept.moving, name)
            seen.add(pair)
    return links


def _loader(stack: SectionStack, records: Mapping[str, RunRecord]) -> Callable[[int], KeptTransform]:
    """Return what reads a run's own transform of a link."""

    def load(link: int) -> KeptTransform:
        pair = stack.links[link].pair_id
        record = records.get(pair)
        name = record.artefacts.get(ARTEFACT) if record else None
        if record is None:
            raise LinkError(f"{pair}: not run")
        if record.status is not Status.OK:
            raise LinkError(f"{pair}: {record.status}")
        if name is None:
            raise LinkError(f"{pair}: its transform was not kept")
        try:
            return read_kept(stack.folder, name)
        except ValueError as error:
            raise LinkError(f"{pair}: {error}") from error

    return load


def _place(order: Sequence[str], label: str) -> tuple[int, tuple[list[str | int], str]]:
    base = config_label(label)
    return order.index(base) if base in order else len(order), natural_order(label)
