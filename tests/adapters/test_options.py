from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.options import (
    LARGEST_SEED,
    descending_sigmas,
    positive_seed,
    powers_of_two,
    reject_foreign_options,
)


@dataclass(frozen=True)
class Chosen:
    model: str
    radius: int | None = None


def test_an_option_of_another_model_is_refused() -> None:
    owners = {"radius": frozenset({"round", "oval"})}
    reject_foreign_options(Chosen("round", 2), "model", owners)
    reject_foreign_options(Chosen("square"), "model", owners)
    with pytest.raises(
        ValueError, match="radius has no effect with model 'square'; it goes with 'oval' or 'round'"
    ):
        reject_foreign_options(Chosen("square", 2), "model", owners)


@given(st.integers(min_value=-(2**70), max_value=2**70))
def test_seed_is_never_zero_and_fits_32_bits(seed: int) -> None:
    assert 1 <= positive_seed(seed) <= LARGEST_SEED


def test_small_seeds_stay_different() -> None:
    assert [positive_seed(seed) for seed in range(3)] == [1, 2, 3]


def test_schedules_run_from_coarse_to_fine() -> None:
    assert powers_of_two(4) == (8, 4, 2, 1)
    assert descending_sigmas(3) == (2.0, 1.0, 0.0)
