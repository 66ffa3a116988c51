"""Headers as scanners and converters write them, good and bad."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from datasets.reading import ImageError, dimension_of, read_image

VOXELS = np.random.default_rng(0).random((8, 9, 10)).astype(np.float32)


@pytest.fixture
def write_nifti(tmp_path):
    """Write a NIfTI image of 2 mm, with fields of its header changed behind nibabel's back."""

    def write(*, endian="<", name="image.nii", voxels=VOXELS, sform=True, **fields):
        header = nib.Nifti1Header(endianness=endian)
        image = nib.Nifti1Image(voxels, np.diag([2.0, 2.0, 2.0, 1.0]) if sform else None, header)
        image.header["pixdim"][1:4] = 2.0
        path = tmp_path / name
        nib.save(image, path)
        content = bytearray(path.read_bytes())
        header = image.header_class(bytes(content[: image.header_class.template_dtype.itemsize]), check=False)
        for field, value in fields.items():
            header.structarr[field] = value
        content[: len(header.binaryblock)] = header.binaryblock
        path.write_bytes(content)
        return path

    return write


def zooms(*mm):
    return [1.0, *mm, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pixdim": zooms(0, 2, 2)}, "voxels of 0×2×2 mm: mend it"),
        ({"pixdim": zooms(2, np.nan, 2)}, "voxels of 2×nan×2 mm: mend it"),
        ({"pixdim": zooms(2, 2, 1)}, "voxels of 2×2×1 mm (pixdim) and of 2×2×2 mm (sform): mend it"),
        ({"pixdim": zooms(2, -2, 2)}, "voxels of 2×-2×2 mm: mend it"),
        ({"srow_z": 0.0}, "cannot be read as an image"),
    ],
)
def test_a_voxel_size_that_itk_would_guess_is_refused(write_nifti, endian, fields, message):
    path = write_nifti(endian=endian, **fields)
    for read in (dimension_of, read_image):
        with pytest.raises(ImageError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert message in str(caught.value)


@pytest.mark.parametrize("endian", ["<", ">"])
def test_what_is_only_unusual_is_read(write_nifti, endian):
    path = write_nifti(endian=endian, pixdim=zooms(2.001, 2, 2))
    assert dimension_of(path) == 3
    assert read_image(path).GetSpacing() == pytest.approx((2.0, 2.0, 2.0), abs=0.01)


@pytest.mark.parametrize("trailing", [(), (1,), (1, 1)])
def test_a_plane_is_2d_however_many_dimensions_of_one_sample_follow(write_nifti, trailing):
    path = write_nifti(voxels=VOXELS[:, :, 0].reshape(8, 9, *trailing))
    assert dimension_of(path) == 2
    image = read_image(path)
    assert (image.GetDimension(), image.GetSize()) == (2, (8, 9))


@pytest.mark.parametrize(
    "name", ["image.nii", "image.nii.gz", "image.hdr", "image.img", "image.mha", "image.nrrd", "image.tif"]
)
def test_torn_voxels_are_refused_in_every_format(tmp_path, name):
    path = tmp_path / name
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(path))
    assert read_image(path).GetSize() == VOXELS.shape[::-1]
    voxels = path.with_suffix(".img") if path.suffix == ".hdr" else path
    voxels.write_bytes(voxels.read_bytes()[: voxels.stat().st_size * 2 // 3])
    with pytest.raises(ImageError, match=rf"{name}: cannot be read as an image: .*: put a sound copy in its"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".hdr", ".img.gz"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda voxels: gzip.compress(voxels)[:-20], "cannot be read as an image"),
        (lambda voxels: gzip.compress(struct.pack("<f", np.nan) + voxels[4:]), "holds NaN"),
    ],
    ids=["torn", "NaN"],
)
def test_a_pair_of_nifti_files_is_searched_for_what_itk_passes_over(tmp_path, suffix, damage, message):
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(tmp_path / "image.hdr"))
    voxels = tmp_path / "image.img"
    (tmp_path / "image.img.gz").write_bytes(damage(voxels.read_bytes()))
    voxels.unlink()
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / f"image{suffix}")


@pytest.mark.parametrize("length", [0, 3, 200, 347])
def test_the_stump_of_a_header_is_refused(write_nifti, length):
    path = write_nifti()
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ImageError, match=r"image\.nii: cannot be read as an image"):
        dimension_of(path)
