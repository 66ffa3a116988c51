import pytest
import torch

from lmreg.splines import basis_matrix, cubic_weights, gram_matrix, interpolation_matrix, refinement_matrix


def test_weights_sum_to_one_and_derivatives_are_those_of_the_values():
    t = torch.linspace(0.1, 0.9, 7, dtype=torch.float64)
    values, slopes, bends = cubic_weights(t, 2)
    torch.testing.assert_close(sum(values), torch.ones_like(t))
    step = 1e-5
    for tap in range(4):
        ahead, behind = cubic_weights(t + step, 1), cubic_weights(t - step, 1)
        torch.testing.assert_close((ahead[0][tap] - behind[0][tap]) / (2 * step), slopes[tap])
        torch.testing.assert_close((ahead[1][tap] - behind[1][tap]) / (2 * step), bends[tap])


def test_basis_reproduces_a_straight_line():
    matrix = basis_matrix(23, 5)
    centres = torch.arange(8, dtype=torch.float64) - 1
    expected = torch.linspace(0, 5, 23, dtype=torch.float64)
    torch.testing.assert_close(matrix @ centres, expected)
    torch.testing.assert_close(
        basis_matrix(23, 5, 1) @ centres, torch.full((23,), 5 / 22, dtype=torch.float64)
    )


@pytest.mark.parametrize("derivative", [0, 1, 2])
def test_gram_agrees_with_a_fine_quadrature(derivative: int):
    elements, samples = 3, 30001
    fine = basis_matrix(samples, elements, derivative) * ((samples - 1) / elements) ** derivative
    weights = torch.full((samples,), 1 / (samples - 1), dtype=torch.float64)
    weights[[0, -1]] /= 2
    torch.testing.assert_close(
        gram_matrix(elements, derivative), fine.T @ (weights[:, None] * fine), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize(("coarse", "fine"), [(1, 2), (3, 6), (2, 8)])
def test_nested_refinement_is_exact(coarse: int, fine: int):
    control = torch.randn(coarse + 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    refined = refinement_matrix(coarse, fine) @ control
    torch.testing.assert_close(basis_matrix(57, fine) @ refined, basis_matrix(57, coarse) @ control)


@pytest.mark.parametrize("samples", [1, 2, 3, 20])
def test_interpolation_passes_through_the_samples(samples: int):
    values = torch.randn(samples, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    coefficients = interpolation_matrix(samples) @ values
    at_knots = (coefficients[:-2] + 4 * coefficients[1:-1] + coefficients[2:]) / 6
    torch.testing.assert_close(at_knots[:samples], values)
    if samples > 2:
        torch.testing.assert_close(coefficients[0], coefficients[2])
