"""Sessions of a subject from a BIDS folder: which scans are chosen, how they are paired, whose labels are whose."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import TypeAdapter, ValidationError

from datasets.base import DatasetError
from datasets.bids import BidsPairs, BidsParams
from datasets.bids_index import find_scans
from datasets.fetching import FetchRequest
from datasets.preparation import Preparation

SESSIONS = {"01": ("2", "10", "1"), "02": ("a", "b"), "03": ("only",)}


@pytest.fixture
def root(write_sessions, tmp_path):
    return write_sessions(tmp_path / "study", SESSIONS)


def opened(root, **params):
    return BidsPairs(
        BidsParams(**{"path": root, "preparation": Preparation(), **params}), root.parent / "cache"
    )


def ids(data):
    return [pair.pair_id for pair in data.pairs()]


def test_each_session_is_paired_with_the_next_in_the_order_of_their_numbers(root):
    data = opened(root)
    assert ids(data) == ["sub-01_ses-1_ses-2", "sub-01_ses-2_ses-10", "sub-02_ses-a_ses-b"]
    assert {pair.subjects for pair in data.pairs()} == {("sub-01",), ("sub-02",)}
    assert {pair.kind for pair in data.pairs()} == {"longitudinal"}


def test_or_the_first_with_every_other(root):
    assert ids(opened(root, sessions="first", subjects=("01",))) == [
        "sub-01_ses-1_ses-2",
        "sub-01_ses-1_ses-10",
    ]


def test_the_earlier_session_is_the_fixed_image(root):
    pair = opened(root).load("sub-01_ses-2_ses-10")
    for image, session in ((pair.fixed, "2"), (pair.moving, "10")):
        path = root / "sub-01" / f"ses-{session}" / "anat" / f"sub-01_ses-{session}_T1w.nii.gz"
        source = sitk.ReadImage(str(path))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(source))
    assert pair.fixed_labels is None
    assert pair.fixed_mask is None


def test_the_start_is_rigid_unless_told_otherwise(root):
    data = BidsPairs(BidsParams(path=root), root.parent / "cache")
    assert isinstance(data.load("sub-02_ses-a_ses-b").prealignment, sitk.Euler3DTransform)


def test_of_several_runs_the_lowest_is_taken(write_sessions, tmp_path):
    root = write_sessions(tmp_path, {"01": ("1", "2")}, runs=("10", "2"))
    assert [scan.path.name for scan in find_scans(root, "T1w")["01"]] == [
        "sub-01_ses-1_run-2_T1w.nii.gz",
        "sub-01_ses-2_run-2_T1w.nii.gz",
    ]


def test_of_equal_runs_the_one_whose_name_says_least(root):
    anat = root / "sub-02" / "ses-a" / "anat"
    shutil.copy(anat / "sub-02_ses-a_T1w.nii.gz", anat / "sub-02_ses-a_acq-fast_T1w.nii.gz")
    assert find_scans(root, "T1w")["02"][0].path.name == "sub-02_ses-a_T1w.nii.gz"


def test_files_of_other_subjects_and_names_outside_bids_are_no_scans(root):
    anat = root / "sub-03" / "ses-only" / "anat"
    source = anat / "sub-03_ses-only_T1w.nii.gz"
    for name in ("sub-02_ses-only_T1w.nii.gz", "sub-03_ses-other_T1w.nii.gz", "sub-03_ses-only_;_T1w.nii.gz"):
        shutil.copy(source, anat / name)
    shutil.copy(source, anat / "sub-03_ses-only_T2w.nii.gz")
    assert [scan.path for scan in find_scans(root, "T1w")["03"]] == [source]


def test_labels_come_from_derivatives(root):
    data = opened(root, labels_path=root / "derivatives" / "drawn")
    pair = data.load("sub-02_ses-a_ses-b")
    assert set(np.unique(sitk.GetArrayFromImage(pair.fixed_labels))) == set(range(5))
    assert pair.fixed_labels.GetSize() == pair.fixed.GetSize()


def test_labels_of_the_same_run_belong_to_a_scan(write_sessions, tmp_path):
    root = write_sessions(tmp_path, {"01": ("1", "2")}, runs=("1", "2"))
    data = opened(root, labels_path=root / "derivatives" / "drawn")
    data.fetch(FetchRequest())
    assert data.load("sub-01_ses-1_ses-2").moving_labels is not None


def test_a_choice_of_labels_needs_a_description(root):
    folder = root / "derivatives" / "drawn"
    for path in sorted(folder.rglob("*_desc-lobes_dseg.nii.gz")):
        shutil.copy(path, path.with_name(path.name.replace("lobes", "tissue")))
    with pytest.raises(
        DatasetError, match=r"one image ending in _dseg is wanted, there is: .*desc-tissue_dseg"
    ):
        opened(root, labels_path=folder).fetch(FetchRequest())
    opened(root, labels_path=folder, labels_desc="tissue").fetch(FetchRequest())


def test_missing_labels_are_named(root):
    folder = root / "derivatives" / "drawn"
    next(folder.rglob("sub-02_ses-b*_dseg.nii.gz")).unlink()
    with pytest.raises(DatasetError, match=r"for sub-02_ses-b_T1w\.nii\.gz .* there is: none"):
        opened(root, labels_path=folder).fetch(FetchRequest())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"suffix": "FLAIR"}, r"no subject has FLAIR scans of two sessions"),
        ({"subjects": ("03",)}, r"no subject has T1w scans of two sessions"),
        ({"subjects": ("99", "01")}, r"has no subject 99, but 01, 02, 03"),
    ],
)
def test_no_pair_is_an_error_with_what_is_wanted(root, params, message):
    with pytest.raises(DatasetError, match=message):
        opened(root, **params).pairs()


def test_another_folder_is_no_bids_folder(tmp_path):
    with pytest.raises(DatasetError, match="holds no folder sub-LABEL"):
        opened(tmp_path).pairs()


@pytest.mark.parametrize("field", ["suffix", "labels_suffix", "labels_desc"])
@pytest.mark.parametrize("value", ["*", "../T1w", "", "a b"])
def test_names_that_bids_does_not_know_are_refused(tmp_path, field, value):
    with pytest.raises(ValidationError, match=field):
        TypeAdapter(BidsParams).validate_python({"path": tmp_path, field: value})


def test_the_version_follows_the_scans_that_take_part(root):
    before = opened(root, subjects=("02",)).version
    shutil.rmtree(root / "sub-01")
    assert opened(root, subjects=("02",)).version == before
    path = root / "sub-02" / "ses-a" / "anat" / "sub-02_ses-a_T1w.nii.gz"
    path.write_bytes(path.read_bytes() + b"\0")
    assert opened(root, subjects=("02",)).version != before
