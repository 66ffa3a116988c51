"""Reference rows: nothing done, and the answer itself."""

from __future__ import annotations

import SimpleITK as sitk
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from typing_extensions import override

from adapters.interface import Adapter, Problem, Registration, Resources

NO_TRUTH = "truth needs a pair whose true transform is known, and this one has none"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class NoParams:
    """Reference rows have nothing to set."""


class Identity(Adapter[NoParams]):
    """Nothing done: the score of the start that every competitor is given."""

    name = "identity"
    reference = True
    Params = NoParams

    @override
    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Remember the dimension."""
        self._dimension = problem.dimension

    def register(self) -> None:
        """Do nothing."""

    def result(self) -> Registration:
        """Return the identity."""
        identity = sitk.Transform(self._dimension, sitk.sitkIdentity)
        return Registration(identity, inverse=identity, effective={"model": "identity"})


class Truth(Adapter[NoParams]):
    """The true transform, where it is known: its scores are what a perfect answer gets.

    TRE cannot be better. Overlap and similarity can, by fitting noise, or the edges of labels after resampling.
    """

    name = "truth"
    reference = True
    Params = NoParams

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason when the pair has no true transform."""
        if reason := super().unsupported(problem):
            return reason
        return None if problem.true_transform is not None else NO_TRUTH

    @override
    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Take a copy of the true transform.

        Raises
        ------
        ValueError
            When the pair has none.
        """
        if problem.true_transform is None:
            raise ValueError(NO_TRUTH)
        self._transform = sitk.Transform(problem.true_transform)

    def register(self) -> None:
        """Do nothing."""

    def result(self) -> Registration:
        """Return the true transform, and its inverse where that is a closed form."""
        inverse = self._transform.GetInverse() if self._transform.IsLinear() else None
        return Registration(self._transform, inverse=inverse, effective={"model": "truth"})
