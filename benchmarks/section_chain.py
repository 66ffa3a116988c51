"""The sections of a stack as a chain of links, and the way of points along it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.kept_transforms import FloatArray, KeptTransform, PointMap


class LinkError(Exception):
    """A link of the chain is missing; the message says which and why."""


@dataclass(frozen=True)
class Step:
    """From one section to a neighbour that is farther from the reference.

    Attributes
    ----------
    link : int
        The section that is the fixed image of the link between the two.
    section : int
        Where it leads.
    direction : {"forward", "inverse"}
        Through the link's transform, which maps the fixed section to the moving one, or back.
    """

    link: int
    section: int
    direction: Literal["forward", "inverse"]

    def carry(self, link: PointMap, points_mm: FloatArray) -> FloatArray:
        """Map points of the section before to this one."""
        return link.forward(points_mm) if self.direction == "forward" else link.inverse(points_mm)


@dataclass(frozen=True)
class Followed:
    """Points of the reference section in another one.

    Attributes
    ----------
    section : int
        Where they are.
    found_mm, true_mm : ndarray of shape (n, dimension)
        By the transforms found, and by the true ones; None where one of these is not known. NaN where a transform has
        no inverse.
    """

    section: int
    found_mm: FloatArray
    true_mm: FloatArray | None


def ways(followers: Mapping[int, int], reference: int) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Return the steps from a section to the end of its stack, and those to the beginning.

    Parameters
    ----------
    followers : mapping of int to int
        The moving section of each link by its fixed one.
    reference : int
        Where both ways begin.
    """
    after: list[Step] = []
    at = reference
    while at in followers and len(after) < len(followers):
        at, link = followers[at], at
        after.append(Step(link, at, "forward"))
    predecessors = {second: first for first, second in followers.items()}
    before: list[Step] = []
    at = reference
    while at in predecessors and len(before) < len(followers):
        at = predecessors[at]
        before.append(Step(at, at, "inverse"))
    return tuple(after), tuple(before)


def follow(
    steps: Sequence[Step], load: Callable[[int], KeptTransform], points_mm: FloatArray
) -> Iterator[Followed]:
    """Follow points of the reference section from one section to the next.

    With T_i the map from section i to its follower j, points come to j through T_i, and to i from j through its
    inverse: they meet their like in every section.

    Parameters
    ----------
    steps : sequence of Step
        One of the two ways.
    load : callable
        Returns a link by its fixed section, or raises.
    points_mm : ndarray of shape (n, dimension)
        Physical points of the reference section.

    Raises
    ------
    LinkError
        When ``load`` does.
    """
    found: FloatArray = points_mm
    true: FloatArray | None = points_mm
    for step in steps:
        link = load(step.link)
        found = step.carry(link.found, found)
        true = None if true is None or link.true is None else step.carry(link.true, true)
        yield Followed(step.section, found, true)
