"""Pairs of scans have ids of their own, whatever their subjects are called."""

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.base import DatasetError
from datasets.mrbrains18_files import cross_modal_pairs
from datasets.scan_pairs import inter_subject_pairs, subset_of
from datasets.scans import Scan


def pairs_of(subjects, subset=None):
    return inter_subject_pairs({name: Scan(Path(name)) for name in subjects}, 3, subset, 0)


def test_ids_are_the_subjects_joined():
    assert [pair.info.pair_id for pair in pairs_of(["S01", "S02", "a-b"])] == [
        "S01-S02",
        "S01-a-b",
        "S02-a-b",
    ]


def test_no_pair_is_lost_where_joined_names_are_the_same():
    pairs = pairs_of(["a", "a-b", "b", "b-b"])
    assert {pair.info.pair_id: pair.info.subjects for pair in pairs} == {
        "a-a-b": ("a", "a-b"),
        "a-b": ("a", "b"),
        "a+b-b": ("a", "b-b"),
        "a-b+b": ("a-b", "b"),
        "a-b-b-b": ("a-b", "b-b"),
        "b-b-b": ("b", "b-b"),
    }


@given(st.lists(st.text("ab-", min_size=1, max_size=5), min_size=2, max_size=8, unique=True))
def test_every_two_subjects_are_a_pair(subjects):
    pairs = pairs_of(subjects)
    assert [pair.info.subjects for pair in pairs] == list(combinations(subjects, 2))
    assert len({pair.info.pair_id for pair in pairs}) == len(pairs)
    assert len(pairs_of(subjects, subset=len(pairs))) == len(pairs)


def test_two_pairs_of_one_id_are_refused_with_the_way_out():
    folders = {name: Path(name) for name in ("a", "a_T1-b", "b_T1-c", "c")}
    with pytest.raises(DatasetError, match=r"a_T1-b_T1-c_IR: .*a and b_T1-c.*a_T1-b and c.*rename"):
        subset_of(cross_modal_pairs(folders), None, 0)
