"""ds007328 from a server that speaks as OpenNeuro does, downloaded by the real openneuro-py."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.base import DatasetError, FetchError
from datasets.ds007328 import Ds007328, Ds007328Params, choose_scans
from datasets.fetching import FetchRequest
from datasets.preparation import Preparation

CHOSEN = {
    "20241106": "sub-001/ses-2024110601/anat/sub-001_ses-2024110601_run-1_T1w.nii.gz",
    "20241201": "sub-001/ses-2024120103/anat/sub-001_ses-2024120103_run-9_T1w.nii.gz",
    "20241207": "sub-001/ses-2024120701/anat/sub-001_ses-2024120701_T1w.nii.gz",
}


@pytest.fixture
def open_dataset(openneuro, tmp_path):
    class Local(Ds007328):
        graphql_url = openneuro.graphql_url

    return lambda **params: Local(Ds007328Params(**params), tmp_path / "cache")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "raw" / "ds007328" / "1.0.1"


def test_one_scan_of_each_date_is_chosen_by_the_rule(ds007328_files):
    assert choose_scans(ds007328_files, "here") == CHOSEN
    assert choose_scans(reversed(ds007328_files), "here") == CHOSEN


def test_a_date_without_a_scan_is_told_with_those_that_have_one(ds007328_files):
    with pytest.raises(
        FetchError, match=r"here: has no T1w scan of 20241207; .*20241106, 20241115, 20241201"
    ):
        choose_scans((name for name in ds007328_files if "20241207" not in name), "here")


def test_the_newest_snapshot_is_fetched_once(open_dataset, openneuro, folder, ds007328_files):
    dataset = open_dataset()
    assert dataset.version.startswith("newest+absent+")
    dataset.fetch(FetchRequest())
    images = [path for path in openneuro.downloads() if path.endswith(".nii.gz")]
    assert sorted(images) == sorted(openneuro.path("1.0.1", name) for name in CHOSEN.values())
    for name in CHOSEN.values():
        assert (folder / "bids" / name).read_bytes() == ds007328_files[name]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["notes"]["scans"]["chosen"] == CHOSEN
    assert manifest["files"][f"bids/{CHOSEN['20241106']}"]["origin"].endswith("/ds007328/versions/1.0.1")
    assert {path.name for path in folder.iterdir()} == {"bids", "manifest.json", ".download.lock"}
    asked = len(openneuro.server.asked)
    open_dataset().fetch(FetchRequest())
    open_dataset().fetch(FetchRequest(offline=True, check_hashes=True))
    assert len(openneuro.server.asked) == asked
    assert open_dataset().version.startswith("1.0.1+")
    assert open_dataset(snapshot="1.0.1").version == open_dataset().version


def test_slices_are_256_by_256_in_0_to_1(open_dataset):
    dataset = open_dataset()
    dataset.fetch(FetchRequest())
    assert [info.pair_id for info in dataset.pairs()] == ["f1-axial50", "f2-axial50", "f3-axial50"]
    assert {info.subjects for info in dataset.pairs()} == {("sub-001",)}
    pair = dataset.load("f1-axial50")
    for image in (pair.fixed, pair.moving):
        values = sitk.GetArrayFromImage(image)
        assert values.shape == (256, 256)
        assert 0 <= values.min() < 0.05
        assert 0.8 < values.max() <= 1
        assert image.GetSpacing() == (1.0, 1.0)
    assert np.corrcoef(*(sitk.GetArrayFromImage(i).ravel() for i in (pair.fixed, pair.moving)))[0, 1] > 0.8


def test_volumes_are_fixed_before_moving_on_2_mm(open_dataset, folder):
    dataset = open_dataset(form="volume")
    dataset.fetch(FetchRequest())
    assert [info.pair_id for info in dataset.pairs()] == ["f1", "f2", "f3"]
    for pair_id, dates in {"f1": ("20241106", "20241201"), "f2": ("20241201", "20241207")}.items():
        pair = dataset.load(pair_id)
        for image, date in zip((pair.fixed, pair.moving), dates, strict=True):
            assert image.GetSpacing() == (2.0, 2.0, 2.0)
            original = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "bids" / CHOSEN[date])))
            assert np.array_equal(sitk.GetArrayFromImage(image), original)


def test_what_the_preparation_says_goes_before_the_form():
    params = Ds007328Params(preparation={"prealignment": "rigid", "slice_size": 128})
    assert (params.preparation.axial_slices, params.preparation.slice_size) == ((0.5,), 128)
    assert Ds007328Params(preparation=Preparation(prealignment="rigid")).preparation.slice_size == 256
    assert Ds007328Params(form="volume").preparation == Preparation(spacing_mm=2.0)


def test_a_snapshot_that_does_not_exist_is_told_with_those_that_do(open_dataset):
    with pytest.raises(FetchError, match=r"no snapshot '9\.9'; there are 1\.0\.0, 1\.0\.1"):
        open_dataset(snapshot="9.9").fetch(FetchRequest())


def test_a_broken_line_is_continued_by_range(open_dataset, openneuro, folder, ds007328_files):
    name = CHOSEN["20241201"]
    path = openneuro.path("1.0.1", name)
    openneuro.server.cuts[path] = [len(ds007328_files[name]) // 2]
    open_dataset().fetch(FetchRequest())
    assert (folder / "bids" / name).read_bytes() == ds007328_files[name]
    ranges = [one.byte_range for one in openneuro.server.gets(path)]
    assert ranges[0] is None
    assert ranges[1].startswith("bytes=")


def test_a_file_that_is_gone_loses_nothing_that_was_complete(open_dataset, openneuro, folder, ds007328_files):
    name = CHOSEN["20241207"]
    path = openneuro.path("1.0.1", name)
    del openneuro.server.files[path]
    with pytest.raises(
        FetchError, match=r"openneuro-py could not download.*HTTP 404.*complete files are kept"
    ):
        open_dataset().fetch(FetchRequest())
    assert not (folder / "bids").exists()
    openneuro.server.files[path] = ds007328_files[name]
    openneuro.server.asked.clear()
    open_dataset().fetch(FetchRequest())
    assert [one for one in openneuro.downloads() if one.endswith(".nii.gz")] == [path]
    assert (folder / "bids" / name).read_bytes() == ds007328_files[name]


def test_a_corrupted_byte_is_found_and_mended(open_dataset, openneuro, folder, ds007328_files):
    dataset = open_dataset()
    dataset.fetch(FetchRequest())
    name = CHOSEN["20241106"]
    content = bytearray(ds007328_files[name])
    content[1000] ^= 1
    (folder / "bids" / name).write_bytes(content)
    dataset.fetch(FetchRequest(check_hashes=True))
    assert (folder / "bids" / name).read_bytes() == ds007328_files[name]


def test_offline_and_before_the_fetch_one_sentence_names_the_way_out(open_dataset, openneuro):
    with pytest.raises(FetchError, match=r"ds007328: is not in .*without --offline.*--from PATH"):
        open_dataset().fetch(FetchRequest(offline=True))
    with pytest.raises(DatasetError, match=r"python -m benchmarks fetch ds007328"):
        open_dataset().load("f1-axial50")
    assert openneuro.server.asked == []


def test_without_a_network_one_sentence_says_so(tmp_path):
    class Unreachable(Ds007328):
        graphql_url = "http://127.0.0.1:1/crn/graphql"

    with pytest.raises(FetchError, match=r"cannot be reached.*connect to the network.*--from"):
        Unreachable(Ds007328Params(), tmp_path).fetch(FetchRequest())


def test_a_folder_that_the_user_has_is_taken(open_dataset, openneuro, tmp_path, write_bids):
    write_bids(tmp_path / "mine")
    dataset = open_dataset()
    dataset.fetch(FetchRequest(source=tmp_path / "mine", offline=True))
    assert dataset.version.startswith("1.0.0+")
    assert dataset.load("f2-axial50").info.subjects == ("sub-001",)
    assert openneuro.server.asked == []
    with pytest.raises(
        FetchError, match=r"no T1w scan of 20241106, 20241201, 20241207; .* no date at all.*--from"
    ):
        open_dataset(snapshot="2").fetch(FetchRequest(source=tmp_path))


def test_an_archive_that_the_user_has_is_taken(open_dataset, openneuro, tmp_path, write_bids):
    write_bids(tmp_path / "mine" / "ds007328")
    (tmp_path / "mine" / "ds007328" / "derivatives" / "sub-001").mkdir(parents=True)
    archive = Path(shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path / "mine"))
    dataset = open_dataset()
    left_by_a_killed_process = dataset.cache_root / "raw" / ".ds007328-4k1ll3d" / "sub-001"
    left_by_a_killed_process.mkdir(parents=True)
    dataset.fetch(FetchRequest(source=archive, offline=True))
    assert dataset.version.startswith("1.0.0+")
    assert dataset.load("f2-axial50").info.subjects == ("sub-001",)
    assert openneuro.server.asked == []
    (manifest,) = (dataset.cache_root / "raw" / "ds007328").glob("*/manifest.json")
    assert str(archive) in manifest.read_text()
    folders = [path.name for path in (dataset.cache_root / "raw").iterdir() if path.is_dir()]
    assert folders == ["ds007328"]


def test_an_archive_without_the_subject_or_torn_is_refused(open_dataset, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "README").write_text("nothing")
    archive = Path(shutil.make_archive(str(tmp_path / "other"), "gztar", tmp_path / "other"))
    with pytest.raises(FetchError, match=r"other\.tar\.gz: holds no folder sub-001: give"):
        open_dataset().fetch(FetchRequest(source=archive))
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(FetchError, match=r"other\.tar\.gz"):
        open_dataset().fetch(FetchRequest(source=archive))


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>busy</html>",
        b"{}",
        b'{"data": {"dataset": {"latestSnapshot": {"id": "../../x", "files": []}}}}',
    ],
)
def test_an_answer_that_is_none_is_refused(open_dataset, openneuro, answer):
    openneuro.server.answers["/crn/graphql"] = lambda body: answer
    with pytest.raises(FetchError, match=r"no JSON|no data|no tag looks like"):
        open_dataset().fetch(FetchRequest())


def test_a_listed_name_that_leaves_the_folder_is_not_followed(
    open_dataset, openneuro, ds007328_files, tmp_path
):
    evil = "sub-001/ses-2024120701/anat/../../../../evil_T1w.nii.gz"
    openneuro.add("1.0.2", {**ds007328_files, evil: b"evil"})
    open_dataset().fetch(FetchRequest())
    assert list(tmp_path.rglob("*evil*")) == []


def test_a_process_that_loads_pairs_never_imports_what_replaces_urllib3(open_dataset, checkout, tmp_path):
    open_dataset().fetch(FetchRequest())
    script = f"""
import sys
from pathlib import Path
from datasets.ds007328 import Ds007328, Ds007328Params
from datasets.fetching import FetchRequest
dataset = Ds007328(Ds007328Params(), Path({str(tmp_path / "cache")!r}))
dataset.fetch(FetchRequest())
dataset.load("f1-axial50")
print([name for name in ("openneuro", "niquests", "urllib3_future") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
