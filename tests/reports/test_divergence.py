from __future__ import annotations

from collections.abc import Callable

from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.divergence import NAMED_PAIRS, divergence_table

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def test_what_ended_worse_than_it_began_is_named_the_oracle_included(
    make: Make, make_config: MakeConfig
) -> None:
    start: dict[str, float | None] = {"tre_mm": 5.0, "rmse": 0.2}
    records = [
        make("a", "p1", before=start, tre_mm=5.1, rmse=0.1),
        make("a", "p2", before=start, tre_mm=4.9, rmse=0.3),  # a known transform outweighs intensities
        make("a", "p3", before={"rmse": 0.2}, rmse=0.2004),
        make("a", "p4", before=start, tre_mm=5.0004, rmse=0.1),  # prints as it began
        make("oracle", "p1", before=start, status=Status.TIMEOUT),
        make("oracle", "p2", before=start, tre_mm=60.0),
        make("good", "p1", before=start, tre_mm=0.0),
        make("still", "p1", track="reference", before=start, tre_mm=6.0),
    ]
    config = make_config("a", "oracle", "good", "still", figures={"oracle": "oracle"})
    table = divergence_table(config, records)
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["set", "a", "2/4", "p1 (5.000 to 5.100 mm), p3 (0.2000 to 0.2004)"],
        ["set", "oracle (oracle)", "2/4", "p1 (timeout), p2 (5.000 to 60.000 mm)"],
    ]


def test_no_row_where_nothing_diverged(make: Make, make_config: MakeConfig) -> None:
    assert divergence_table(make_config("a"), [make("a", before={"rmse": 0.2}, rmse=0.1)]).rows == ()


def test_many_pairs_are_counted_beyond_the_first(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", f"p{n}", status=Status.FAILED) for n in range(NAMED_PAIRS + 3)]
    (row,) = divergence_table(make_config("a"), records).rows
    assert row.cells[2].text == "23/23"
    assert row.cells[3].text.startswith("p0 (failed), p1 (failed), ")
    assert row.cells[3].text.endswith("p19 (failed) and 3 more")
