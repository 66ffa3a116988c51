from __future__ import annotations

from collections.abc import Callable

from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.pair_scores import MOST_ROWS, pair_table
from reports.study import Study
from reports.table import Table

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def text_of(table: Table) -> list[list[str]]:
    headings = [column.heading for column in table.columns]
    return [headings, *([cell.text for cell in row.cells] for row in table.rows)]


def test_row_per_pair_with_status_in_place_of_a_number(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("a", "p1", tre_mm=0.5, before={"tre_mm": 3.0}),
        make("b", "p1", tre_mm=0.25),
        make("a", "p2", tre_mm=0.5, before={"tre_mm": 4.0}),
        make("b", "p2", status=Status.OOM),
    ]
    table = pair_table(Study.of(make_config("a", "b"), records), "set")
    assert table is not None
    assert table.title == "TRE (mm) per pair: set"
    assert text_of(table) == [
        ["Pair", "before", "a", "b"],
        ["p1", "3.000", "0.500", "0.250"],
        ["p2", "4.000", "0.500", "oom"],
    ]
    assert table.caption.endswith("Tracks: matched: a, b.")
    assert [[cell.bold for cell in row.cells] for row in table.rows] == [
        [False, False, False, True],
        [False, False, False, False],
    ]


def test_dice_leads_without_a_known_transform_and_rmse_without_labels(
    make: Make, make_config: MakeConfig
) -> None:
    for record, title in (
        (make("a", tre_mm=None, dice=0.5, rmse=0.1), "Dice"),
        (make("a", rmse=0.1), "RMSE"),
    ):
        table = pair_table(Study.of(make_config(), [record]), "set")
        assert table is not None
        assert table.title == f"{title} per pair: set"


def test_many_pairs_have_no_table_of_their_own(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", f"p{i}", dice=0.5) for i in range(MOST_ROWS + 1)]
    assert pair_table(Study.of(make_config("a"), records), "set") is None
    assert pair_table(Study.of(make_config("a"), records[1:]), "set") is not None
