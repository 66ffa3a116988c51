from __future__ import annotations

import math

import msgspec
import pytest

from benchmarks.label_scores import LabelScores

BY_LABEL = {"left": {"dice": 0.7, "hd95_mm": 1.5}, "right": {"dice": None, "hd95_mm": 2.0}}


def test_columns_hold_what_was_said_of_each_label() -> None:
    scores = LabelScores.of(BY_LABEL)
    assert scores.rows == {"left": 0, "right": 1}
    assert scores.columns == {"dice": (0.7, None), "hd95_mm": (1.5, 2.0)}
    assert scores.by_label() == BY_LABEL


def test_a_score_that_some_labels_lack_is_undefined_there() -> None:
    scores = LabelScores.of({"left": {"dice": 0.7}, "right": {"jaccard": 0.5}})
    assert scores.by_label()["right"] == {"dice": None, "jaccard": 0.5}


def test_a_column_has_the_labels_whose_score_is_defined() -> None:
    scores = LabelScores.of({**BY_LABEL, "thin": {"dice": math.nan, "hd95_mm": 0.0}})
    assert scores.column("dice") == {"left": 0.7}
    assert scores.column("hd95_mm") == {"left": 1.5, "right": 2.0, "thin": 0.0}
    assert scores.column("jaccard") == {}


def test_no_labels() -> None:
    assert LabelScores.of({}) == LabelScores()
    assert LabelScores().by_label() == LabelScores().column("dice") == {}


def test_names_that_no_file_could_hold_are_escaped() -> None:
    scores = LabelScores.of({"caf\udce9": {"dice": 0.5}})
    assert msgspec.json.decode(msgspec.json.encode(scores), type=LabelScores) == scores


def test_a_name_that_is_a_number_is_kept_as_text() -> None:
    assert LabelScores.of({17: {"dice": 0.5}}).rows == {"17": 0}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (b'{"rows":{"left":1},"columns":{"dice":[0.5]}}', "numbered from 0 to 0"),
        (b'{"rows":{"left":0,"right":0},"columns":{}}', "numbered from 0 to 1"),
        (b'{"rows":{"left":0},"columns":{"dice":[0.5,0.6]}}', "has not 1 values"),
        (b'{"rows":{},"columns":{"dice":[0.5]}}', "has not 0 values"),
    ],
)
def test_columns_that_do_not_fit_their_rows_are_refused(damaged: bytes, said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.json.decode(damaged, type=LabelScores)
