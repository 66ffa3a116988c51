from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from reports.latex import latex_escape, latex_table
from reports.table import Cell, Column, Row, Table
from reports.table_files import table_frame, write_tables

TABLE = Table(
    "Scores: 50 % & more",
    (Column("Run", "left"), Column("Dice")),
    (
        Row((Cell("before_all"), Cell("0.5")), reference=True),
        Row((Cell("[a]"), Cell("0.80 ± 0.10", bold=True, numbers=(("mean", 0.8012), ("sd", 0.1034))))),
    ),
    "Mean ± sd.",
)


def test_latex_is_booktabs_with_everything_escaped() -> None:
    assert latex_table(TABLE).splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Scores: 50 \% \& more. Mean $\pm$ sd.}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"Run & Dice \\",
        r"\midrule",
        r"\emph{before\_all} & \emph{0.5} \\",
        r"{[}a] & \textbf{0.80 $\pm$ 0.10} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


@pytest.mark.parametrize("name", [r"\input{/etc/passwd}", "a\n\\end{tabular}", "$x^2$", "%comment", "#1~_{}"])
def test_no_name_acts_as_latex(name: str) -> None:
    escaped = latex_escape(name)
    for harmless in (
        r"\textbackslash{}",
        r"\textasciicircum{}",
        r"$\sim$",
        r"\{",
        r"\}",
        r"\$",
        r"\%",
        r"\#",
        r"\_",
    ):
        escaped = escaped.replace(harmless, "")
    assert not set(escaped) & set("\\{}$%#^~_&\n")


def test_every_format_holds_the_same_numbers(tmp_path: Path) -> None:
    paths = write_tables(tmp_path, [TABLE])
    assert {Path(path).suffix for path in paths} == {".md", ".csv", ".tex", ".parquet"}
    assert all((tmp_path / path).is_file() for path in paths)
    by_suffix = {Path(path).suffix: tmp_path / path for path in paths}
    frame = pd.read_parquet(by_suffix[".parquet"])
    pd.testing.assert_frame_equal(frame, table_frame(TABLE), check_dtype=False)
    assert frame["Dice: mean"].tolist()[1] == 0.8012
    assert frame["Dice: best"].tolist() == [0.0, 1.0]
    with by_suffix[".csv"].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Dice: sd"] for row in rows] == ["", "0.1034"]
    assert [row["Dice"] for row in rows] == ["0.5", "0.80 ± 0.10"]
    assert "**0.80 ± 0.10**" in by_suffix[".md"].read_text(encoding="utf-8")


def test_no_cell_of_a_csv_acts_as_a_formula(tmp_path: Path) -> None:
    table = Table("T", (Column("@run", "left"), Column("x")), (Row((Cell("=1+1"), Cell("-0.5"))),))
    paths = write_tables(tmp_path, [table])
    (path,) = (tmp_path / path for path in paths if path.endswith(".csv"))
    assert path.read_text(encoding="utf-8") == "'@run,x\n'=1+1,-0.5\n"
    (path,) = (tmp_path / path for path in paths if path.endswith(".parquet"))
    assert pd.read_parquet(path)["@run"].tolist() == ["=1+1"]


def test_hostile_titles_stay_in_the_folder(tmp_path: Path) -> None:
    table = Table("../../up", (Column("Run"),), ())
    (tmp_path / "in").mkdir()
    write_tables(tmp_path / "in", [table])
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} == {"in"}
