"""A folder in the layout of Klein et al. 2009: brains and atlases that belong together, or not."""

import gzip
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.base import DatasetError
from datasets.fetching import FetchRequest
from datasets.klein2009 import Klein2009, Klein2009Params
from datasets.preparation import Preparation


@pytest.fixture
def folder(write_klein2009, tmp_path):
    return write_klein2009(tmp_path / "MGH10")


def opened(folder, **params):
    return Klein2009(
        Klein2009Params(**{"path": folder, "preparation": Preparation(), **params}), folder.parent / "cache"
    )


def test_every_two_brains_make_a_pair_with_their_atlases(folder):
    data = opened(folder)
    assert [pair.pair_id for pair in data.pairs()] == ["m1-m2", "m1-m10", "m2-m10"]
    (taken,) = opened(folder, subset=1).pairs()
    assert taken in data.pairs()
    pair = data.load("m2-m10")
    assert pair.info.subjects == ("m2", "m10")
    assert pair.fixed.GetSpacing() == (1.0, 1.5, 1.0)
    assert pair.fixed.GetSize() == pair.fixed_labels.GetSize() == (24, 28, 22)
    assert set(np.unique(sitk.GetArrayFromImage(pair.moving_labels))) == set(range(7))
    mask = sitk.GetArrayFromImage(pair.moving_mask)
    np.testing.assert_array_equal(mask, sitk.GetArrayFromImage(pair.moving) != 0)


def test_brains_are_registered_affinely_first_unless_told_otherwise(folder):
    data = Klein2009(Klein2009Params(path=folder), folder.parent / "cache")
    pair = data.load("m1-m2")
    assert isinstance(pair.prealignment, sitk.AffineTransform)


def test_the_version_follows_the_voxels(folder, write_analyze):
    before = opened(folder).version
    assert opened(folder).version == before
    image = folder / "Brains" / "m1.img"
    content = bytearray(image.read_bytes())
    content[1000] ^= 1
    image.write_bytes(content)
    assert opened(folder).version != before


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("Atlases/m2", r"Atlases: has nothing for m2"),
        ("Brains/m2", r"Brains: has nothing for m2"),
    ],
)
def test_a_brain_without_an_atlas_is_named_and_the_other_way_round(folder, missing, message):
    for suffix in (".hdr", ".img"):
        (folder / f"{missing}{suffix}").unlink()
    with pytest.raises(DatasetError, match=message):
        opened(folder).fetch(FetchRequest())


def test_voxels_without_a_header_are_named(folder):
    (folder / "Brains" / "m10.hdr").unlink()
    with pytest.raises(DatasetError, match=r"m10\.hdr: no such file"):
        opened(folder).fetch(FetchRequest())


def test_a_missing_folder_says_what_is_wanted(tmp_path):
    with pytest.raises(DatasetError, match=r"Brains: no such folder: give the folder of IBSR18"):
        opened(tmp_path).pairs()


def test_one_brain_is_no_pair(write_klein2009, tmp_path):
    with pytest.raises(DatasetError, match="holds 1 brains"):
        opened(write_klein2009(tmp_path / "one", ("m1",))).pairs()


def test_the_same_name_twice_is_refused(folder):
    (folder / "Brains" / "m1.nii").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"m1\.nii: m1\.img has the same name"):
        opened(folder).pairs()


def test_a_hostile_name_is_refused(folder):
    for suffix in (".hdr", ".img"):
        shutil.copy(folder / "Brains" / f"m1{suffix}", folder / "Brains" / f"m1;rm -rf{suffix}")
    with pytest.raises(DatasetError, match="'m1;rm -rf' cannot become part of a file name"):
        opened(folder).pairs()


def test_an_atlas_on_another_grid_is_refused(folder, write_analyze):
    write_analyze(folder / "Atlases" / "m1", np.ones((24, 28, 20), np.uint8), (1.0, 1.5, 1.0), suffix=".img")
    with pytest.raises(DatasetError, match=r"m1\.img: lies on another grid than"):
        opened(folder).load("m1-m2")


def test_newer_copies_in_nifti_will_do(folder):
    for kind in ("Brains", "Atlases"):
        for image in sorted((folder / kind).glob("*.img")):
            read = sitk.ReadImage(str(image.with_suffix(".hdr")))
            sitk.WriteImage(read, str(image.with_name(f"{image.stem}.nii.gz")))
            image.unlink()
            image.with_suffix(".hdr").unlink()
    assert opened(folder).load("m1-m2").fixed.GetSize() == (24, 28, 22)


def test_a_source_is_refused_because_nothing_is_fetched(folder):
    with pytest.raises(DatasetError, match="leave out --from"):
        opened(folder).fetch(FetchRequest(source=folder))


def test_torn_voxels_are_named(folder):
    image = folder / "Brains" / "m1.img"
    (folder / "Brains" / "m1.img.gz").write_bytes(gzip.compress(image.read_bytes())[:-50])
    image.unlink()
    with pytest.raises(DatasetError, match=r"m1\.img\.gz: cannot be read as an Analyze image"):
        opened(folder).load("m1-m2")
