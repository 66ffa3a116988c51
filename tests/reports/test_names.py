from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.names import file_safe


@pytest.mark.parametrize("name", ["p1", "S01-S02", "torch_lm", "a.b+c"])
def test_harmless_names_stay(name: str) -> None:
    assert file_safe(name) == name


@given(st.text())
def test_any_name_becomes_one_harmless_file_name(name: str) -> None:
    safe = file_safe(name)
    assert re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*", safe)
    assert len(safe) <= 100


def test_names_that_look_alike_stay_apart() -> None:
    names = ["a/b", "a_b", "a\\b", "a b", "../a", "a", "", ".", "..", "x" * 200, "x" * 201]
    assert len({file_safe(name) for name in names}) == len(names)
