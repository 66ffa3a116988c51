"""Analyze to NIfTI: nothing of the images changes, and an order that no brain has is refused."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from datasets import lpba40_anatomy, lpba40_conversion
from datasets.base import DatasetError
from datasets.lpba40_anatomy import ALL_NAMES, CEREBRAL_NAMES, direction_of

SUBJECTS = ("S01", "S02", "S03")
LPS_AND_RAS = ((), (0, 1))
MIRRORED_OR_TURNED = ((0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2))


def convert(tree, target):
    target.mkdir()
    lpba40_conversion.convert({name: tree / "delineation_space" / name for name in SUBJECTS}, target)
    return target


@pytest.fixture
def converted(write_lpba40, tmp_path):
    return lambda flipped=(): convert(write_lpba40(tmp_path, range(1, 4), flipped), tmp_path / "nifti")


def centre(labels, *ids):
    """Physical centre of labels, mm: to the left, to the back, up."""
    index = np.argwhere(np.isin(sitk.GetArrayFromImage(labels), ids)).mean(axis=0)[::-1]
    return np.array(labels.TransformContinuousIndexToPhysicalPoint(index.tolist()))


def test_there_are_56_labels_and_54_without_cerebellum_and_brainstem():
    assert len(ALL_NAMES) == 56
    assert len(CEREBRAL_NAMES) == 54
    assert set(ALL_NAMES) - set(CEREBRAL_NAMES) == {181, 182}
    assert ALL_NAMES[21] == "left superior frontal gyrus"
    assert ALL_NAMES[166] == "right hippocampus"
    ranges = [(21, 34), (41, 50), (61, 68), (81, 92), (101, 102), (121, 122), (161, 166), (181, 182)]
    assert set(ALL_NAMES) == {label for low, high in ranges for label in range(low, high + 1)}


@pytest.mark.parametrize("flipped", LPS_AND_RAS)
def test_structures_lie_where_a_brain_has_them(converted, flipped):
    folder = converted(flipped)
    for name in SUBJECTS:
        labels = sitk.ReadImage(str(folder / name / "labels.nii.gz"))
        assert centre(labels, *lpba40_anatomy.LEFT)[0] > 0 > centre(labels, *lpba40_anatomy.RIGHT)[0]
        assert centre(labels, 67, 68)[1] > 0 > centre(labels, 33, 34)[1]
        assert centre(labels, 21, 22)[2] > 0 > centre(labels, 182)[2]


def test_grid_spacing_types_and_values_are_kept(converted, write_lpba40, tmp_path):
    folder = converted()
    types = set()
    for name in SUBJECTS:
        source = tmp_path / "LPBA40" / "delineation_space" / name
        for kind, written in (("skullstripped", "image"), ("structure.label", "labels")):
            files = {
                "header": nib.FileHolder(str(source / f"{name}.delineation.{kind}.hdr")),
                "image": nib.FileHolder(str(source / f"{name}.delineation.{kind}.img.gz")),
            }
            original = nib.AnalyzeImage.from_file_map(files)
            image = sitk.ReadImage(str(folder / name / f"{written}.nii.gz"))
            voxels = sitk.GetArrayFromImage(image).T
            np.testing.assert_array_equal(voxels, np.asanyarray(original.dataobj)[..., 0])
            assert voxels.dtype == original.get_data_dtype().newbyteorder("=")
            assert image.GetSpacing() == (1.0, 1.0, 1.0)
            assert image.GetSize() == (36, 44, 36)
        types.add(voxels.dtype.name)
    assert types == {"uint8", "int16"}


@pytest.mark.parametrize("flipped", MIRRORED_OR_TURNED)
def test_a_mirrored_or_turned_copy_is_refused(converted, flipped):
    with pytest.raises(DatasetError, match=r"S01\.delineation\.structure\.label\.hdr: .* mirrored or turned"):
        converted(flipped)


def test_the_message_says_which_way_the_axes_run(converted):
    with pytest.raises(DatasetError, match="x to the right, y to the back, z to the top"):
        converted((0,))


def test_axes_in_another_sequence_are_refused(write_lpba40, tmp_path):
    image = np.zeros((9, 9, 9), np.uint8)
    image[8, 4, 4], image[0, 4, 4] = 101, 102
    image[4, 0, 4], image[4, 8, 4], image[4, 4, 0], image[4, 4, 8] = 33, 67, 182, 21
    assert direction_of(image, (1.0, 1.0, 1.0), tmp_path)[0] == 1.0
    with pytest.raises(DatasetError, match="along other axes"):
        direction_of(image.transpose(1, 0, 2), (1.0, 1.0, 1.0), tmp_path)


def test_labels_that_are_not_those_of_the_atlas_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"x\.hdr: shows no left structure \(labels 21 to 165\)"):
        direction_of(np.ones((5, 5, 5), np.uint8), (1.0, 1.0, 1.0), tmp_path / "x.hdr")


def test_missing_subjects_are_named(write_lpba40, tmp_path):
    write_lpba40(tmp_path, [*range(1, 7), *range(9, 41)])
    with pytest.raises(DatasetError, match="for S07, S08: LPBA40 in delineation space"):
        lpba40_conversion.subject_folders(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="for all 40 subjects"):
        lpba40_conversion.subject_folders(tmp_path / "empty")


def test_labels_on_another_grid_are_refused(write_lpba40, write_analyze, tmp_path):
    tree = write_lpba40(tmp_path, range(1, 4))
    stem = tree / "delineation_space" / "S02" / "S02.delineation.structure.label"
    write_analyze(stem, np.zeros((36, 44, 35), np.uint8), (1.0, 1.0, 1.0))
    with pytest.raises(DatasetError, match=r"S02\.delineation\.structure\.label\.hdr: is \(36, 44, 35\)"):
        convert(tree, tmp_path / "nifti")


def test_fractional_labels_are_refused(write_lpba40, write_analyze, tmp_path):
    tree = write_lpba40(tmp_path, range(1, 4))
    stem = tree / "delineation_space" / "S02" / "S02.delineation.structure.label"
    write_analyze(stem, np.zeros((36, 44, 36), np.float32), (1.0, 1.0, 1.0))
    with pytest.raises(DatasetError, match=r"S02.*holds float32 values"):
        convert(tree, tmp_path / "nifti")
