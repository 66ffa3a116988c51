"""What the solver needs to know of a transform model at one level."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from lmreg.separable import SeparableBasis


class LevelTransform(ABC):
    """A transform model on the grid of one level.

    The state is a float64 tensor whose meaning is the model's own. Small changes of the state are vectors of
    ``unknowns`` float64 numbers, called steps; they move the sampled positions by a field in the span of ``basis``.
    """

    basis: SeparableBasis

    @property
    @abstractmethod
    def unknowns(self) -> int:
        """Length of a step."""

    @abstractmethod
    def positions(self, state: Tensor) -> Tensor:
        """Where each voxel of the fixed level falls, in voxels of the moving level; shape (dim, *spatial)."""

    @abstractmethod
    def push(self, state: Tensor, step: Tensor) -> Tensor:
        """Coefficients in ``basis`` of the change of positions that a step makes, shape (dim, *functions)."""

    @abstractmethod
    def pull(self, state: Tensor, moments: Tensor) -> Tensor:
        """Adjoint of :meth:`push`: gradient over steps from a gradient over coefficients."""

    @abstractmethod
    def congruence(self, state: Tensor, gram: Tensor) -> Tensor:
        """Normal matrix over steps from that over coefficients, shape (unknowns, unknowns)."""

    @abstractmethod
    def diagonal(self, state: Tensor, squares: Tensor) -> Tensor:
        """Approximate diagonal of :meth:`congruence` from the diagonal over coefficients (dim, *functions)."""

    @abstractmethod
    def retract(self, state: Tensor, step: Tensor) -> Tensor:
        """State after a step."""

    @abstractmethod
    def pull_state(self, state: Tensor, cotangent: Tensor) -> Tensor:
        """Gradient over steps from a gradient over the state."""

    def bend(self, state: Tensor, moments: Tensor) -> Tensor | None:  # noqa: ARG002
        """Second-order change of positions with a step, contracted with the gradient over coefficients.

        Shape (unknowns, unknowns); None where positions are linear in the step.
        """
        return None
