"""How straight a stack of sections comes out of each run: what is stored of it beside the records."""

from __future__ import annotations

from benchmarks.frozen import Frozen


class SectionDrift(Frozen, kw_only=True):
    """One section that a run's transforms reach.

    Attributes
    ----------
    section : int
        Its place in the stack.
    drift_mm : float or None
        Mean distance, over the mask of the reference section, between where the composed transforms and the true ones
        map a point; None where the truth is not known.
    """

    section: int
    drift_mm: float | None


class Crop(Frozen, kw_only=True):
    """The largest rectangle of the reference section that all sections cover, once aligned.

    Attributes
    ----------
    column, row : int
        Its first pixel, 0 for the reference section's own first one.
    columns, rows : int
        Its size in pixels.
    share : float
        Its part of the reference section.
    """

    column: int
    row: int
    columns: int
    rows: int
    share: float


class AlignedStack(Frozen, kw_only=True):
    """What became of the stack under one run.

    Attributes
    ----------
    run : str
        Label of the run.
    sections : tuple of SectionDrift
        The sections that a chain of transforms reaches, the reference among them.
    crop : Crop or None
        None where a section is not reached, or where the sections have no pixel in common.
    note : str
        What is missing and why, empty where nothing is.
    """

    run: str
    sections: tuple[SectionDrift, ...]
    crop: Crop | None
    note: str = ""


class StackAlignment(Frozen, kw_only=True):
    """A dataset whose pairs are consecutive sections, and how each run aligned them.

    Attributes
    ----------
    dataset : str
        Its name.
    sections : tuple of int
        Places of all sections, from the first to the last.
    reference : int
        The section that the others are brought to: the middle one.
    columns, rows : int
        Size of the reference section in pixels.
    step_pixels : int
        Every so many pixels a point is followed through the stack.
    unlinked : tuple of str
        Pairs of which no run kept a transform: the stack may be longer than ``sections``.
    true_crop : Crop or None
        What the true transforms leave; None where they are not known.
    runs : tuple of AlignedStack
        In the order of the config.
    """

    dataset: str
    sections: tuple[int, ...]
    reference: int
    columns: int
    rows: int
    step_pixels: int
    unlinked: tuple[str, ...]
    true_crop: Crop | None
    runs: tuple[AlignedStack, ...]
