"""Pairs of files as users have them: other grids, missing files, damaged headers, hostile content."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from datasets.base import DatasetError
from datasets.csv_list import read_list
from datasets.csv_pairs import CsvPairs, CsvParams
from datasets.fetching import FetchRequest
from datasets.preparation import Preparation
from datasets.reading import ImageError

SHIFT_MM = (6.0, -4.0, 2.0)


def head(shape=(24, 40, 36), shift=(0, 0, 0)):
    """Smooth structure in an ellipsoid, moved by whole voxels of 2 mm (x, y, z)."""
    noise = np.random.default_rng(3).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, 2.5, mode="wrap")
    axes = np.meshgrid(*(np.linspace(-1.4, 1.4, n) for n in shape), indexing="ij")
    inside = sum(axis**2 for axis in axes) < 1
    image = np.where(inside, 1 + smooth / smooth.std() * 0.3, 0).clip(0)
    labels = np.where(inside, np.where(axes[2] > 0, 2, 1), 0)
    return tuple(np.roll(array, shift[::-1], axis=(0, 1, 2)) for array in (image, labels))


def save(array, path, direction=None):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([2.0] * 3)
    if direction is not None:
        image = sitk.DICOMOrient(image, direction)
    sitk.WriteImage(image, str(path))


@pytest.fixture
def folder(tmp_path):
    """Two heads, the moving one shifted and stored in another orientation, and the list that names them."""
    for name, shift, orientation in (("a", (0, 0, 0), "LPS"), ("b", (3, -2, 1), "RIA")):
        image, labels = head(shift=shift)
        save(image.astype(np.float32), tmp_path / f"{name}.nii.gz", orientation)
        save(labels.astype(np.uint8), tmp_path / f"{name}_labels.nii.gz", orientation)
    write_list(tmp_path, "a_b,a.nii.gz,b.nii.gz,a_labels.nii.gz,b_labels.nii.gz")
    return tmp_path


def write_list(folder, *rows, columns="pair_id,fixed,moving,fixed_labels,moving_labels"):
    (folder / "pairs.csv").write_text("\n".join((columns, *rows)) + "\n")


@pytest.fixture
def open_pairs(folder):
    def opened(directions="as_listed", label_names=None, **preparation):
        params = CsvParams(folder / "pairs.csv", directions, label_names, Preparation(**preparation))
        return CsvPairs(params, folder / "cache")

    return opened


def dice(pair, transform):
    warped = sitk.Resample(pair.moving_labels, pair.fixed_labels, transform, sitk.sitkNearestNeighbor)
    fixed, moved = sitk.GetArrayFromImage(pair.fixed_labels), sitk.GetArrayFromImage(warped)
    return min(
        2 * ((fixed == k) & (moved == k)).sum() / ((fixed == k).sum() + (moved == k).sum()) for k in (1, 2)
    )


def test_a_pair_comes_with_its_labels_and_subjects(open_pairs):
    (info,) = open_pairs().pairs()
    assert (info.pair_id, info.dimension, info.subjects) == ("a_b", 3, ("a", "b"))
    pair = open_pairs().load("a_b")
    assert pair.label_names == {}
    assert pair.fixed_mask is None
    assert dice(pair, sitk.TranslationTransform(3, SHIFT_MM)) == 1.0


def test_prealignment_finds_the_shift_and_is_stored_not_baked_in(open_pairs, folder):
    data = open_pairs(prealignment="rigid")
    pair = data.load("a_b")
    point = (30.0, 40.0, 20.0)
    moved = pair.prealignment.TransformPoint(point)
    assert np.subtract(moved, point) == pytest.approx(SHIFT_MM, abs=0.3)
    assert pair.moving.GetSize() == open_pairs().load("a_b").moving.GetSize()
    (stored,) = (folder / "cache" / "derived" / "csv").glob("*/content/transform.h5")
    before = stored.stat().st_mtime_ns
    again = data.load("a_b").prealignment
    assert stored.stat().st_mtime_ns == before
    assert again.TransformPoint(point) == moved


def test_both_directions_exchange_the_roles(open_pairs):
    data = open_pairs(directions="both")
    assert [info.pair_id for info in data.pairs()] == ["a_b", "a_b-reversed"]
    pair = data.load("a_b-reversed")
    assert pair.info.subjects == ("b", "a")
    assert dice(pair, sitk.TranslationTransform(3, [-mm for mm in SHIFT_MM])) == 1.0


def test_resampling_keeps_extent_and_labels(open_pairs):
    pair = open_pairs(spacing_mm=1.0, mask="foreground").load("a_b")
    assert pair.fixed.GetSpacing() == (1.0, 1.0, 1.0)
    assert pair.fixed.GetSize() == pair.fixed_labels.GetSize() == pair.fixed_mask.GetSize() == (72, 80, 48)
    assert set(np.unique(sitk.GetArrayFromImage(pair.fixed_labels))) == {0, 1, 2}
    assert dice(pair, sitk.TranslationTransform(3, SHIFT_MM)) > 0.95


def test_slices_are_flat_pairs_in_the_plane_of_the_fixed_image(open_pairs):
    data = open_pairs(spacing_mm=2.0, prealignment="rigid", axial_slices=(0.4, 0.6))
    assert [info.pair_id for info in data.pairs()] == ["a_b-axial40", "a_b-axial60"]
    assert {info.dimension for info in data.pairs()} == {2}
    pair = data.load("a_b-axial40")
    assert pair.fixed.GetSize() == pair.moving_labels.GetSize() == (256, 256)
    assert pair.prealignment is None
    fixed, moving = (sitk.GetArrayFromImage(image) for image in (pair.fixed, pair.moving))
    assert np.corrcoef(fixed.ravel(), moving.ravel())[0, 1] > 0.97
    rows = np.flatnonzero(fixed.any(axis=1))
    assert 20 <= rows.size <= 40


def test_the_version_follows_the_content_of_the_files(open_pairs, folder):
    before = open_pairs().version
    assert open_pairs().version == before
    image, _ = head(shift=(1, 0, 0))
    save(image.astype(np.float32), folder / "b.nii.gz")
    assert open_pairs().version != before


def test_a_new_line_leaves_the_other_pairs_what_they_were(open_pairs, folder):
    row = "a_b,a.nii.gz,b.nii.gz,a_labels.nii.gz,b_labels.nii.gz"
    slices = {"axial_slices": [0.4, 0.6]}
    before, whole = open_pairs(**slices).versions(), open_pairs().version
    assert len(before) == 2
    write_list(folder, "b_a,b.nii.gz,a.nii.gz,b_labels.nii.gz,a_labels.nii.gz", row)
    after = open_pairs(**slices).versions()
    assert len(after) == 4
    assert {name: after[name] for name in before} == before
    assert open_pairs().version != whole
    image, _ = head(shift=(1, 0, 0))
    save(image.astype(np.float32), folder / "b.nii.gz")
    assert all(open_pairs(**slices).versions()[name] != before[name] for name in before)


@pytest.mark.parametrize(
    ("columns", "row", "message"),
    [
        ("pair_id,fixed", "x,a.nii.gz", "has no column 'moving'"),
        ("pair_id,fixed,moving,extra", "x,a.nii.gz,b.nii.gz,1", "unknown column 'extra'"),
        ("pair_id,fixed,moving", "x,,b.nii.gz", "line 2: fixed is blank"),
        ("pair_id,fixed,moving", "x,a.nii.gz,b.nii.gz\nx,a.nii.gz,b.nii.gz", "'x' is given twice"),
        ("pair_id,fixed,moving", "x,none.nii.gz,b.nii.gz", "none.nii.gz: no such file"),
        ("pair_id,fixed,moving", "x,pairs.csv,b.nii.gz", "pairs.csv: cannot be read as an image"),
        ("pair_id,fixed,moving", "../x,a.nii.gz,b.nii.gz", "'../x' cannot become part of a file name"),
        (
            "pair_id,fixed,moving,fixed_labels",
            "x,a.nii.gz,b.nii.gz,a_labels.nii.gz",
            "moving_labels is blank",
        ),
    ],
)
def test_a_faulty_list_is_named_with_the_fault(open_pairs, folder, columns, row, message):
    write_list(folder, row, columns=columns)
    with pytest.raises(DatasetError) as caught:
        open_pairs().pairs()
    assert "pairs.csv" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["../../outside", "/etc/hostname", "no\0name", "a" * 300, "."])
def test_a_path_that_leads_nowhere_good_is_an_error_that_names_it(open_pairs, folder, name):
    write_list(folder, f"x,{name},b.nii.gz", columns="pair_id,fixed,moving")
    with pytest.raises(DatasetError, match=r"pairs\.csv: pair x: fixed: .*: (no such file|cannot be read)"):
        open_pairs().pairs()


def test_a_reversed_pair_must_not_take_the_name_of_a_listed_one(open_pairs, folder):
    write_list(folder, "x,a.nii.gz,b.nii.gz", "x-reversed,a.nii.gz,b.nii.gz", columns="pair_id,fixed,moving")
    assert len(open_pairs().pairs()) == 2
    with pytest.raises(DatasetError, match="'x-reversed' is given twice"):
        open_pairs(directions="both").pairs()


def test_files_of_one_name_in_two_folders_are_two_subjects(open_pairs, folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / f"{name}.nii.gz").rename(folder / name / "t1.nii.gz")
    write_list(folder, "x,a/t1.nii.gz,b/t1.nii.gz", columns="pair_id,fixed,moving")
    assert open_pairs().pairs()[0].subjects == ("a/t1", "b/t1")


@pytest.mark.parametrize(
    ("names", "subjects"),
    [
        (("scan.001.nii.gz", "scan.002.nii.gz"), ("scan.001", "scan.002")),
        (("one.v1/t1.nii", "./one.v2/t1.NII.GZ"), ("one.v1/t1", "one.v2/t1")),
        (("s.1.png", "s.1.raw"), ("s.1", "s.1.raw")),
        (("s.1", "s.2"), ("s.1", "s.2")),
        ((".nii", "a.nrrd.tif"), (".nii", "a.nrrd")),
    ],
)
def test_subjects_are_the_names_without_the_suffixes_of_images_alone(folder, names, subjects):
    write_list(folder, f"x,{names[0]},{names[1]}", columns="pair_id,fixed,moving")
    (listed,) = read_list(folder / "pairs.csv", both_directions=False)
    assert listed.subjects == subjects


def test_named_labels_alone_are_scored_and_the_version_follows_them(open_pairs, folder):
    table = folder / "labels.csv"
    table.write_text("id,name\n2,left half\n")
    data = open_pairs(label_names=table)
    assert data.load("a_b").label_names == {2: "left half"}
    table.write_text("id,name\n2,right half\n")
    assert open_pairs(label_names=table).version != data.version
    table.write_text("id,name\n7,elsewhere\n")
    with pytest.raises(DatasetError, match=r"a_labels\.nii\.gz: holds none of the labels that .*labels\.csv"):
        open_pairs(label_names=table).load("a_b")


def test_a_missing_file_is_found_before_anything_runs(open_pairs, folder):
    (folder / "b_labels.nii.gz").unlink()
    with pytest.raises(DatasetError, match=r"pair a_b: moving_labels: no such file: .*b_labels"):
        open_pairs().fetch(FetchRequest())


def break_image(path, change):
    image = sitk.ReadImage(str(path))
    sitk.WriteImage(change(image), str(path))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("a.nii.gz", lambda image: image + float("nan"), "NaN or infinite"),
        ("a.nii.gz", lambda image: sitk.JoinSeries([image, image]), "36×40×24×2"),
        ("a.nii.gz", lambda image: image[:3], "3×40×24, fewer than 4 samples"),
        ("a_labels.nii.gz", lambda image: image * 0, "no label but 0"),
        ("a_labels.nii.gz", lambda image: sitk.Cast(image, sitk.sitkInt16) - 1, "whole numbers"),
        ("a_labels.nii.gz", lambda image: sitk.Cast(image, sitk.sitkFloat32) + 0.5, "whole numbers"),
        ("a_labels.nii.gz", lambda image: image[:-1, :, :], "another grid than"),
        ("a_labels.nii.gz", lambda image: sitk.Flip(image, (True, False, False)), "another grid than"),
    ],
)
def test_a_faulty_image_is_named_with_the_fault(open_pairs, folder, name, change, message):
    break_image(folder / name, change)
    with pytest.raises(DatasetError) as caught:
        open_pairs().load("a_b")
    assert str(folder / name) in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("role", ["fixed", "moving", "fixed_labels"])
def test_a_faulty_header_is_found_before_anything_runs(open_pairs, folder, role):
    name = {"fixed": "a", "moving": "b", "fixed_labels": "a_labels"}[role]
    path = folder / f"{name}.nii.gz"
    header = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<f", header, 80, 0.0)  # the first voxel size, which ITK would read as 1 mm
    path.write_bytes(gzip.compress(bytes(header)))
    with pytest.raises(DatasetError) as caught:
        open_pairs().fetch(FetchRequest())
    assert f"{path}: its header says voxels of 0×2×2 mm: mend it" in str(caught.value)


def test_a_fault_leaves_the_cache_usable(open_pairs, folder):
    good = (folder / "b.nii.gz").read_bytes()
    point = (30.0, 40.0, 20.0)
    expected = open_pairs(prealignment="rigid").load("a_b").prealignment.TransformPoint(point)
    break_image(folder / "b.nii.gz", lambda image: image + float("nan"))
    with pytest.raises(DatasetError, match=r"b\.nii\.gz"):
        open_pairs(prealignment="rigid").load("a_b")
    (folder / "b.nii.gz").write_bytes(good)
    (stored,) = (folder / "cache" / "derived" / "csv").glob("*/content/transform.h5")
    before = stored.stat().st_mtime_ns
    assert open_pairs(prealignment="rigid").load("a_b").prealignment.TransformPoint(point) == expected
    assert stored.stat().st_mtime_ns == before


def test_an_empty_mask_is_refused(open_pairs, folder):
    save(np.zeros((24, 40, 36), np.uint8), folder / "mask.nii.gz", "LPS")
    write_list(folder, "a_b,a.nii.gz,b.nii.gz,mask.nii.gz", columns="pair_id,fixed,moving,fixed_mask")
    with pytest.raises(DatasetError, match=r"mask\.nii\.gz: the mask is empty"):
        open_pairs().load("a_b")


def test_a_torn_file_is_refused(open_pairs, folder):
    path = folder / "a.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DatasetError, match=r"a\.nii\.gz"):
        open_pairs().load("a_b")


def test_landmarks_and_a_true_transform_come_along(open_pairs, folder):
    np.savetxt(folder / "points.csv", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], delimiter=",")
    sitk.WriteTransform(sitk.TranslationTransform(3, SHIFT_MM), str(folder / "true.tfm"))
    write_list(
        folder,
        "a_b,a.nii.gz,b.nii.gz,points.csv,points.csv,true.tfm",
        columns="pair_id,fixed,moving,fixed_landmarks,moving_landmarks,true_transform",
    )
    pair = open_pairs().load("a_b")
    assert pair.fixed_landmarks.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert pair.true_transform.TransformPoint((0.0, 0.0, 0.0)) == SHIFT_MM
    sitk.WriteTransform(sitk.TranslationTransform(2), str(folder / "true.tfm"))
    with pytest.raises(DatasetError, match=r"true\.tfm: is a transform of 2D, the images are 3D"):
        open_pairs().load("a_b")


@pytest.fixture
def with_landmarks(folder, open_pairs):
    """Read the pair with landmark files of the given rows."""

    def read(fixed, moving):
        for name, rows in (("fixed", fixed), ("moving", moving)):
            (folder / f"{name}.csv").write_text("".join(f"{row}\n" for row in rows))
        write_list(
            folder,
            "a_b,a.nii.gz,b.nii.gz,fixed.csv,moving.csv",
            columns="pair_id,fixed,moving,fixed_landmarks,moving_landmarks",
        )
        return open_pairs().load("a_b")

    return read


@pytest.mark.parametrize(("fixed", "moving"), [(3, 1), (1, 3), (3, 2)])
def test_landmarks_without_partners_are_refused_with_both_files_and_counts(with_landmarks, fixed, moving):
    with pytest.raises(ImageError) as caught:
        with_landmarks(["1,2,3"] * fixed, ["1,2,3"] * moving)
    assert f"moving.csv: holds {moving} landmarks" in str(caught.value)
    assert f"fixed.csv holds {fixed}" in str(caught.value)


@pytest.mark.parametrize("faulty", ["1,2", "1,2,3,4", "1,2,nan"])
@pytest.mark.parametrize("side", ["fixed", "moving"])
def test_landmarks_that_are_no_points_of_the_image_are_refused(with_landmarks, side, faulty):
    rows = {"fixed": ["1,2,3"], "moving": ["1,2,3"], side: [faulty]}
    with pytest.raises(ImageError, match=rf"{side}\.csv: rows of 3 finite coordinates are wanted"):
        with_landmarks(**rows)


@pytest.mark.skipif(
    "REGBENCH_BRAINS" not in os.environ, reason="REGBENCH_BRAINS does not name the brain pair"
)
def test_two_brains_on_different_grids_overlap_after_the_affine_start(tmp_path):
    path = Path(os.environ["REGBENCH_BRAINS"], "pairs.csv")
    preparation = Preparation(spacing_mm=2.0, prealignment="affine", mask="foreground")
    data = CsvPairs(CsvParams(path, preparation=preparation), tmp_path)
    pair = data.load(data.pairs()[0].pair_id)
    warped = sitk.Resample(pair.moving_labels, pair.fixed_labels, pair.prealignment, sitk.sitkNearestNeighbor)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(pair.fixed_labels, warped)
    assert np.mean([overlap.GetDiceCoefficient(label) for label in range(1, 14)]) > 0.58
