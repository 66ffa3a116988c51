"""neurite-oasis from its archive to its pairs, as slices and as volumes."""

import tarfile

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.base import DatasetError
from datasets.fetching import FetchRequest
from datasets.oasis import Oasis2D, Oasis3D, OasisParams
from datasets.oasis_files import label_names
from datasets.transfer import RemoteFile

SUBJECTS = ("OAS1_0001", "OAS1_0002", "OAS1_0003", "OAS1_0010")
NAMES = {1: "Left-Cortex", 2: "Right-Cortex", 3: "Left-White-Matter", 4: "Brain-Stem"}


@pytest.fixture(scope="module")
def fetched(oasis_archive, tmp_path_factory):
    """A cache with slices and volumes."""
    cache_root = tmp_path_factory.mktemp("oasis-cache")
    for kind in (Oasis2D, Oasis3D):
        kind(OasisParams(), cache_root).fetch(FetchRequest(accept_licence=True, source=oasis_archive))
    return cache_root


def opened(kind, cache_root, **params):
    return kind(OasisParams(**{"subset": None, **params}), cache_root)


@pytest.mark.parametrize(("kind", "size"), [(Oasis2D, (40, 48)), (Oasis3D, (20, 24, 28))])
def test_pairs_of_different_subjects_with_the_archives_label_names(fetched, kind, size):
    data = opened(kind, fetched)
    pairs = data.pairs()
    assert len(pairs) == 6
    assert {pair.dimension for pair in pairs} == {len(size)}
    assert {subject for pair in pairs for subject in pair.subjects} == set(SUBJECTS)
    pair = data.load("OAS1_0002-OAS1_0010")
    assert pair.fixed.GetSize() == pair.moving_labels.GetSize() == size
    assert pair.label_names == NAMES
    mask = sitk.GetArrayFromImage(pair.fixed_mask)
    np.testing.assert_array_equal(mask, sitk.GetArrayFromImage(pair.fixed) != 0)
    assert pair.prealignment is None


def test_subsets_are_nested(fetched):
    chosen = [{pair.pair_id for pair in opened(Oasis2D, fetched, subset=n).pairs()} for n in (2, 4, 6)]
    assert [len(ids) for ids in chosen] == [2, 4, 6]
    assert chosen[0] < chosen[1] < chosen[2]
    assert set(Oasis2D.choosing) == {"subset", "seed"}
    few, many = opened(Oasis2D, fetched, subset=4, seed=1).versions(), opened(Oasis2D, fetched).versions()
    assert few.items() < many.items()
    with pytest.raises(DatasetError, match="7 pairs are asked for, there are 6"):
        opened(Oasis2D, fetched, subset=7).pairs()


def test_the_archive_is_downloaded_only_with_consent(oasis_archive, server, tmp_path):
    class Local(Oasis2D):
        archive = RemoteFile(server.url("/oasis.tar"), Oasis2D.archive.name)

    server.files["/oasis.tar"] = oasis_archive.read_bytes()
    data = Local(OasisParams(subset=3), tmp_path)
    with pytest.raises(DatasetError, match=r"oasis2d: is not in .* --accept-licence"):
        data.pairs()
    with pytest.raises(DatasetError, match="OASIS data use agreement"):
        data.fetch(FetchRequest())
    assert not server.asked
    data.fetch(FetchRequest(accept_licence=True))
    assert len(data.pairs()) == 3


def test_a_folder_will_do_and_only_what_is_needed_is_copied(write_oasis, tmp_path):
    tree = write_oasis(tmp_path / "tree")
    data = opened(Oasis2D, tmp_path / "cache")
    data.fetch(FetchRequest(accept_licence=True, source=tree))
    assert len(data.pairs()) == 6
    copied = {path.name for path in (tmp_path / "cache").rglob("*.nii.gz")}
    assert copied == {"slice_norm.nii.gz", "slice_seg24.nii.gz"}


@pytest.mark.parametrize("missing", ["slice_norm.nii.gz", "slice_seg24.nii.gz"])
def test_an_incomplete_subject_is_named(write_oasis, tmp_path, missing):
    tree = write_oasis(tmp_path / "tree")
    (tree / "OASIS_OAS1_0003_MR1" / missing).unlink()
    data = opened(Oasis2D, tmp_path / "cache")
    with pytest.raises(DatasetError, match=f"OASIS_OAS1_0003_MR1/{missing}: no such file"):
        data.fetch(FetchRequest(accept_licence=True, source=tree))


def test_a_torn_scan_is_refused_before_it_is_taken_over(write_oasis, tmp_path):
    tree = write_oasis(tmp_path / "mine")
    path = tree / "OASIS_OAS1_0003_MR1" / "slice_norm.nii.gz"
    sound = path.read_bytes()
    data = Oasis2D(OasisParams(subset=6), tmp_path / "cache")
    for torn in (sound[:-100], sound[:200] + bytes([sound[200] ^ 1]) + sound[201:]):
        path.write_bytes(torn)
        with pytest.raises(DatasetError, match=r"mine: .*0003_MR1/slice_norm\.nii\.gz is torn .*--from"):
            data.fetch(FetchRequest(accept_licence=True, source=tree))
    path.write_bytes(sound)
    data.fetch(FetchRequest(accept_licence=True, source=tree))
    assert len(data.pairs()) == 6


def test_a_file_that_was_damaged_later_is_named_with_the_command_that_mends_it(oasis_archive, tmp_path):
    data = Oasis2D(OasisParams(subset=6), tmp_path)
    data.fetch(FetchRequest(accept_licence=True, source=oasis_archive))
    (path,) = tmp_path.rglob("OASIS_OAS1_0003_MR1/slice_norm.nii.gz")
    sound = path.read_bytes()
    path.write_bytes(sound[:-100])
    with pytest.raises(
        DatasetError, match=r"v1\.0: files are missing or damaged; .*, fetch oasis2d mends it"
    ):
        data.load("OAS1_0001-OAS1_0003")
    path.write_bytes(sound[:-100] + bytes(100))
    with pytest.raises(
        DatasetError, match=r"0003_MR1/slice_norm\.nii\.gz: .*; python -m .*, fetch oasis2d mends it"
    ):
        data.load("OAS1_0001-OAS1_0003")
    data.fetch(FetchRequest(offline=True, check_hashes=True))
    assert data.load("OAS1_0001-OAS1_0003").info.subjects == ("OAS1_0001", "OAS1_0003")


def test_an_archive_of_something_else_is_refused(tmp_path):
    other = tmp_path / "other.tar"
    (tmp_path / "note.txt").write_text("hello")
    with tarfile.open(other, "w") as packed:
        packed.add(tmp_path / "note.txt", "note.txt")
    data = opened(Oasis3D, tmp_path / "cache")
    with pytest.raises(DatasetError, match="there are 0 folders OASIS_OAS1_NNNN_MR1"):
        data.fetch(FetchRequest(accept_licence=True, source=other))


def test_hostile_label_tables_name_nothing_else(tmp_path):
    (tmp_path / "table.txt").write_bytes(
        b"0 Unknown 0 0 0 0\n7 <script>alert(1)</script>\n8 ../../etc\n9 Good-Name 1 2 3 0\n"
        b"999999999 Far\n\xff\xfe\n3\n"
    )
    assert label_names(tmp_path, "table.txt") == {9: "Good-Name"}
    assert label_names(tmp_path, "none.txt") == {}
