from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.normalisation import IntensityRange, normalise, percentile
from datasets.pair import Pair, PairInfo

INFO = PairInfo("p1", 2, ("s",), "test")


def image(array: np.ndarray) -> sitk.Image:
    return sitk.GetImageFromArray(array)


def head(scale: float, shift: int = 0) -> np.ndarray:
    """A ramp in a square on air."""
    array = np.zeros((40, 40))
    array[10:30, 10 + shift : 30 + shift] = scale * np.linspace(0.3, 1.0, 400).reshape(20, 20)
    return array


def square_mask() -> sitk.Image:
    mask = np.zeros((40, 40), dtype=np.uint8)
    mask[10:30, 10:30] = 7
    return image(mask)


def test_range_scales_and_clips() -> None:
    scaled = IntensityRange(2.0, 6.0).apply(image(np.array([[0.0, 2.0], [5.0, 9.0]])))
    assert scaled.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_allclose(sitk.GetArrayFromImage(scaled), [[0.0, 0.0], [0.75, 1.0]])


def test_integer_images_are_scaled_exactly() -> None:
    scaled = IntensityRange(0.0, 200.0).apply(image(np.array([[0, 50, 255]], dtype=np.uint8)))
    np.testing.assert_allclose(sitk.GetArrayFromImage(scaled), [[0.0, 0.25, 1.0]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (2,), (3, 67), (7, 11, 13)])
@pytest.mark.parametrize("percent", [0.0, 0.5, 50.0, 99.5, 100.0])
def test_a_percentile_is_that_of_numpy(dtype: type, shape: tuple[int, ...], percent: float) -> None:
    values = (100 * np.random.default_rng(0).random(shape)).astype(dtype)
    unchanged = values.copy()
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)), rel=1e-6)
    np.testing.assert_array_equal(values, unchanged)


def test_each_image_gets_its_own_range_and_air_stays_zero() -> None:
    pair = Pair(INFO, image(head(80.0)), image(head(3000.0)), fixed_mask=square_mask())
    images = normalise(pair)
    fixed, moving = sitk.GetArrayFromImage(images.fixed), sitk.GetArrayFromImage(images.moving)
    np.testing.assert_allclose(fixed, moving, atol=1e-6)
    assert fixed.min() == 0.0
    assert fixed.max() == 1.0
    high = np.percentile(head(80.0)[10:30, 10:30], 99.5)
    assert fixed[10, 10] == pytest.approx(0.3 * 80.0 / high)
    assert images.mask.sum() == 400


def test_misalignment_changes_the_scale_of_the_moving_image_hardly() -> None:
    """Equal tissue must get equal values before it is aligned, or the true transform would not score best."""
    pair = Pair(INFO, image(head(80.0)), image(head(80.0, shift=4)), fixed_mask=square_mask())
    images = normalise(pair)
    fixed, moving = sitk.GetArrayFromImage(images.fixed), sitk.GetArrayFromImage(images.moving)
    np.testing.assert_allclose(moving[:, 4:], fixed[:, :-4], atol=0.01)


def test_moving_range_is_measured_through_the_prealignment() -> None:
    """Far away, beside something brighter: only the prealignment tells where the mask lies."""
    array = np.zeros((40, 140))
    array[:, 100:] = head(50.0)
    array[:, 20:40] = 1000.0
    pair = Pair(
        INFO,
        image(head(80.0)),
        image(array),
        fixed_mask=square_mask(),
        prealignment=sitk.TranslationTransform(2, (100.0, 0.0)),
    )
    images = normalise(pair)
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(images.moving)[:, 100:], sitk.GetArrayFromImage(images.fixed), atol=1e-6
    )


def test_without_a_mask_the_whole_grid_counts() -> None:
    images = normalise(Pair(INFO, image(head(1.0)), image(head(2.0))))
    assert images.mask.all()
    assert images.mask.shape == (40, 40)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fixed_mask": image(np.zeros((40, 40), dtype=np.uint8))}, "pair p1: the fixed mask is empty"),
        ({"fixed_mask": image(np.ones((3, 4), dtype=np.uint8))}, r"mask has size \(4, 3\), the fixed image"),
        ({"fixed": image(np.ones((40, 40)))}, "pair p1: the fixed image is constant"),
        ({"moving": image(np.full((40, 40), np.nan))}, "pair p1: the prealignment leaves nothing"),
        ({"moving": image(np.where(np.eye(40), np.nan, head(1.0)))}, "the moving image holds values that"),
        ({"prealignment": sitk.TranslationTransform(2, (500.0, 0.0))}, "leaves nothing of the moving image"),
    ],
)
def test_what_cannot_be_normalised_is_named(changes: dict[str, object], message: str) -> None:
    fields = {"fixed": image(head(1.0)), "moving": image(head(1.0)), "fixed_mask": square_mask(), **changes}
    with pytest.raises(ValueError, match=message):
        normalise(Pair(INFO, **fields))  # type: ignore[arg-type]
