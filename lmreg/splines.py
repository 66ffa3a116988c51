"""One-dimensional cubic B-splines as small dense matrices.

Conventions: a spline over ``elements`` equal intervals of [0, elements] has ``elements + 3`` control points, the
j-th one centred at ``j - 1``. An axis with a single sample carries one constant function.
Matrices depend on sizes alone, so they are memoised; callers copy them to their own dtype and device.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor


def cubic_weights(t: Tensor, derivatives: int) -> tuple[tuple[Tensor, ...], ...]:
    """Values of the four cubic B-splines that cover a point, and their derivatives.

    Parameters
    ----------
    t : Tensor
        Position within the element, in [0, 1]; any shape.
    derivatives : int
        Highest derivative wanted: 0, 1 or 2.

    Returns
    -------
    tuple of tuple of Tensor
        ``[d][k]`` is the d-th derivative of the k-th spline, of the shape of ``t``.
    """
    s = 1 - t
    t2, s2 = t * t, s * s
    first, last = (s2 * s).mul_(1 / 6), (t2 * t).mul_(1 / 6)
    orders: list[tuple[Tensor, ...]] = [
        (
            first,
            torch.add(last * 3, t2, alpha=-1).add_(2 / 3),
            torch.add(first * 3, s2, alpha=-1).add_(2 / 3),
            last,
        )
    ]
    if derivatives >= 1:
        orders.append(
            (s2 * -0.5, torch.add(t2 * 1.5, t, alpha=-2), torch.add(s * 2, s2, alpha=-1.5), t2 * 0.5)
        )
    if derivatives >= 2:
        orders.append((s, t * 3 - 2, s * 3 - 2, t))
    return tuple(orders)


@lru_cache(maxsize=64)
def basis_matrix(samples: int, elements: int, derivative: int = 0) -> Tensor:
    """Cubic B-splines evaluated at equally spaced samples that span the whole domain.

    Parameters
    ----------
    samples : int
        Number of samples n; the first and the last lie at the ends of the domain.
    elements : int
        Number of intervals m.
    derivative : int
        Order of the derivative with respect to the sample index.

    Returns
    -------
    Tensor
        Shape (n, m + 3), float64; (1, 1) for a single sample.
    """
    if samples == 1:
        return torch.full((1, 1), float(derivative == 0), dtype=torch.float64)
    position = torch.arange(samples, dtype=torch.float64) * elements / (samples - 1)
    element = position.floor().clamp(max=elements - 1)
    weights = torch.stack(cubic_weights(position - element, derivative)[derivative], dim=1)
    matrix = torch.zeros(samples, elements + 3, dtype=torch.float64)
    columns = element.long()[:, None] + torch.arange(4)
    matrix.scatter_(1, columns, weights)
    return matrix * (elements / (samples - 1)) ** derivative


@lru_cache(maxsize=64)
def gram_matrix(elements: int, derivative: int) -> Tensor:
    """Mean over the domain of products of B-spline derivatives, in units of the control point spacing.

    Returns
    -------
    Tensor
        Shape (elements + 3, elements + 3), float64: ``1/m ∫ B_i⁽ᵈ⁾ B_j⁽ᵈ⁾``; exact, by Gauss-Legendre quadrature.
    """
    inner, outer = math.sqrt(3 / 7 - 2 / 7 * math.sqrt(6 / 5)), math.sqrt(3 / 7 + 2 / 7 * math.sqrt(6 / 5))
    heavy, light = (18 + math.sqrt(30)) / 72, (18 - math.sqrt(30)) / 72
    nodes = (1 + torch.tensor([-outer, -inner, inner, outer], dtype=torch.float64)) / 2
    weights = torch.tensor([light, heavy, heavy, light], dtype=torch.float64)
    values = torch.stack(cubic_weights(nodes, derivative)[derivative])
    element_gram = (values * weights) @ values.T
    gram = torch.zeros(elements + 3, elements + 3, dtype=torch.float64)
    for element in range(elements):
        gram[element : element + 4, element : element + 4] += element_gram
    return gram / elements


@lru_cache(maxsize=64)
def refinement_matrix(coarse_elements: int, fine_elements: int) -> Tensor:
    """Control points of a finer spline that reproduce a coarser one.

    Exact where the finer knots contain the coarser ones, else the least-squares fit.

    Returns
    -------
    Tensor
        Shape (fine_elements + 3, coarse_elements + 3), float64.
    """
    samples = 8 * max(coarse_elements, fine_elements) + 1
    fine = basis_matrix(samples, fine_elements)
    return torch.linalg.lstsq(fine, basis_matrix(samples, coarse_elements)).solution


@lru_cache(maxsize=32)
def interpolation_matrix(samples: int) -> Tensor:
    """Coefficients of the cubic spline that passes through the samples, padded by one sample per end.

    The spline continues as a mirror image beyond the first and the last sample (Unser 1999, "Splines: a perfect
    fit for signal and image processing"), so that its slope vanishes there.

    Returns
    -------
    Tensor
        Shape (n + 2, n), float64; (4, 1) for a single sample, where every tap sees the same value.
    """
    if samples == 1:
        return torch.ones(4, 1, dtype=torch.float64)
    mirrored = torch.arange(-1, samples + 1).abs()
    mirrored = torch.where(mirrored >= samples, 2 * (samples - 1) - mirrored, mirrored)
    extend = torch.eye(samples, dtype=torch.float64)[mirrored]
    evaluate = (extend[:-2] + 4 * extend[1:-1] + extend[2:]) / 6
    return extend @ torch.linalg.inv(evaluate)
