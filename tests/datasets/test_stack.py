"""Neighbouring sections of volumes, TIFF files and Zarr arrays."""

import json
import os
import pickle

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
import zarr
from pydantic import TypeAdapter, ValidationError

from datasets.base import DatasetError
from datasets.fetching import FetchRequest
from datasets.stack import StackPairs, StackParams

VOXEL_MM = (0.5, 0.7, 2.0)
VOXELS = np.random.default_rng(0).integers(0, 60000, (12, 8, 10)).astype(np.uint16)


def save_volume(folder):
    image = sitk.GetImageFromArray(VOXELS)
    image.SetSpacing(VOXEL_MM)
    sitk.WriteImage(image, str(folder / "stack.nii.gz"))
    return folder / "stack.nii.gz"


def save_tiff(folder, **options):
    tifffile.imwrite(folder / "stack.tif", VOXELS, **options)
    return folder / "stack.tif"


def save_zarr(folder, zarr_format=3):
    array = zarr.create_array(
        folder / "stack.zarr",
        shape=VOXELS.shape,
        chunks=(2, 8, 5),
        dtype=VOXELS.dtype,
        zarr_format=zarr_format,
    )
    array[:] = VOXELS
    return folder / "stack.zarr"


SAVED = {
    "volume": save_volume,
    "tiff": save_tiff,
    "compressed tiff": lambda folder: save_tiff(folder, compression="zlib"),
    "ImageJ tiff": lambda folder: save_tiff(folder, imagej=True),
    "zarr": save_zarr,
    "zarr 2": lambda folder: save_zarr(folder, zarr_format=2),
}


def opened(path, **params):
    return StackPairs(StackParams(**{"path": path, "voxel_mm": VOXEL_MM, **params}), path.parent / "cache")


@pytest.mark.parametrize("kind", SAVED)
@pytest.mark.parametrize(
    ("axis", "sections", "spacing_mm"),
    [("z", 12, (0.5, 0.7)), ("y", 8, (0.5, 2.0)), ("x", 10, (0.7, 2.0))],
)
def test_neighbours_along_every_axis(tmp_path, kind, axis, sections, spacing_mm):
    data = opened(SAVED[kind](tmp_path), axis=axis)
    assert len(data.pairs()) == sections - 1
    assert {(pair.dimension, pair.kind, pair.subjects) for pair in data.pairs()} == {
        (2, "consecutive", ("stack",))
    }
    pair = data.load(data.pairs()[3].pair_id)
    for image, index in ((pair.fixed, 3), (pair.moving, 4)):
        expected = np.take(VOXELS, index, axis="zyx".index(axis))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), expected.astype(np.float32))
        assert image.GetSpacing() == spacing_mm


def test_step_and_range(tmp_path):
    data = opened(save_tiff(tmp_path), step=2, first=5, last=9)
    assert [pair.pair_id for pair in data.pairs()] == ["05-07", "06-08", "07-09"]
    moving = sitk.GetArrayFromImage(data.load("06-08").moving)
    np.testing.assert_array_equal(moving, VOXELS[8])


def test_a_volume_knows_its_voxel_size_and_other_stacks_must_be_told(tmp_path):
    assert opened(save_volume(tmp_path), voxel_mm=None).load("00-01").fixed.GetSpacing() == pytest.approx(
        VOXEL_MM[:2]
    )
    for path in (save_tiff(tmp_path), save_zarr(tmp_path)):
        with pytest.raises(DatasetError, match="give voxel_mm"):
            opened(path, voxel_mm=None).fetch(FetchRequest())


def test_an_array_of_a_group_with_one_channel_and_time(tmp_path):
    group = zarr.open_group(tmp_path / "ome.zarr", mode="w")
    group.create_array("0", shape=(1, 1, *VOXELS.shape), dtype=VOXELS.dtype)[:] = VOXELS[None, None]
    data = opened(tmp_path / "ome.zarr", array="0")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(data.load("00-01").moving), VOXELS[1])
    with pytest.raises(DatasetError, match=r"cannot be read as a stack"):
        opened(tmp_path / "ome.zarr").pairs()
    with pytest.raises(DatasetError, match=r"ome\.zarr/1: is no Zarr array"):
        opened(tmp_path / "ome.zarr", array="1").pairs()


@pytest.mark.parametrize("array", ["..", "../x", "/etc", "0/../../x", ".hidden", "a b"])
def test_an_array_outside_of_its_group_is_refused(tmp_path, array):
    with pytest.raises(ValidationError, match="array"):
        TypeAdapter(StackParams).validate_python({"path": tmp_path, "array": array})


def test_the_version_follows_the_content(tmp_path):
    path = save_zarr(tmp_path)
    before = opened(path).version
    assert opened(path).version == before
    zarr.open_array(path, mode="r+")[3, 2, 1] = 7
    assert opened(path).version != before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"step": 12}, "has 12 sections across z: no pair 12 apart"),
        ({"last": 12}, "no pair 1 apart lies between the first 0 and the last 12"),
        ({"first": 11}, "no pair 1 apart lies between the first 11 and the last 11"),
    ],
)
def test_a_range_without_a_pair_is_refused(tmp_path, params, message):
    with pytest.raises(DatasetError, match=message):
        opened(save_tiff(tmp_path), **params).pairs()


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((5, 8, 9, 3), np.uint8), {"photometric": "rgb"}, "is in colour"),
        (np.zeros((8, 9), np.uint8), {}, "is 8×9 of uint8: a stack of sections"),
        (np.zeros((2, 5, 8, 9), np.uint8), {}, "is 2×5×8×9 of uint8"),
        (np.zeros((5, 8, 9), np.complex64), {}, "of complex64"),
    ],
)
def test_a_tiff_that_is_no_stack_is_refused(tmp_path, array, options, message):
    tifffile.imwrite(tmp_path / "stack.tif", array, **options)
    with pytest.raises(DatasetError, match=message):
        opened(tmp_path / "stack.tif").pairs()


def test_sections_that_are_lines_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 2, 9), np.uint8))
    with pytest.raises(DatasetError, match="fewer than 4 rows or columns"):
        opened(tmp_path / "stack.tif").fetch(FetchRequest())


def test_nan_is_refused_with_its_section(tmp_path):
    voxels = VOXELS.astype(np.float32)
    voxels[4, 0, 0] = np.nan
    tifffile.imwrite(tmp_path / "stack.tif", voxels)
    opened(tmp_path / "stack.tif").load("02-03")
    with pytest.raises(DatasetError, match="section 4 along z holds NaN"):
        opened(tmp_path / "stack.tif").load("03-04")


@pytest.mark.parametrize("content", [b"", b"II*\0" + b"\xff" * 40, b"not a picture"])
def test_a_damaged_tiff_is_refused(tmp_path, content):
    (tmp_path / "stack.tif").write_bytes(content)
    with pytest.raises(DatasetError, match=r"stack\.tif: cannot be read as a stack"):
        opened(tmp_path / "stack.tif").pairs()


def test_a_torn_tiff_is_refused(tmp_path):
    path = save_tiff(tmp_path, compression="zlib")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(
        DatasetError, match=r"stack\.tif: cannot be read as a stack: it is torn after page \d"
    ):
        opened(path).load("10-11")


@pytest.mark.parametrize("share", [0.3, 0.66, 0.95])
def test_a_torn_tiff_is_not_taken_for_a_shorter_one(tmp_path, share):
    """Pages that each hold their own header, as most programs write them."""
    path = tmp_path / "stack.tif"
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((20, 22, 24), np.uint8)), str(path))
    assert len(opened(path).pairs()) == 19
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(
        DatasetError, match=r"stack\.tif: cannot be read as a stack: it is torn after page \d"
    ):
        opened(path).pairs()


def test_a_zarr_array_of_python_objects_runs_nothing(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    folder = tmp_path / "trap.zarr"
    folder.mkdir()
    header = {"zarr_format": 2, "shape": [5, 6, 7], "chunks": [5, 6, 7], "fill_value": 0, "order": "C"}
    (folder / "0.0.0").write_bytes(pickle.dumps(Trap()))
    for coding in (
        {"dtype": "<u2", "compressor": {"id": "pickle"}, "filters": None},
        {"dtype": "<u2", "compressor": None, "filters": [{"id": "pickle"}]},
        {"dtype": "|O", "compressor": None, "filters": [{"id": "pickle"}]},
    ):
        (folder / ".zarray").write_text(json.dumps(header | coding))
        with pytest.raises(DatasetError, match=r"trap\.zarr: cannot be read as a stack"):
            opened(folder).load("0-1")
    assert not (tmp_path / "sprung").exists()


def test_a_stack_that_claims_to_be_vast_is_refused(tmp_path):
    folder = tmp_path / "vast.zarr"
    folder.mkdir()
    size = [10**7] * 3
    header = {"zarr_format": 2, "shape": size, "chunks": size, "dtype": "<u2", "fill_value": 0, "order": "C"}
    (folder / ".zarray").write_text(json.dumps(header | {"compressor": None, "filters": None}))
    with pytest.raises(DatasetError, match=r"more than \d+ pixels"):
        opened(folder).fetch(FetchRequest())


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"none\.tif: no such file or folder"):
        opened(tmp_path / "none.tif").pairs()
    with pytest.raises(DatasetError, match="array belongs to Zarr groups alone"):
        opened(save_tiff(tmp_path), array="0").pairs()
    with pytest.raises(DatasetError, match="is no Zarr array"):
        opened(tmp_path).pairs()
