"""Which pairs are taken: counts, nesting, and names that may become file names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.base import DatasetError
from datasets.pairing import natural_order, nested_subset, safe_name


@given(st.sets(st.text("abcdef", min_size=1), min_size=2), st.integers(0, 2**32), st.data())
def test_a_smaller_subset_lies_in_every_larger_one(names, seed, data):
    ids = sorted(names)
    larger = data.draw(st.integers(1, len(ids)))
    smaller = data.draw(st.integers(1, larger))
    few, many = nested_subset(ids, smaller, seed), nested_subset(ids, larger, seed)
    assert len(few) == smaller
    assert set(few) <= set(many)
    assert sorted(few) == list(few)
    assert nested_subset(list(reversed(ids)), smaller, seed)[::-1] == few


def test_the_subset_is_the_published_rule():
    # sha256 of "0|a", "0|b" and "0|c" begins with 32, 7a and 1d.
    assert nested_subset(["a", "b", "c"], 1, seed=0) == ("c",)
    assert nested_subset(["a", "b", "c"], 2, seed=0) == ("a", "c")
    assert nested_subset(["a", "b", "c"], None, seed=0) == ("a", "b", "c")


def test_another_seed_takes_other_pairs():
    ids = [str(number) for number in range(100)]
    assert nested_subset(ids, 20, seed=0) != nested_subset(ids, 20, seed=1)


def test_more_pairs_than_there_are_is_an_error():
    with pytest.raises(DatasetError, match="4 pairs are asked for, there are 3"):
        nested_subset(["a", "b", "c"], 4, seed=0)


@pytest.mark.parametrize("name", ["m1", "IBSR_01", "S01.v2-b", "0"])
def test_plain_names_pass(name):
    assert safe_name(name, Path("x")) == name


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a b", "-rf", "a\n", "<b>", "é", "x" * 101])
def test_names_that_are_no_file_names_are_refused_with_their_place(name):
    with pytest.raises(DatasetError, match=r"folder/file: .* rename it"):
        safe_name(name, Path("folder/file"))


def test_numbers_in_names_are_sorted_by_their_value():
    names = ["m10", "m2", "m1", "g3", "070", "14", "4", "20241106", "m"]
    assert sorted(names, key=natural_order) == ["4", "14", "070", "20241106", "g3", "m", "m1", "m2", "m10"]
