"""Damped normal equations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

DIAGONAL_FLOOR = 1e-4
METRIC_RIDGE = 1e-6
SINGULAR_PIVOT = 1e-14
SMALLEST_RATIO = 0.03
TRUST_PER_DAMPING = 30.0
BLENDS = (0.0, 0.25, 0.5, 0.75, 1.0)


class NormalEquations(ABC):
    """A symmetric matrix H over the unknowns, float64."""

    @abstractmethod
    def product(self, vector: Tensor) -> Tensor:
        """H times a vector."""

    @abstractmethod
    def damping(self) -> Tensor:
        """Positive diagonal that damping scales: that of H (Marquardt 1963), bounded away from zero."""

    def promise(self, right: Tensor, step: Tensor) -> float:
        """Decrease of the quadratic model by a step: ``rightᵀ step - ½ stepᵀ H step``."""
        return float(torch.dot(step, right - 0.5 * self.product(step)))

    @abstractmethod
    def solve(self, right: Tensor, damping: float) -> Tensor | None:
        """Solution of (H + damping · diagonal) x = right; None where that matrix is not positive definite."""


@dataclass(frozen=True, eq=False)
class DenseEquations(NormalEquations):
    """A dense matrix, factorised by Cholesky."""

    matrix: Tensor

    def product(self, vector: Tensor) -> Tensor:
        return self.matrix @ vector

    def damping(self) -> Tensor:
        return bounded(self.matrix.diagonal())

    def solve(self, right: Tensor, damping: float) -> Tensor | None:
        factor, failure = torch.linalg.cholesky_ex(self.matrix + torch.diag(damping * self.damping()))
        pivots = factor.diagonal().square()
        if int(failure) or bool(pivots.min() <= SINGULAR_PIVOT * pivots.max()):
            return None
        return torch.cholesky_solve(right[:, None], factor)[:, 0]


@dataclass(frozen=True, eq=False)
class SpectralEquations(NormalEquations):
    """The exact Hessian, made positive definite in the metric of its Gauss-Newton part.

    With ``exact v = λ gauss_newton v``, a direction that curves upwards keeps its curvature; one that curves
    downwards gets
    its magnitude (Dauphin et al. 2014), and none gets less than a small share of its Gauss-Newton curvature, so that a
    step is at first never many times that of Gauss-Newton. The share falls with the damping: weak directions, too,
    converge as fast as Newton's method does.

    Attributes
    ----------
    exact, gauss_newton : Tensor
        Shape (unknowns, unknowns), float64; the second positive semidefinite.
    """

    exact: Tensor
    gauss_newton: Tensor

    def product(self, vector: Tensor) -> Tensor:
        return self.exact @ vector

    def damping(self) -> Tensor:
        return bounded(self.gauss_newton.diagonal())

    def solve(self, right: Tensor, damping: float) -> Tensor | None:
        if self._spectrum is None:
            return None
        values, vectors = self._spectrum
        trusted = min(SMALLEST_RATIO, TRUST_PER_DAMPING * damping)
        return vectors @ ((vectors.mT @ right) / (values.abs().clamp_min(trusted) + damping))

    @cached_property
    def _spectrum(self) -> tuple[Tensor, Tensor] | None:
        """Ratios λ, and vectors that make both matrices diagonal."""
        metric = self.gauss_newton + torch.diag(METRIC_RIDGE * self.damping())
        factor, failure = torch.linalg.cholesky_ex(metric)
        if int(failure):
            return None
        half = torch.linalg.solve_triangular(factor, self.exact, upper=False)
        whole = torch.linalg.solve_triangular(factor, half.mT, upper=False)
        values, vectors = torch.linalg.eigh(whole)
        return values, torch.linalg.solve_triangular(factor.mT, vectors, upper=True)


@dataclass(frozen=True, eq=False)
class MatrixFreeEquations(NormalEquations):
    """A matrix known by its products, solved by preconditioned conjugate gradients.

    Attributes
    ----------
    operator : callable
        H times a vector.
    diagonal : Tensor
        Diagonal of H, or an approximation.
    iterations : int
        Most iterations of a solve.
    tolerance : float
        Norm of the residual, relative to that of the right-hand side, at which a solve ends.
    """

    operator: Callable[[Tensor], Tensor]
    diagonal: Tensor
    iterations: int
    tolerance: float

    def product(self, vector: Tensor) -> Tensor:
        return self.operator(vector)

    def damping(self) -> Tensor:
        return bounded(self.diagonal)

    def solve(self, right: Tensor, damping: float) -> Tensor | None:
        damped = damping * self.damping()
        preconditioner = 1 / (self.damping() + damped)
        solution = torch.zeros_like(right)
        residual = right
        target = self.tolerance * float(torch.linalg.vector_norm(right.detach()))
        direction = preconditioned = preconditioner * residual
        product = torch.dot(residual, preconditioned)
        for _ in range(self.iterations):
            if float(torch.linalg.vector_norm(residual.detach())) <= target:
                break
            image = self.operator(direction) + damped * direction
            curvature = torch.dot(direction, image)
            if not float(curvature.detach()) > 0:
                return None
            length = product / curvature
            solution = solution + length * direction
            residual = residual - length * image
            preconditioned = preconditioner * residual
            previous, product = product, torch.dot(residual, preconditioned)
            direction = preconditioned + (product / previous) * direction
        return solution


@dataclass(frozen=True, eq=False)
class NewtonEquations(NormalEquations):
    """An exact Hessian that may not be positive definite, and the Gauss-Newton one to fall back on.

    Attributes
    ----------
    exact : MatrixFreeEquations
        The exact Hessian.
    gauss_newton : NormalEquations
        Positive semidefinite.
    """

    exact: MatrixFreeEquations
    gauss_newton: NormalEquations

    def product(self, vector: Tensor) -> Tensor:
        return self.exact.product(vector)

    def damping(self) -> Tensor:
        return self.gauss_newton.damping()

    def promise(self, right: Tensor, step: Tensor) -> float:
        promised = self.exact.promise(right, step)
        return promised if promised > 0 else self.gauss_newton.promise(right, step)

    def solve(self, right: Tensor, damping: float) -> Tensor | None:
        step = self.exact.solve(right, damping)
        return self.gauss_newton.solve(right, damping) if step is None else step


@dataclass(frozen=True, eq=False)
class BlendedEquations(DenseEquations):
    """An exact Hessian with as much of its Gauss-Newton part as makes it positive definite.

    Attributes
    ----------
    matrix : Tensor
        The exact Hessian, shape (unknowns, unknowns), float64.
    gauss_newton : Tensor
        Of the same shape, positive semidefinite.
    """

    gauss_newton: Tensor

    def damping(self) -> Tensor:
        return bounded(self.gauss_newton.diagonal())

    def promise(self, right: Tensor, step: Tensor) -> float:
        promised = super().promise(right, step)
        return promised if promised > 0 else DenseEquations(self.gauss_newton).promise(right, step)

    def solve(self, right: Tensor, damping: float) -> Tensor | None:
        for share in BLENDS:
            blend = DenseEquations(torch.lerp(self.matrix, self.gauss_newton, share))
            step = blend.solve(right, damping)
            if step is not None:
                return step
        return None


def bounded(diagonal: Tensor) -> Tensor:
    """Diagonal bounded from below by a small part of its mean magnitude."""
    floor = DIAGONAL_FLOOR * diagonal.detach().abs().mean()
    return diagonal.clamp_min(float(floor) or 1.0)
