from __future__ import annotations

from collections.abc import Callable

from benchmarks.config import Config, ReportConfig
from benchmarks.records import RunRecord, Status
from reports.summary import further_tables, summary_tables
from reports.table import Table

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def text_of(table: Table) -> list[list[str]]:
    headings = [column.heading for column in table.columns]
    return [headings, *([cell.text for cell in row.cells] for row in table.rows)]


def bold_of(table: Table) -> dict[str, set[str]]:
    """Return the headings under which each row is bold."""
    headings = [column.heading for column in table.columns]
    return {
        row.cells[0].text: {heading for heading, cell in zip(headings, row.cells, strict=True) if cell.bold}
        for row in table.rows
    }


def test_table_of_known_numbers(make: Make, make_config: MakeConfig) -> None:
    start = {"dice": 0.5, "rmse": 0.2}
    records = [
        make("a", "p1", dice=0.8, rmse=0.02, seconds={"forward": 1.0}, before=start),
        make("a", "p2", dice=0.6, rmse=0.04, seconds={"forward": 3.0}, before=start),
        make("b", "p1", track="recommended", dice=0.75, rmse=0.01, seconds={"forward": 5.0}),
        make("b", "p2", track="recommended", dice=0.75, rmse=0.01, seconds={"forward": 5.0}),
        make("truth", "p1", track="reference", dice=0.99, rmse=0.0, seconds={"forward": 0.001}),
        make("truth", "p2", track="reference", dice=0.99, rmse=0.0, seconds={"forward": 0.001}),
    ]
    (table,) = summary_tables(make_config("a", "b", "truth"), records)
    assert table.title == "Scores: set"
    assert text_of(table) == [
        ["Run", "Track", "Pairs ok", "Dice", "RMSE", "Forward (s)"],
        ["before", "reference", "–", "0.500 ± 0.000", "0.2000 ± 0.0000", "n/a"],
        ["a", "matched", "2/2", "0.700 ± 0.141", "0.0300 ± 0.0141", "2.000"],
        ["b", "recommended", "2/2", "0.750 ± 0.000", "0.0100 ± 0.0000", "5.000"],
        ["truth", "reference", "2/2", "0.990 ± 0.000", "0.0000 ± 0.0000", "n/a"],
    ]
    assert [row.reference for row in table.rows] == [True, False, False, True]
    assert bold_of(table) == {"before": set(), "a": {"Forward (s)"}, "b": {"Dice", "RMSE"}, "truth": set()}


def test_repeats_are_averaged_before_pairs(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", repeat=i, dice=dice) for i, dice in enumerate((0.2, 0.4, 0.6))]
    (table,) = summary_tables(make_config(), [*records, make("a", "p2", dice=0.8)])
    assert table.rows[1].cells[3].text == "0.600 ± 0.283"  # of 0.4 and 0.8, not of four values


def test_identity_run_is_the_row_before(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("identity", track="reference", dice=0.5, before={"dice": 0.5}),
        make("a", dice=0.6, before={"dice": 0.5}),
    ]
    (table,) = summary_tables(make_config("a", "identity"), records)
    assert [row.cells[0].text for row in table.rows] == ["identity (before)", "a"]


def test_run_that_failed_on_a_pair_is_counted_and_never_bold(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("a", "p1", dice=0.6),
        make("a", "p2", dice=0.6),
        make("b", "p1", dice=0.5),
        make("b", "p2", dice=0.5),
        make("lucky", "p1", dice=0.9),
        make("lucky", "p2", status=Status.TIMEOUT),
    ]
    (table,) = summary_tables(make_config("a", "b", "lucky"), records)
    assert [row.cells[2].text for row in table.rows] == ["–", "2/2", "2/2", "1/2"]
    assert bold_of(table) == {"before": set(), "a": {"Dice"}, "b": set(), "lucky": set()}


def test_pair_never_reached_counts_as_asked(make: Make, make_config: MakeConfig) -> None:
    (table,) = summary_tables(make_config("a", "b"), [make("a", "p1"), make("a", "p2"), make("b", "p1")])
    assert [row.cells[2].text for row in table.rows] == ["–", "2/2", "1/2"]


def test_undefined_metric_is_not_available(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", dice=None, tre_mm=1.0), make("b", "p1", dice=0.5, tre_mm=1.0)]
    (table,) = summary_tables(make_config("a", "b"), records)
    assert table.rows[1].cells[3].text == "n/a"
    assert not table.rows[2].cells[3].bold


def test_number_of_pairs_is_told_where_a_metric_lacks_some(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", tre_mm=1.0), make("a", "p2", tre_mm=None), make("b", "p1", tre_mm=2.0)]
    records += [make("b", "p2", tre_mm=2.0)]
    (table,) = summary_tables(make_config("a", "b"), records)
    assert table.rows[1].cells[3].text == "1.000 (n=1)"
    assert not table.rows[1].cells[3].bold


def test_metric_that_nobody_has_gets_no_column(make: Make, make_config: MakeConfig) -> None:
    (table,) = summary_tables(make_config(), [make("a", rmse=0.1, dice=None)])
    assert [column.heading for column in table.columns] == ["Run", "Track", "Pairs ok", "RMSE"]


def test_rmse_stands_beside_folding_and_sd_log_jacobian(make: Make, make_config: MakeConfig) -> None:
    record = make("a", dice=0.5, tre_mm=1.0, rmse=0.1, folding_fraction=0.0, sd_log_jacobian=0.1)
    (table,) = summary_tables(make_config(), [record])
    headings = [column.heading for column in table.columns]
    assert headings[3:] == ["Dice", "TRE (mm)", "RMSE", "Folding fraction", "sd log J"]


def test_overlapping_jobs_mark_the_time(make: Make, make_config: MakeConfig) -> None:
    record = make("a", seconds={"forward": 1.0}, provenance={"concurrent_jobs": 2})
    (table,) = summary_tables(make_config(), [record])
    assert table.columns[-1].heading == "Forward (s) †"
    assert "not comparable" in table.caption


def test_one_table_per_dataset(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", dataset=name, dice=0.5) for name in ("x", "y")]
    tables = summary_tables(make_config("a", datasets=("y", "x")), records)
    assert [table.title for table in tables] == ["Scores: y", "Scores: x"]


def test_further_scores(make: Make, make_config: MakeConfig) -> None:
    (table,) = further_tables(make_config(), [make("a", dice=0.5, ncc=0.9, jaccard=0.4)])
    assert text_of(table)[0] == ["Run", "Track", "Pairs ok", "Jaccard", "NCC"]
    assert text_of(table)[2] == ["a", "matched", "1/1", "0.400", "0.9000"]


def test_short_cell_leaves_the_spread_out(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", dice=0.4), make("a", "p2", dice=0.6), make("a", "p3", dice=None)]
    (table,) = summary_tables(make_config(), records)
    cell = table.rows[1].cells[3]
    assert (cell.text, cell.short) == ("0.500 ± 0.141 (n=2)", "0.500 (n=2)")


def test_a_config_chooses_its_columns_and_the_rest_is_further(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", dice=0.6, rmse=0.1, ncc=0.9, seconds={"forward": 1.0})]
    config = make_config("a").model_copy(update={"report": ReportConfig(columns=("ncc", "dice"))})
    (summary,), (further,) = summary_tables(config, records), further_tables(config, records)
    assert text_of(summary)[0][3:] == ["NCC", "Dice"]
    assert text_of(further)[0][3:] == ["RMSE", "Forward (s)"]
