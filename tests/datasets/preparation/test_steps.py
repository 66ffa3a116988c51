"""The steps one by one, against known answers."""

import itertools

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.preparation.errors import StepError
from datasets.preparation.geometry import foreground_box, reorient
from datasets.preparation.intensities import scaled_to_unit, without_bias
from datasets.preparation.masks import otsu_foreground
from datasets.preparation.prealignment import prealign

CODES = [
    "".join(code) for axes in itertools.permutations(("RL", "AP", "IS")) for code in itertools.product(*axes)
]


@pytest.mark.parametrize("code", CODES[::5])
def test_reorienting_moves_no_voxel(volume, code):
    image = volume(np.random.default_rng(0).random((4, 5, 6)))
    turned = reorient(image, code)
    for index in itertools.product(range(6), range(5), range(4)):
        point = image.TransformIndexToPhysicalPoint(index)
        assert turned[turned.TransformPhysicalPointToIndex(point)] == image[index]


@pytest.mark.parametrize("code", CODES)
def test_reoriented_axes_point_where_the_letters_say(volume, code):
    turned = reorient(volume(np.zeros((4, 5, 6))), code)
    towards = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
    matrix = np.array(turned.GetDirection()).reshape(3, 3)
    for axis, letter in enumerate(code):
        coordinate, sign = towards[letter]
        assert sign * matrix[coordinate, axis] > 0.9


def test_the_box_holds_the_foreground_and_its_margin_up_to_the_border(volume):
    array = np.zeros((10, 12, 14), np.uint8)
    array[4, 5:8, 0:3] = 1
    mask = volume(array)  # voxels of 1, 1.5 and 2 mm
    assert foreground_box(mask, 0.0) == (slice(0, 3), slice(5, 8), slice(4, 5))
    assert foreground_box(mask, 2.0) == (slice(0, 5), slice(3, 10), slice(3, 6))
    assert mask[foreground_box(mask, 1000.0)].GetSize() == mask.GetSize()


def test_otsu_takes_the_largest_bright_part_without_its_holes(volume):
    rng = np.random.default_rng(1)
    bright = np.zeros((20, 20, 20), bool)
    bright[3:13, 3:13, 3:13] = True
    expected = bright.copy()
    bright[7, 7, 7] = False
    bright[16:18, 16:18, 16:18] = True
    image = volume(100 * bright + rng.normal(20, 5, bright.shape))
    assert np.array_equal(sitk.GetArrayFromImage(otsu_foreground(image)), expected)


def test_n4_flattens_a_smooth_field_and_leaves_contrast(volume):
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (32, 32, 32)), indexing="ij")
    inside = x**2 + y**2 + z**2 < 0.9
    core = x**2 + y**2 + z**2 < 0.3
    field = np.exp(0.4 * x - 0.3 * y * z + 0.3 * z)
    noise = np.random.default_rng(4).normal(1, 0.02, x.shape)
    image = volume(
        (inside * (100 + 80 * core) * field * noise).astype(np.float32), spacing_mm=(2.0, 2.0, 2.0)
    )
    corrected = sitk.GetArrayFromImage(without_bias(image, image != 0))
    before = sitk.GetArrayFromImage(image)

    def spread(array, region):
        return array[region].std() / array[region].mean()

    for region in (core, inside & ~core):
        assert spread(corrected, region) < 0.35 * spread(before, region)
    assert corrected[core].mean() / corrected[inside & ~core].mean() == pytest.approx(1.8, abs=0.1)
    assert not corrected[~inside].any()


def test_n4_needs_something_positive(volume):
    image = volume(np.full((8, 8, 8), -1.0))
    with pytest.raises(StepError, match="no positive value inside the mask"):
        without_bias(image, image != 0)


def test_percentiles_become_0_and_1(volume):
    image = volume(np.arange(1000.0).reshape(10, 10, 10))
    scaled = sitk.GetArrayFromImage(scaled_to_unit(image, (10.0, 90.0))).ravel()
    low, high = np.percentile(np.arange(1000.0), (10, 90))
    assert scaled == pytest.approx(np.clip((np.arange(1000.0) - low) / (high - low), 0, 1), abs=1e-6)
    assert np.ptp(sitk.GetArrayFromImage(scaled_to_unit(image, (0.0, 100.0)))) == 1.0
    with pytest.raises(StepError, match="same value 0 at the percentiles 1 and 5"):
        scaled_to_unit(image * 0, (1.0, 5.0))


def test_an_image_without_mass_cannot_be_prealigned(volume):
    blank = volume(np.zeros((12, 12, 12)))
    with pytest.raises(StepError, match="no centre of mass"):
        prealign(blank, blank, "rigid", "correlation")
