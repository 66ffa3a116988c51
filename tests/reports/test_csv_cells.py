from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from reports.csv_cells import csv_cell, csv_text
from reports.figures.drawing import Drawing, Plate, write_plate
from reports.figures.style import new_figure


@pytest.mark.parametrize(
    "text", ["=1+1", "+x", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "-", "=1"]
)
def test_what_begins_a_formula_stands_behind_an_apostrophe(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "-0.5", "+1e-3", "-inf", "'=1", "lmreg @ 2", "0.5 ± 0.1", "–"])
def test_other_text_and_numbers_stay(text: str) -> None:
    assert csv_cell(text) == text


def test_columns_of_numbers_and_what_is_missing_stay() -> None:
    frame = pd.DataFrame(
        {"=n": [-1.5, float("nan")], "whole": [-1, 2], "true": [True, False], "x": ["=a", None]}
    )
    assert csv_text(frame) == "'=n,whole,true,x\n-1.5,-1,True,'=a\n,2,False,\n"
    twice = pd.DataFrame([["-a", "b"]], columns=["x", "x"])
    assert csv_text(twice) == "x,x\n'-a,b\n"
    assert csv_text(pd.DataFrame({"x": []})) == "x\n"


def test_the_numbers_of_a_figure_hold_no_formula(tmp_path: Path) -> None:
    drawing = Drawing("", new_figure(1.0, 1.0), pd.DataFrame({"run": ["=1+1"], "value": [-2.0]}))
    (tmp_path / "figures").mkdir()
    (picture,) = write_plate(tmp_path, Plate(("name",), "T", "C", (drawing,))).pictures
    assert (tmp_path / picture.data).read_bytes() == b"run,value\n'=1+1,-2.0\n"
