from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lmreg.sampling import Interpolant, Interpolation, sample, sample_jet, sample_with_gradient
from lmreg.separable import symmetric_pairs

SHAPES = [(9, 8), (6, 7, 5)]


def positions_in(shape: tuple[int, ...], count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    upper = torch.tensor([n - 1.0 for n in shape], dtype=torch.float64)
    return torch.rand(len(shape), count, generator=generator, dtype=torch.float64) * upper[:, None]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_passes_through_the_samples(
    shape: tuple[int, ...], interpolation: Interpolation, smooth: Callable[..., Tensor]
):
    image = smooth(shape, 0, 1.0, 2)
    index = torch.stack(torch.meshgrid(*[torch.arange(n).double() for n in shape], indexing="ij"))
    torch.testing.assert_close(sample(Interpolant.from_image(image, interpolation), index), image)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_derivatives_agree_with_differences(
    shape: tuple[int, ...], interpolation: Interpolation, smooth: Callable[..., Tensor]
):
    interpolant = Interpolant.from_image(smooth(shape, 1, 1.0, 2), interpolation)
    points = positions_in(shape, 50).floor() + 0.2 + 0.6 * positions_in((2,) * len(shape), 50, 1).clamp(0, 1)
    points = torch.minimum(points, torch.tensor([n - 1.3 for n in shape], dtype=torch.float64)[:, None])
    _, gradient, hessian = sample_jet(interpolant, points, 2)
    step = 1e-4
    for axis in range(len(shape)):
        shift = torch.zeros(len(shape), 1, dtype=torch.float64)
        shift[axis] = step
        ahead, behind = (sample_jet(interpolant, points + sign * shift, 1) for sign in (1, -1))
        torch.testing.assert_close(
            (ahead[0] - behind[0]) / (2 * step), gradient[:, axis], rtol=1e-5, atol=1e-7
        )
        for number, pair in enumerate(symmetric_pairs(len(shape))):
            if axis == pair[0]:
                difference = (ahead[1][:, pair[1]] - behind[1][:, pair[1]]) / (2 * step)
                torch.testing.assert_close(difference, hessian[:, number], rtol=1e-5, atol=1e-6)


def test_cubic_interpolation_is_exact_for_a_quadratic_away_from_the_edges():
    x = torch.arange(40, dtype=torch.float64)
    image = ((x - 3) ** 2)[None]
    at = torch.linspace(18, 22, 9, dtype=torch.float64)[None]
    values, slopes, bends = sample_jet(Interpolant.from_image(image, "cubic"), at, 2)
    torch.testing.assert_close(values, (at - 3) ** 2)
    torch.testing.assert_close(slopes[:, 0], 2 * (at - 3))
    torch.testing.assert_close(bends[:, 0], torch.full_like(at, 2.0))


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_the_edge_continues_beyond_the_image(interpolation: Interpolation, smooth: Callable[..., Tensor]):
    image = smooth((6, 7), 2, 1.0)
    outside = torch.tensor([[-3.0, 9.0, 2.0], [2.0, 3.0, 12.0]], dtype=torch.float64)
    values, gradient = sample_jet(Interpolant.from_image(image, interpolation), outside, 1)
    torch.testing.assert_close(values[0], torch.stack([image[0, 0, 2], image[0, 5, 3], image[0, 2, 6]]))
    for point, axis in enumerate((0, 0, 1)):
        assert gradient[0, axis, point] == 0


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_agrees_with_differences(
    shape: tuple[int, ...], interpolation: Interpolation, smooth: Callable[..., Tensor]
):
    image = smooth(shape, 3, 1.0, 2).requires_grad_()
    points = (positions_in(shape, 12, 5).floor() * 0.8 + 0.37).requires_grad_()

    def both(image: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        return sample_with_gradient(Interpolant.from_image(image, interpolation), points)

    assert torch.autograd.gradcheck(both, (image, points))


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch, smooth: Callable[..., Tensor]):
    interpolant = Interpolant.from_image(smooth((9, 8), 4, 1.0), "cubic")
    points = positions_in((9, 8), 100)
    whole = sample_jet(interpolant, points, 2)
    monkeypatch.setattr("lmreg.blocks.CACHED_POINTS", 7)
    for one, other in zip(whole, sample_jet(interpolant, points, 2), strict=True):
        assert torch.equal(one, other)


@settings(max_examples=30, deadline=None)
@given(
    samples=st.integers(1, 6),
    at=st.floats(-3, 9, allow_nan=False),
    interpolation=st.sampled_from(["linear", "cubic"]),
)
def test_a_constant_image_is_constant_everywhere(samples: int, at: float, interpolation: Interpolation):
    interpolant = Interpolant.from_image(torch.full((1, samples), 2.5, dtype=torch.float64), interpolation)
    value, slope = sample_jet(interpolant, torch.tensor([[at]], dtype=torch.float64), 1)
    assert float(value) == pytest.approx(2.5)
    assert float(slope) == pytest.approx(0, abs=1e-12)
