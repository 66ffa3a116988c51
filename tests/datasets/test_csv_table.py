"""Tables as spreadsheets of all countries write them."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.base import DatasetError
from datasets.csv_list import read_label_names
from datasets.csv_table import read_table

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4),
    delimiter=st.sampled_from(",;\t"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_what_a_spreadsheet_writes_is_read_back(tmp_path, rows, delimiter, line_end, mark):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows([("one", "two"), *rows])
    path = tmp_path / "table.csv"
    path.write_bytes(text.getvalue().encode(mark))
    assert [(row.values["one"], row.values["two"]) for row in read_table(path, ("one", "two"))] == rows


def test_blank_lines_and_cells_are_passed_over_and_lines_are_counted_as_an_editor_does(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("\na,b\n\n1,\n,\n 2 , 3 \n")
    rows = read_table(path, ("a",), ("b",))
    assert [(row.line, dict(row.values)) for row in rows] == [(4, {"a": "1"}), (6, {"a": "2", "b": "3"})]


@pytest.mark.parametrize("character", "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
def test_only_line_ends_end_a_line(tmp_path, character):
    path = tmp_path / "table.csv"
    path.write_text(f"a;b\n1;x{character}y,z\n2;\n", encoding="utf-8")
    rows = read_table(path, ("a",), ("b",))
    assert [(row.line, dict(row.values)) for row in rows] == [
        (2, {"a": "1", "b": f"x{character}y,z"}),
        (3, {"a": "2"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column 'a'; its columns are none"),
        (b"a\n", "has a heading and nothing below it"),
        (b"b\n1\n", "has no column 'a'; its columns are b"),
        (b"a,c\n1,2\n", "unknown column 'c'; known are a, b"),
        (b"a,b,b\n1,2,3\n", "column 'b' is given twice"),
        (b"a,b\n,2\n", "line 2: a is blank"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: has 3 cells under 2 columns"),
        (b'a,b\n1,"2\n', "line 2: unexpected end of data: check its quotes"),
        ("a\nGrün\n".encode("latin-1"), "is not UTF-8 text"),
        ("a\n1\n".encode("utf-16"), "is not UTF-8 text"),
        (b"a\n" + b"x" * 200_000 + b"\n", "line 2: field larger than field limit"),
    ],
)
def test_a_fault_is_named_with_file_and_line(tmp_path, content, message):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_table(path, ("a",), ("b",))
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"none\.csv: cannot be read: No such file"):
        read_table(tmp_path / "none.csv", ("a",))
    with pytest.raises(DatasetError, match="cannot be read: Is a directory"):
        read_table(tmp_path, ("a",))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,air", "line 2: id '0' is no whole number from 1 to 65535"),
        ("1.5,x", "line 2: id '1.5' is no whole number"),
        ("70000,x", "line 2: id '70000' is no whole number"),
        ("1,x\n1,y", "line 3: id 1 is given twice"),
        ("1" * 5000 + ",x", "line 2: id '111111111111...1111111111111' is no whole number from 1 to 65535"),
        ("1,x\n2,\x1b[31mred", r"line 3: name '\x1b[31mred' holds a character that cannot be printed"),
        ('1,x\n2,"left\nhalf"', r"line 4: name 'left\nhalf' holds a character that cannot be printed"),
        ("1,x\n2,a\u2028b", r"line 3: name 'a\u2028b' holds a character that cannot be printed"),
    ],
)
def test_a_faulty_label_table_is_named_with_the_line(tmp_path, rows, message):
    path = tmp_path / "labels.csv"
    path.write_text(f"id,name\n{rows}\n")
    with pytest.raises(DatasetError) as caught:
        read_label_names(path)
    assert f"{path}: {message}" in str(caught.value)
