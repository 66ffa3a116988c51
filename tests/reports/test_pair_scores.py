from __future__ import annotations

from collections.abc import Callable

from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.pair_scores import MOST_ROWS, pair_tables
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
    (table,) = pair_tables(make_config("a", "b"), records)
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
    (table,) = pair_tables(make_config(), [make("a", tre_mm=None, dice=0.5, rmse=0.1)])
    assert table.title.startswith("Dice per pair")
    (table,) = pair_tables(make_config(), [make("a", rmse=0.1)])
    assert table.title.startswith("RMSE per pair")


def test_many_pairs_are_grouped_by_kind(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("a", f"p{i}", kind="odd" if i % 2 else "even", dice=0.5 + 0.1 * (i % 2))
        for i in range(MOST_ROWS + 1)
    ]
    records[0] = make("a", "p0", kind="even", status=Status.FAILED)
    (table,) = pair_tables(make_config(), records)
    assert table.title == f"Dice per kind of pair, {MOST_ROWS + 1} pairs: set"
    assert text_of(table)[1:] == [
        ["even", "n/a", "0.500 ± 0.000 (n=15)"],
        ["odd", "n/a", "0.600 ± 0.000"],
    ]
