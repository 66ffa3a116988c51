from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.artefacts import panels_of, stacks_of
from benchmarks.stacks import MOST_PIXELS, Stack, eight_bit, read_stacks, through, write_stacks
from datasets.pair import Pair, PairInfo


def pair(dimension: int, size: tuple[int, ...], spacing: tuple[float, ...]) -> Pair:
    """Return a noisy block, the same twice, with a mask that leaves a margin."""
    mask = np.zeros(size[::-1], dtype=np.uint8)
    mask[(slice(4, -4),) * dimension] = 1
    array = np.random.default_rng(0).uniform(0.2, 1.0, mask.shape) * mask
    image, inside = sitk.GetImageFromArray(array), sitk.GetImageFromArray(mask)
    image.SetSpacing(spacing)
    inside.SetSpacing(spacing)
    return Pair(PairInfo("pair", dimension, ("s",), "test"), image, image, fixed_mask=inside)


def test_middle_slices_are_those_of_the_panels() -> None:
    block = pair(3, (20, 25, 17), (1.0, 2.0, 3.0))
    move = sitk.TranslationTransform(3, (1.0, 2.0, 0.0))
    panels, stacks = panels_of(block, move), stacks_of(block, move)
    assert list(stacks) == list(panels)
    for plane, stack in stacks.items():
        panel = panels[plane]
        middle = len(stack.fixed) // 2
        np.testing.assert_allclose(stack.spacing_mm, panel.spacing_mm)
        for name in ("fixed", "moving", "warped"):
            whole = eight_bit(getattr(panel, name))
            shown = getattr(stack, name)[middle]
            margins = [(a - b) // 2 for a, b in zip(whole.shape, shown.shape, strict=True)]
            cut = whole[margins[0] : margins[0] + shown.shape[0], margins[1] : margins[1] + shown.shape[1]]
            # Warping through a sampled field and through the transform itself differ by rounding.
            assert np.abs(cut.astype(int) - shown).max() <= 1, (plane, name)


def test_large_slices_are_averaged_down_and_keep_their_extent() -> None:
    block = pair(3, (600, 30, 12), (0.5, 1.0, 1.0))
    axial = stacks_of(block, None)["axial"]
    assert max(axial.fixed.shape[1:]) <= MOST_PIXELS
    assert axial.spacing_mm[1] == pytest.approx(1.5)
    assert axial.fixed.shape[2] * axial.spacing_mm[1] == pytest.approx(300, abs=5)


def test_plane_pairs_have_no_stack() -> None:
    assert stacks_of(pair(2, (20, 25), (1.0, 1.0)), None) == {}


def test_positions_reach_through_the_mask() -> None:
    mask = np.zeros((100, 5, 5), dtype=bool)
    mask[10:91] = True
    places = through(mask, 0)
    assert (places[0], places[10], places[-1], len(places)) == (10, 50, 90, 21)
    assert through(mask, 1) == [0, 1, 2, 3, 4]
    assert through(np.zeros_like(mask), 0) == [50]


def test_bytes_are_clipped_and_rounded() -> None:
    given = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan])
    assert eight_bit(given).tolist() == [0, 0, 128, 255, 255, 0]


def test_file_gives_back_what_was_written(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 4, 5), dtype=np.uint8)
    stack = Stack(*images, np.array([1.0, 2.0]))
    write_stacks(tmp_path / "below" / "stacks.npz", {"axial": stack})
    (found,) = read_stacks(tmp_path / "below" / "stacks.npz").values()
    for field in fields(Stack):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(stack, field.name))


def test_a_file_that_could_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    file, image = tmp_path / "stacks.npz", np.zeros((2, 4, 5), dtype=np.uint8)
    stack = Stack(image, image, image, np.array([1.0, 2.0]))
    write_stacks(file, {"axial": stack})
    with pytest.raises(ValueError, match="Object arrays"):
        write_stacks(file, {"coronal": replace(stack, warped=image.astype(object))})
    assert list(read_stacks(file)) == ["axial"]
    assert list(tmp_path.iterdir()) == [file]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    file = tmp_path / "stacks.npz"
    file.write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=r"stacks\.npz: not a file of slices"):
        read_stacks(file)
    image = np.zeros((2, 4, 5), dtype=np.uint8)
    write_stacks(file, {"axial": Stack(image, image[:1], image, np.array([1.0, 2.0]))})
    with pytest.raises(ValueError, match="axial: not slices of one shape"):
        read_stacks(file)
    write_stacks(file, {"axial": Stack(image, image, image, np.array([1.0, -2.0]))})
    with pytest.raises(ValueError, match="axial: not a spacing"):
        read_stacks(file)
