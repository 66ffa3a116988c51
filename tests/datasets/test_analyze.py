"""Analyze images in both byte orders, compressed or not, and what damage does to them."""

import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from datasets.analyze import is_analyze, read_analyze
from datasets.base import DatasetError
from datasets.reading import read_image

SPACING_MM = (1.0, 1.5, 2.0)


@pytest.fixture
def voxels():
    return np.random.default_rng(0).integers(0, 183, (7, 8, 9, 1))


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("suffix", [".img", ".img.gz"])
def test_voxels_spacing_and_type_survive_either_byte_order(
    tmp_path, write_analyze, voxels, endian, dtype, suffix
):
    header = write_analyze(tmp_path / "a", voxels.astype(dtype), SPACING_MM, endian, suffix)
    read, spacing_mm = read_analyze(header)
    assert read.dtype == np.dtype(dtype)
    assert read.dtype.isnative
    assert spacing_mm == SPACING_MM
    np.testing.assert_array_equal(read, voxels[..., 0])


def test_a_dotted_name_keeps_its_dots(tmp_path, write_analyze, voxels):
    header = write_analyze(tmp_path / "S01.structure.label", voxels.astype(np.uint8), SPACING_MM)
    assert read_analyze(header)[0].shape == (7, 8, 9)


@pytest.mark.parametrize("keep", [0, 30, -20])
def test_torn_voxels_are_refused(tmp_path, write_analyze, voxels, keep):
    header = write_analyze(tmp_path / "a", voxels.astype(np.int16), SPACING_MM)
    path = tmp_path / "a.img.gz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match=r"a\.img\.gz: cannot be read"):
        read_analyze(header)


def test_a_flipped_byte_is_refused(tmp_path, write_analyze, voxels):
    header = write_analyze(tmp_path / "a", voxels.astype(np.int16), SPACING_MM)
    path = tmp_path / "a.img.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.img\.gz: cannot be read"):
        read_analyze(header)


def test_fewer_voxels_than_the_header_says_are_refused(tmp_path, write_analyze, voxels):
    header = write_analyze(tmp_path / "a", voxels.astype(np.int16), SPACING_MM)
    (tmp_path / "a.img.gz").write_bytes(gzip.compress(voxels.astype(np.int16).tobytes()[:-8]))
    with pytest.raises(DatasetError, match="could the file be damaged"):
        read_analyze(header)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\0" * 348])
def test_a_header_that_is_none_is_refused(tmp_path, write_analyze, voxels, content):
    header = write_analyze(tmp_path / "a", voxels.astype(np.int16), SPACING_MM)
    header.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read as an Analyze image"):
        read_analyze(header)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "message"),
    [
        ((4, 5, 6, 2), SPACING_MM, "is 4×5×6×2: one 3D image"),
        ((4, 5), (1.0, 1.0), "is 4×5: one 3D image"),
        ((4, 5, 1), SPACING_MM, "is 4×5×1: one 3D image"),
        ((4, 5, 6), (1.0, 0.0, 1.0), "voxel size is"),
    ],
)
def test_a_shape_or_voxel_size_of_no_use_is_refused(tmp_path, write_analyze, shape, spacing_mm, message):
    header = write_analyze(tmp_path / "a", np.zeros(shape, np.uint8), spacing_mm)
    with pytest.raises(DatasetError, match=rf"a\.hdr: .*{message}"):
        read_analyze(header)


def test_nan_is_refused(tmp_path, write_analyze):
    header = write_analyze(tmp_path / "a", np.full((4, 5, 6), np.nan, np.float32), SPACING_MM)
    with pytest.raises(DatasetError, match="NaN"):
        read_analyze(header)


def test_a_missing_half_is_named(tmp_path, write_analyze, voxels):
    header = write_analyze(tmp_path / "a", voxels.astype(np.uint8), SPACING_MM)
    (tmp_path / "a.img.gz").unlink()
    with pytest.raises(DatasetError, match=r"a\.hdr: neither .img.gz nor .img"):
        read_analyze(header)
    with pytest.raises(DatasetError, match=r"b\.hdr: no such file"):
        read_analyze(tmp_path / "b.hdr")


@pytest.mark.parametrize("suffix", [".img", ".img.gz"])
def test_images_are_read_by_header_or_voxels(tmp_path, write_analyze, voxels, suffix):
    header = write_analyze(tmp_path / "a", voxels.astype(np.int16), SPACING_MM, ">", suffix)
    for path in (header, tmp_path / f"a{suffix}"):
        image = read_image(path)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, voxels[..., 0])
        assert image.GetSpacing() == SPACING_MM
        assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)


def test_a_pair_of_nifti_files_is_no_analyze_and_keeps_its_place(tmp_path, voxels):
    affine = np.diag([-1.0, -1.5, 2.0, 1.0])
    affine[:3, 3] = 3, 4, 5
    nib.Nifti1Pair(voxels[..., 0].astype(np.int16), affine).to_filename(tmp_path / "a.img")
    assert not is_analyze(tmp_path / "a.img")
    assert read_image(tmp_path / "a.img").GetOrigin() == (-3.0, -4.0, 5.0)
