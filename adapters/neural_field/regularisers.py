"""What keeps a field smooth, or two fields inverse to each other. All lengths are in the frame's units.

Derivatives are finite differences of the field: networks are differentiated once, by the training itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

from adapters.neural_field.network import Field


def mapped(field: Field, points: Tensor) -> Tensor:
    """Where a displacement field takes points: φ(x) = x + u(x)."""
    return points + field(points)


def bending(field: Field, points: Tensor, step: float) -> Tensor:
    """Bending energy: mean over points of the sum of all squared second derivatives (Rueckert et al. 1999).

    Parameters
    ----------
    field : callable
        Displacements at points.
    points : Tensor
        Shape (n, dim).
    step : float
        Of the differences.

    Returns
    -------
    Tensor
        Scalar.
    """
    dim = points.shape[1]
    steps = step * torch.eye(dim, dtype=points.dtype, device=points.device)
    pairs = [(a, b) for a in range(dim) for b in range(a + 1, dim)]
    offsets = torch.cat(
        [torch.zeros_like(steps[:1]), steps, -steps, *(steps[a, None] + steps[b] for a, b in pairs)]
    )
    middle, ahead, behind, diagonal = field(points + offsets[:, None]).split([1, dim, dim, len(pairs)])
    energy: Tensor = (ahead - 2 * middle + behind).square().sum((0, 2))
    for (a, b), corner in zip(pairs, diagonal, strict=True):
        energy = energy + 2 * (corner - ahead[a] - ahead[b] + middle[0]).square().sum(1)
    return energy.mean() / step**4


def inverse_consistency(first: Field, second: Field, points: Tensor) -> Tensor:
    """Mean squared distance of φ₂(φ₁(x)) from x (Christensen and Johnson 2001; Greer et al. 2021)."""
    return (mapped(second, mapped(first, points)) - points).square().sum(1).mean()


def gradient_inverse_consistency(first: Field, second: Field, points: Tensor, step: float) -> Tensor:
    """Mean squared Frobenius norm of the Jacobian of φ₂(φ₁(x)) − x (Tian et al. 2023).

    Parameters
    ----------
    first, second : callable
        Displacements at points.
    points : Tensor
        Shape (n, dim).
    step : float
        Of the one-sided differences.

    Returns
    -------
    Tensor
        Scalar, dimensionless.
    """
    dim = points.shape[1]
    steps = step * torch.eye(dim, dtype=points.dtype, device=points.device)
    offsets = torch.cat([torch.zeros_like(steps[:1]), steps])
    around = points + offsets[:, None]
    error = first(around)
    error = error + second(around + error)
    return ((error[1:] - error[:1]) / step).square().sum((0, 2)).mean()
