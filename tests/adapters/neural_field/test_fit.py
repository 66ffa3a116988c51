"""Frames, networks and similarities, and what the fit does with them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from adapters.neural_field.adapter import NeuralFieldParams
from adapters.neural_field.fit import Objective, fit
from adapters.neural_field.frame import Frame, FramedPair
from adapters.neural_field.network import Siren, sampled
from adapters.neural_field.similarity import dissimilarity
from lmreg.grid import Grid


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grid(mirror: float = 1.0) -> Grid:
    """A grid with unlike spacings; the first axis of the mirrored one runs the other way over the same extent."""
    affine = torch.diag(torch.tensor([mirror * 2.0, 1.0, 1.0], dtype=torch.float64))
    affine[0, 2] = 0.0 if mirror > 0 else 2.0 * 14
    return Grid((15, 21), affine)


def framed() -> FramedPair:
    values = torch.rand(2, 1, 15, 21, generator=generator())
    return FramedPair.at_level((values[0], values[1]), (grid(), grid(-1.0)), 0)


def test_the_frame_is_isotropic_about_the_middle_of_the_fixed_image() -> None:
    frame = Frame.of(grid())
    assert frame.scale_mm == 14.0
    assert frame.centre_mm.tolist() == [14.0, 10.0]
    fixed = framed().fixed.sample_points()
    assert fixed[0, 0].tolist() == pytest.approx([-1, -10 / 14])
    assert fixed[-1, -1].tolist() == pytest.approx([1, 10 / 14])
    assert framed().moving.sample_points()[0, 0].tolist() == pytest.approx([1, -10 / 14])


def test_an_image_has_its_own_values_at_its_samples() -> None:
    pair = framed()
    values = torch.rand(2, 1, 15, 21, generator=generator())
    for image, expected in zip((pair.fixed, pair.moving), values, strict=True):
        torch.testing.assert_close(image.values(image.sample_points()), expected[0], atol=1e-5, rtol=0)


def test_points_are_drawn_evenly_from_the_extent_of_the_image() -> None:
    drawn = framed().moving.draw(20_000, generator())
    assert drawn.min(0).values.tolist() == pytest.approx([-1, -10 / 14], abs=1e-2)
    assert drawn.max(0).values.tolist() == pytest.approx([1, 10 / 14], abs=1e-2)
    assert drawn.mean(0).tolist() == pytest.approx([0, 0], abs=2e-2)


def test_a_network_starts_at_zero_and_comes_of_its_seed() -> None:
    points = torch.rand(5, 2, generator=generator())
    first, same, other = (Siren(2, 16, 2, 15.0, generator(seed)) for seed in (1, 1, 2))
    assert not sampled(first, points).any()
    assert torch.equal(first.hidden[0].weight, same.hidden[0].weight)
    assert not torch.equal(first.hidden[0].weight, other.hidden[0].weight)
    assert float(first.hidden[0].weight.detach().abs().max()) <= 0.5


@pytest.mark.parametrize("name", ["ncc", "ssd", "lncc"])
def test_equal_intensities_are_not_unlike_and_unrelated_ones_are(name: Any) -> None:
    fixed, other = torch.rand(2, 400, 25, generator=generator(), dtype=torch.float64)
    assert float(dissimilarity(name, fixed, fixed)) == pytest.approx(0, abs=2e-3)
    assert float(dissimilarity(name, fixed, other)) == pytest.approx(1, abs=0.05)


def test_what_each_similarity_overlooks() -> None:
    fixed = torch.rand(40, 25, generator=generator(), dtype=torch.float64)
    rescaled = 3 * fixed + 2
    by_patch = fixed * torch.linspace(1, 3, 40, dtype=torch.float64)[:, None] + torch.arange(40)[:, None] / 10
    assert float(dissimilarity("ncc", fixed, rescaled)) == pytest.approx(0, abs=1e-5)
    assert float(dissimilarity("ssd", fixed, rescaled)) > 1
    assert float(dissimilarity("ncc", fixed, by_patch)) > 0.5
    assert float(dissimilarity("lncc", fixed, by_patch)) < 0.2


@pytest.mark.parametrize("similarity", ["ncc", "ssd", "lncc"])
def test_a_shift_is_found(similarity: Any) -> None:
    """A wave and the same wave 1.5 mm further on."""
    index = torch.arange(32, dtype=torch.float32)
    waves = torch.sin(index / 4)[:, None] * torch.cos(index / 5)
    shifted = torch.sin((index - 1.5) / 4)[:, None] * torch.cos(index / 5)
    there = Grid.from_spacing((32, 32), (1.0, 1.0))
    pair = FramedPair.at_level((waves[None], shifted[None]), (there, there), 0)
    field = Siren(2, 32, 2, 5.0, generator())
    objective = Objective(similarity, 5, "bending", 1e-3, 1000, 100)
    (costs,) = fit([pair], [120], [field], objective, 3e-3, generator())
    assert costs[-1] < 0.2 * costs[0]
    inside = sampled(field, pair.fixed.sample_points())[8:24, 8:24] * Frame.of(there).scale_mm
    assert inside[..., 0].mean() == pytest.approx(1.5, abs=0.2)
    assert inside[..., 1].mean() == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"patch_voxels": 3}, "patch_voxels goes with similarity 'lncc'"),
        ({"regulariser": "none", "weight": 1.0}, "weight has no effect with regulariser 'none'"),
        ({"regulariser": "benting"}, "regulariser"),
        ({"points": 1}, "points"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NeuralFieldParams(**params)
