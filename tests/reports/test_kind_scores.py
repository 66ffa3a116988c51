from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.kind_scores import kind_table
from reports.pair_scores import MOST_ROWS
from reports.study import Study
from reports.table import Table

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def rows_of(table: Table | None) -> list[list[str]]:
    """Cells of the table, the bold ones between asterisks."""
    assert table is not None
    return [[f"*{cell.text}*" if cell.bold else cell.text for cell in row.cells] for row in table.rows]


def stressed(make: Make, run: str, kind: str, *tre_mm: float) -> list[RunRecord]:
    return [
        make(run, f"{kind}-{number}", kind=kind, tre_mm=value, before={"tre_mm": 5.0})
        for number, value in enumerate(tre_mm)
    ]


def test_the_winner_of_each_kind_is_bold_and_what_ties_with_it_marked(
    make: Make, make_config: MakeConfig
) -> None:
    records = [
        *stressed(make, "a", "noise", 1.0, 1.2, 0.8),
        *stressed(
            make, "b", "noise", 1.3, 1.0, 0.8
        ),  # differences .3, -.2, 0: mean .033, standard error .145
        *stressed(make, "c", "noise", 2.0, 2.3, 1.7),
        *stressed(make, "a", "bias", 3.0, 4.0),
        *stressed(make, "b", "bias", 1.0, 2.0),
        *stressed(make, "c", "bias", 1.00004, 2.0),
    ]
    table = kind_table(Study.of(make_config("a", "b", "c"), records), "set")
    assert table is not None
    assert table.title == "Scores by kind of pair: set"
    assert [column.heading for column in table.columns] == ["Kind", "Pairs", "before", "a", "b", "c"]
    assert rows_of(table) == [
        ["bias", "2", "5.000", "3.500", "*1.500*", "*1.500*"],
        ["noise", "3", "5.000", "*1.000*", "1.033 ~", "2.000"],
    ]
    assert table.caption.startswith("TRE (mm), mean over the pairs of a kind.")
    assert dict(table.rows[1].cells[4].numbers)["mean"] == pytest.approx(3.1 / 3)


def test_no_winner_where_all_print_the_same(make: Make, make_config: MakeConfig) -> None:
    records = [
        record
        for run in ("a", "b")
        for kind in ("bias", "noise")
        for record in stressed(make, run, kind, 1.0, 1.00001)
    ]
    rows = rows_of(kind_table(Study.of(make_config("a", "b"), records), "set"))
    assert rows == [["bias", "2", "5.000", "1.000", "1.000"], ["noise", "2", "5.000", "1.000", "1.000"]]


def test_neither_the_oracle_nor_a_run_that_failed_somewhere_wins(make: Make, make_config: MakeConfig) -> None:
    records = [
        *stressed(make, "oracle", "noise", 0.1, 0.1),
        *stressed(make, "a", "noise", 2.0, 3.0),
        *stressed(make, "b", "noise", 4.0, 4.0),
        *stressed(make, "c", "noise", 1.0),
        make("c", "noise-1", kind="noise", status=Status.TIMEOUT),
        *stressed(make, "a", "bias", 1.0, 1.0),
        *(make("b", f"bias-{n}", kind="bias", status=Status.FAILED) for n in range(2)),
        *stressed(make, "c", "bias", 2.0, 2.0),
    ]
    config = make_config("a", "b", "c", "oracle", figures={"oracle": "oracle"})
    table = kind_table(Study.of(config, records), "set")
    assert rows_of(table) == [
        ["bias", "2", "5.000", "*1.000*", "failed", "2.000", "n/a"],
        ["noise", "2", "5.000", "*2.500*", "4.000", "1.000 (n=1)", "0.100"],
    ]
    assert table is not None
    assert table.caption.endswith("oracle is the oracle and does not compete.")


def test_it_appears_where_kinds_repeat_where_pairs_are_many_or_where_asked(
    make: Make, make_config: MakeConfig
) -> None:
    single = [make("a", name, kind=name, rmse=0.1) for name in ("p", "q", "r")]
    assert kind_table(Study.of(make_config("a"), single), "set") is None
    one_repeats = [*single, make("a", "p2", kind="p", rmse=0.1)]
    assert kind_table(Study.of(make_config("a"), one_repeats), "set") is None
    asked = make_config("a", report={"by_kind": True})
    assert [row[:2] for row in rows_of(kind_table(Study.of(asked, single), "set"))] == [
        ["p", "1"],
        ["q", "1"],
        ["r", "1"],
    ]
    many = [make("a", f"p{n}", rmse=0.1) for n in range(MOST_ROWS + 1)]
    assert rows_of(kind_table(Study.of(make_config("a"), many), "set")) == [
        ["kind", str(MOST_ROWS + 1), "n/a", "0.1000"]
    ]
