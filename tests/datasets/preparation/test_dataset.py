"""What datasets get from preparing their pairs."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from datasets.base import DatasetError
from datasets.pair import Pair
from datasets.preparation import Preparation, PreparedDataset


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Params:
    preparation: Preparation = Preparation()


@pytest.fixture
def open_single(pair, tmp_path):
    """A dataset of one pair, prepared as asked."""

    class Single(PreparedDataset[Params]):
        name = "single"
        Params = Params
        version = description = "1"
        source = pair

        def fetch(self, *request):
            pass

        def source_pairs(self):
            return (self.source.info,)

        def read(self, pair_id):
            assert pair_id == self.source.info.pair_id
            return self.source

    def opened(source=pair, **preparation):
        single = Single(Params(Preparation(**preparation)), tmp_path)
        single.source = source
        return single

    return opened


def test_a_pair_that_is_not_there_is_named_with_those_that_are(open_single):
    with pytest.raises(KeyError, match=r"single has no pair 'one', only one-axial40, one-axial60"):
        open_single(axial_slices=(0.4, 0.6)).load("one")


def test_a_slice_shows_the_fixed_image_at_that_height_and_the_moving_one_through_the_prealignment(
    open_single, pair
):
    data = open_single(prealignment="rigid", mask="foreground", axial_slices=(0.5,), slice_size=64)
    flat = data.load(data.pairs()[0].pair_id)
    assert flat.fixed.GetSize() == flat.moving_mask.GetSize() == flat.fixed_labels.GetSize() == (64, 64)
    assert (flat.info.dimension, flat.prealignment) == (2, None)
    # x has voxels of 1 mm, of which every second one is sampled in y: compare along x, through the middle.
    volume = sitk.GetArrayFromImage(pair.fixed)
    heights = np.flatnonzero(volume.any(axis=(1, 2)))
    height = round(heights[0] + 0.5 * (heights[-1] - heights[0]))
    row = sitk.GetArrayFromImage(flat.fixed)[32]
    assert row[32 - 17 : 32 + 19] == pytest.approx(volume[height, 13], abs=1e-4)
    fixed, moving = sitk.GetArrayFromImage(flat.fixed), sitk.GetArrayFromImage(flat.moving)
    assert np.corrcoef(fixed.ravel(), moving.ravel())[0, 1] > 0.97


def test_a_slice_is_cut_once_and_no_volume_read_for_it_again(open_single, pair):
    named = replace(pair, label_names={3: "left", 7: "right"})
    asked = {"prealignment": "rigid", "mask": "foreground", "axial_slices": (0.4, 0.5), "slice_size": 64}
    first = open_single(named, **asked).load("one-axial50")
    # A source that can only be listed.
    empty = Pair(pair.info, sitk.Image(1, 1, 1, sitk.sitkUInt8), sitk.Image(1, 1, 1, sitk.sitkUInt8))
    again = open_single(empty, **asked).load("one-axial50")
    assert again.info == first.info
    assert again.label_names == first.label_names == {3: "left", 7: "right"}
    for name in ("fixed", "moving", "fixed_mask", "moving_mask", "fixed_labels", "moving_labels"):
        one, other = getattr(first, name), getattr(again, name)
        assert (one.GetOrigin(), one.GetPixelID()) == (other.GetOrigin(), other.GetPixelID())
        assert np.array_equal(sitk.GetArrayFromImage(one), sitk.GetArrayFromImage(other))
    with pytest.raises(DatasetError, match="pair one: the fixed image"):
        open_single(empty, **asked).load("one-axial40")


def test_slices_of_a_plane_are_refused_before_anything_is_read(open_single, pair):
    flat = replace(pair, info=replace(pair.info, dimension=2))
    with pytest.raises(DatasetError, match="pair one: is 2D, so that no slices can be cut out of it"):
        open_single(flat, axial_slices=(0.5,)).pairs()


def test_a_slice_beside_the_mask_is_refused(open_single, pair):
    array = np.zeros((20, 28, 36), np.uint8)
    array[0, 0, 0] = 1
    beside = sitk.GetImageFromArray(array)
    beside.CopyInformation(pair.moving)
    data = open_single(replace(pair, moving_mask=beside), axial_slices=(0.5,))
    with pytest.raises(DatasetError, match="pair one-axial50: the moving mask does not reach this slice"):
        data.load("one-axial50")
