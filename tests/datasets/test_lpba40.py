"""LPBA40 from its archive to its pairs: consent, 780 pairs, 54 or 56 labels, and copies to refuse."""

import shutil
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.base import DatasetError
from datasets.fetching import FetchRequest
from datasets.lpba40 import Lpba40, Lpba40Params
from datasets.preparation import Preparation
from datasets.transfer import RemoteFile

ACCEPTED = FetchRequest(accept_licence=True)
UNPREPARED = Preparation()


def open_lpba40(cache_root, **params):
    return Lpba40(Lpba40Params(**params), cache_root)


@pytest.fixture(scope="module")
def fetched(lpba40_archive, tmp_path_factory):
    """A cache that was filled from the archive."""
    cache_root = tmp_path_factory.mktemp("lpba40-cache")
    open_lpba40(cache_root).fetch(FetchRequest(accept_licence=True, source=lpba40_archive))
    return cache_root


def test_pairs_are_listed_without_any_file(tmp_path):
    pairs = open_lpba40(tmp_path).pairs()
    assert len(pairs) == 780
    assert len({frozenset(pair.subjects) for pair in pairs}) == 780
    assert pairs[0].pair_id == "S01-S02"
    assert pairs[0].subjects == ("S01", "S02")
    assert {(pair.kind, pair.dimension) for pair in pairs} == {("inter-subject", 3)}


def test_it_is_complete_once_fetched_and_no_longer_when_a_file_is_cut(fetched, tmp_path):
    assert not open_lpba40(tmp_path).complete()
    assert not list(tmp_path.iterdir()), "asking fetches nothing"
    shutil.copytree(fetched / "raw", tmp_path / "raw")
    assert open_lpba40(tmp_path).complete()
    next((tmp_path / "raw").rglob("*.img.gz")).write_bytes(b"")
    assert not open_lpba40(tmp_path).complete()


def test_subsets_are_nested_and_follow_the_seed(tmp_path):
    ten, hundred = (
        {pair.pair_id for pair in open_lpba40(tmp_path, subset=size).pairs()} for size in (10, 100)
    )
    assert len(ten) == 10
    assert len(hundred) == 100
    assert ten < hundred
    assert ten != {pair.pair_id for pair in open_lpba40(tmp_path, subset=10, seed=1).pairs()}


def test_the_choice_of_a_subset_leaves_every_pair_as_it_was(fetched):
    assert set(Lpba40.choosing) == {"subset", "seed"}
    few, many = open_lpba40(fetched, subset=10, seed=1).versions(), open_lpba40(fetched).versions()
    assert few.items() < many.items()


def test_the_archive_is_downloaded_only_with_consent(lpba40_archive, server, tmp_path):
    class Local(Lpba40):
        archive = RemoteFile(server.url("/lpba40.zip"), Lpba40.archive.name)

    server.files["/lpba40.zip"] = lpba40_archive.read_bytes()
    data = Local(Lpba40Params(preparation=UNPREPARED), tmp_path)
    with pytest.raises(DatasetError, match=r"LONI's terms.*--accept-licence"):
        data.fetch(FetchRequest())
    assert not server.asked
    data.fetch(ACCEPTED)
    assert server.gets("/lpba40.zip")
    server.asked.clear()
    data.fetch(FetchRequest(offline=True))
    assert not server.asked
    assert data.load("S01-S02").info.subjects == ("S01", "S02")


def test_without_a_fetch_the_way_is_told(tmp_path):
    with pytest.raises(DatasetError, match="benchmarks fetch lpba40 --accept-licence"):
        open_lpba40(tmp_path).load("S01-S02")
    with pytest.raises(KeyError, match="S01-S99"):
        open_lpba40(tmp_path).load("S01-S99")


@pytest.mark.parametrize("labels", [54, 56])
def test_a_pair_has_its_labels_and_its_brains_as_masks(fetched, labels):
    pair = open_lpba40(fetched, labels=labels, preparation=UNPREPARED).load("S01-S02")
    assert len(pair.label_names) == labels
    assert (182 in pair.label_names) == (labels == 56)
    for image, mask, drawn in (
        (pair.fixed, pair.fixed_mask, pair.fixed_labels),
        (pair.moving, pair.moving_mask, pair.moving_labels),
    ):
        array = sitk.GetArrayFromImage(image)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), array != 0)
        assert set(pair.label_names) <= set(np.unique(sitk.GetArrayFromImage(drawn)))
        assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert pair.prealignment is None


def test_prealignment_is_rigid_unless_told_otherwise(fetched):
    pair = open_lpba40(fetched).load("S01-S02")
    assert isinstance(pair.prealignment, sitk.Euler3DTransform)


def test_conversion_is_done_once(fetched):
    (folder,) = (path for path in (fetched / "derived" / "lpba40").iterdir() if (path / "S01").is_dir())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert len(before) == 81  # two for each subject, and the manifest
    open_lpba40(fetched, labels=56).fetch(FetchRequest())
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_a_damaged_conversion_is_made_anew(fetched, tmp_path):
    cache_root = tmp_path / "cache"
    shutil.copytree(fetched, cache_root)
    (image,) = cache_root.glob("derived/lpba40/*/S01/image.nii.gz")
    good = image.read_bytes()
    image.write_bytes(good[:-1] + bytes([good[-1] ^ 0xFF]))
    open_lpba40(cache_root, preparation=UNPREPARED).load("S01-S02")
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(image))).any()


def test_a_folder_that_the_user_has_will_do_and_the_version_follows_its_content(
    fetched, write_lpba40, tmp_path
):
    tree = write_lpba40(tmp_path)
    data = open_lpba40(tmp_path / "cache", preparation=UNPREPARED)
    unfetched = data.version
    assert len(data.pairs()) == 780
    data.fetch(FetchRequest(accept_licence=True, source=tree))
    assert data.load("S39-S40").info.subjects == ("S39", "S40")
    assert data.version == open_lpba40(tmp_path / "cache").version
    assert len({unfetched, data.version, open_lpba40(fetched).version}) == 3


def test_a_mirrored_archive_is_refused_and_the_right_one_is_fetched_next(
    write_lpba40, lpba40_archive, server, tmp_path
):
    class Local(Lpba40):
        archive = RemoteFile(server.url("/lpba40.zip"), Lpba40.archive.name)

    server.files["/lpba40.zip"] = lpba40_archive.read_bytes()
    tree = write_lpba40(tmp_path / "mirrored", flipped=(0,))
    archive = tmp_path / "mirrored.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(tree.rglob("*")):
            packed.write(path, path.relative_to(tree.parent))
    data = Local(Lpba40Params(preparation=UNPREPARED), tmp_path / "cache")
    with pytest.raises(DatasetError, match=r"S01\.delineation\.structure\.label\.hdr.*mirrored or turned"):
        data.fetch(FetchRequest(accept_licence=True, source=archive))
    data.fetch(FetchRequest())
    assert data.load("S01-S40").info.subjects == ("S01", "S40")


def test_an_incomplete_folder_is_refused(write_lpba40, tmp_path):
    tree = write_lpba40(tmp_path / "incomplete", range(1, 40))
    data = open_lpba40(tmp_path / "cache")
    with pytest.raises(DatasetError, match=r"incomplete.*for S40: LPBA40 in delineation space is wanted"):
        data.fetch(FetchRequest(accept_licence=True, source=tree))
