"""MRBrainS18 from its archive to its 126 pairs across subjects and modalities."""

from collections import Counter

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.base import DatasetError
from datasets.fetching import FetchRequest
from datasets.mrbrains18 import Mrbrains18, Mrbrains18Params
from datasets.preparation import Preparation
from datasets.transfer import RemoteFile

SUBJECTS = ("1", "4", "5", "7", "14", "070", "148")


@pytest.fixture(scope="module")
def fetched(mrbrains18_archive, tmp_path_factory):
    """A filled cache."""
    cache_root = tmp_path_factory.mktemp("mrbrains18-cache")
    opened(cache_root).fetch(FetchRequest(accept_licence=True, source=mrbrains18_archive))
    return cache_root


def opened(cache_root, **params):
    return Mrbrains18(Mrbrains18Params(**{"preparation": Preparation(), **params}), cache_root)


def test_21_pairs_of_subjects_in_6_pairs_of_modalities(fetched):
    pairs = opened(fetched).pairs()
    assert len(pairs) == 126
    assert len({pair.pair_id for pair in pairs}) == 126
    assert len({frozenset(pair.subjects) for pair in pairs}) == 21
    assert {subject for pair in pairs for subject in pair.subjects} == set(SUBJECTS)
    assert Counter(pair.kind for pair in pairs) == {
        f"{one}-{other}": 21
        for one in ("T1", "IR", "FLAIR")
        for other in ("T1", "IR", "FLAIR")
        if one != other
    }
    assert pairs[0].pair_id == "1_T1-4_IR"


def test_a_pair_has_the_modalities_of_its_name_and_eight_labels(fetched, write_mrbrains18):
    pair = opened(fetched).load("14_FLAIR-070_T1")
    assert pair.info.subjects == ("14", "070")
    assert list(pair.label_names) == list(range(1, 9))
    assert set(np.unique(sitk.GetArrayFromImage(pair.fixed_labels))) == set(range(11))
    (tree,) = fetched.glob("raw/mrbrains18/*/files/training")
    for image, name in ((pair.fixed, "14/pre/FLAIR"), (pair.moving, "070/pre/reg_T1")):
        source = sitk.GetArrayFromImage(sitk.ReadImage(str(tree / f"{name}.nii.gz")))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), source)
        assert image.GetSpacing() == pytest.approx((0.958, 0.958, 3.0))
    drawn = sitk.GetArrayFromImage(pair.fixed_labels) != 0
    np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.fixed_mask), drawn)


def test_the_start_is_rigid_by_mutual_information(fetched):
    pair = Mrbrains18(Mrbrains18Params(), fetched).load("1_T1-4_IR")
    assert isinstance(pair.prealignment, sitk.Euler3DTransform)
    assert Mrbrains18Params().preparation.prealignment_metric == "mattes"


def test_subsets_are_nested(fetched):
    few, many = ({pair.pair_id for pair in opened(fetched, subset=n).pairs()} for n in (6, 60))
    assert (len(few), len(many)) == (6, 60)
    assert few < many
    assert set(Mrbrains18.choosing) == {"subset", "seed"}
    one, other = opened(fetched, subset=60).versions(), opened(fetched, subset=60, seed=1).versions()
    assert one.keys() & other.keys()
    assert all(one[pair_id] == other[pair_id] for pair_id in one.keys() & other.keys())


def test_the_archive_is_downloaded_only_with_consent(mrbrains18_archive, server, tmp_path):
    class Local(Mrbrains18):
        archive = RemoteFile(server.url("/api/access/datafile/402709"), "training.zip")

    server.files["/api/access/datafile/402709"] = mrbrains18_archive.read_bytes()
    data = Local(Mrbrains18Params(), tmp_path)
    with pytest.raises(DatasetError, match="UMC Utrecht's licence"):
        data.fetch(FetchRequest())
    assert not server.asked
    data.fetch(FetchRequest(accept_licence=True))
    assert len(data.pairs()) == 126


def test_a_missing_subject_or_scan_is_named(write_mrbrains18, tmp_path):
    six = write_mrbrains18(tmp_path / "six", SUBJECTS[:-1])
    with pytest.raises(DatasetError, match=r"there are 6 subjects .*the training set of MRBrainS18 has 7"):
        opened(tmp_path / "cache").fetch(FetchRequest(accept_licence=True, source=six))
    tree = write_mrbrains18(tmp_path / "seven")
    (tree / "14" / "pre" / "reg_IR.nii.gz").unlink()
    with pytest.raises(DatasetError, match=r"14/pre/reg_IR\.nii\.gz: no such file"):
        opened(tmp_path / "cache").fetch(FetchRequest(accept_licence=True, source=tree))


def test_a_subject_whose_name_is_no_file_name_is_refused(write_mrbrains18, tmp_path):
    tree = write_mrbrains18(tmp_path, (*SUBJECTS[:-1], "a b;rm"))
    with pytest.raises(DatasetError, match="'a b;rm' cannot become part of a file name"):
        opened(tmp_path / "cache").fetch(FetchRequest(accept_licence=True, source=tree))
