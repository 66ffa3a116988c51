"""Two scans as a pair: which masks they get, and what keeps them from being one."""

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.base import DatasetError
from datasets.pair import PairInfo
from datasets.scans import Scan, read_pair

INFO = PairInfo("a-b", 3, ("a", "b"), "inter-subject")
CORONAL = (1, 0, 0, 0, 0, -1, 0, 1, 0)


@pytest.fixture
def save(tmp_path):
    def write(name, array, direction=None):
        image = sitk.GetImageFromArray(array)
        if direction:
            image.SetDirection(direction)
        sitk.WriteImage(image, str(tmp_path / name))
        return tmp_path / name

    return write


@pytest.fixture
def scan(save):
    image = np.zeros((6, 7, 8), np.float32)
    image[1:5, 2:6, 1:7] = 3.0
    labels = np.zeros(image.shape, np.uint8)
    labels[2:4, 3:5, 2:6] = 4
    mask = np.ones(image.shape, np.uint8)
    return Scan(save("image.nii.gz", image), save("labels.nii.gz", labels), save("mask.nii.gz", mask))


@pytest.mark.parametrize(("source", "voxels"), [("none", None), ("foreground", 96), ("labelled", 16)])
def test_masks_are_what_the_dataset_says(scan, source, voxels):
    without = Scan(scan.image, scan.labels)
    pair = read_pair(INFO, without, without, {4: "four"}, source)
    assert pair.label_names == {4: "four"}
    for mask in (pair.fixed_mask, pair.moving_mask):
        assert (mask is None and voxels is None) or sitk.GetArrayFromImage(mask).sum() == voxels


def test_a_mask_that_is_given_counts_before_any_other(scan):
    pair = read_pair(INFO, scan, Scan(scan.image, scan.labels), {}, "foreground")
    assert sitk.GetArrayFromImage(pair.fixed_mask).sum() == 6 * 7 * 8
    assert sitk.GetArrayFromImage(pair.moving_mask).sum() == 96


def test_an_image_of_zeros_has_no_foreground(scan, save):
    empty = Scan(save("empty.nii.gz", np.zeros((6, 7, 8), np.float32)))
    with pytest.raises(DatasetError, match=r"empty\.nii\.gz: is zero everywhere"):
        read_pair(INFO, empty, scan, {}, "foreground")


def test_a_slice_and_a_volume_are_no_pair(scan, save):
    flat = Scan(save("flat.nii.gz", np.ones((7, 8), np.float32)))
    with pytest.raises(DatasetError, match=r"flat\.nii\.gz: is not of the same dimension"):
        read_pair(INFO, Scan(scan.image), flat, {}, "none")


def test_a_coronal_slice_is_read_as_a_flat_image_with_its_labels(save):
    array = np.arange(1.0, 57.0, dtype=np.float32).reshape(1, 7, 8)
    coronal = Scan(save("slice.nii.gz", array, CORONAL), save("seg.nii.gz", array.astype(np.uint8), CORONAL))
    pair = read_pair(PairInfo("a-b", 2, ("a", "b"), "x"), coronal, coronal, {}, "none")
    assert pair.fixed.GetDimension() == pair.moving_labels.GetDimension() == 2
    np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.fixed), array[0])
    assert abs(np.linalg.det(np.reshape(pair.fixed.GetDirection(), (2, 2)))) == 1.0
