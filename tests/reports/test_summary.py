from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from benchmarks.config import Config, ReportConfig
from benchmarks.noise import Calibration, NoiseFloors, PairTimes
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
        make("b", "p1", dice=0.75, rmse=0.01, seconds={"forward": 5.0}),
        make("b", "p2", dice=0.75, rmse=0.01, seconds={"forward": 5.0}),
        make("truth", "p1", track="reference", dice=0.99, rmse=0.0, seconds={"forward": 0.001}),
        make("truth", "p2", track="reference", dice=0.99, rmse=0.0, seconds={"forward": 0.001}),
    ]
    (table,) = summary_tables(make_config("a", "b", "truth"), records)
    assert table.title == "Scores: set"
    assert text_of(table) == [
        ["Run", "Track", "Pairs ok", "Dice", "RMSE", "Forward (s)"],
        ["before", "reference", "–", "0.50 ± 0.00", "0.200 ± 0.000", "n/a"],
        ["a", "matched", "2/2", "0.70 ± 0.14", "0.030 ± 0.014", "2.0"],
        ["b", "matched", "2/2", "0.75 ± 0.00", "0.010 ± 0.000", "5.0"],
        ["truth", "reference", "2/2", "0.99 ± 0.00", "0", "n/a"],
    ]
    assert [row.reference for row in table.rows] == [True, False, False, True]
    assert bold_of(table) == {"before": set(), "a": {"Forward (s)"}, "b": {"Dice", "RMSE"}, "truth": set()}


def test_repeats_are_averaged_before_pairs(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", repeat=i, dice=dice) for i, dice in enumerate((0.2, 0.4, 0.6))]
    (table,) = summary_tables(make_config(), [*records, make("a", "p2", dice=0.8)])
    assert table.rows[1].cells[3].text == "0.60 ± 0.28"  # of 0.4 and 0.8, not of four values


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


def test_smoothest_run_is_not_called_best(make: Make, make_config: MakeConfig) -> None:
    records = [make(run, dice=0.5, sd_log_jacobian=spread) for run, spread in (("a", 0.0), ("b", 0.2))]
    (table,) = summary_tables(make_config("a", "b"), records)
    assert bold_of(table) == {"before": set(), "a": set(), "b": set()}
    assert table.rows[1].cells[4].text == "0"
    assert "sd log J: none is called best, since doing nothing would be." in table.caption


def test_overlapping_jobs_mark_the_time(make: Make, make_config: MakeConfig) -> None:
    record = make("a", seconds={"forward": 1.0}, provenance={"concurrent_jobs": 2})
    (table,) = summary_tables(make_config(), [record])
    assert table.columns[-1].heading == "Forward (s) †"
    assert "not comparable" in table.caption


def of_stages(make: Make, run: str, pair: str, seconds: float, **others: object) -> RunRecord:
    return make(run, pair, seconds=dict.fromkeys(("forward", "backward", "prepare"), seconds), **others)


def test_every_time_is_a_median_and_none_of_a_reference_row(make: Make, make_config: MakeConfig) -> None:
    overlapping = {"concurrent_jobs": 4}
    records = [
        of_stages(make, "a", f"p{i}", t, provenance=overlapping) for i, t in enumerate((1.0, 1.0, 10.0))
    ]
    records += [of_stages(make, "truth", f"p{i}", 0.001, track="reference") for i in range(3)]
    times = ["forward_s", "backward_s", "prepare_s"]
    (table,) = summary_tables(make_config("a", "truth", report={"columns": times}), records)
    assert text_of(table) == [
        ["Run", "Track", "Pairs ok", "Forward (s) †", "Backward (s) †", "Prepare (s) †"],
        ["before", "reference", "–", "n/a", "n/a", "n/a"],
        ["a", "matched", "3/3", "1.0", "1.0", "1.0"],
        ["truth", "reference", "3/3", "n/a", "n/a", "n/a"],
    ]
    assert "repeats averaged first (times: median). Bold" in table.caption
    (table,) = summary_tables(make_config("a", "truth", report={"columns": times[1:2]}), records)
    assert table.columns[-1].heading == "Backward (s) †"
    assert "repeats averaged first (backward time: median). Bold" in table.caption
    assert "not comparable" in table.caption


def test_intervals_are_of_scores_and_no_time(make: Make, make_config: MakeConfig) -> None:
    records = [of_stages(make, "a", "p1", 1.0, dice=0.5), of_stages(make, "a", "p2", 2.0, dice=0.5)]
    report = {"columns": ["dice", "backward_s"], "statistic": "mean_interval"}
    (table,) = summary_tables(make_config("a", report=report), records)
    assert table.rows[1].cells[-1].text == "1.50"


def test_a_noise_floor_of_forward_times_holds_for_no_other(make: Make, make_config: MakeConfig) -> None:
    records = [
        of_stages(make, "a", "p1", 1.0),
        of_stages(make, "b", "p1", 1.05),
        of_stages(make, "c", "p1", 2.0),
    ]
    times = PairTimes(dataset="set", pair_id="p1", first=(1.0,), second=(1.1,))
    calibration = Calibration(
        host="host", cpu="Some CPU", device="cpu", threads=2, run="a", backend="a", commit="",
        measured_utc="", pairs=(times,),
    )  # fmt: skip
    config = make_config("a", "b", "c", report={"columns": ["forward_s", "backward_s"]})
    (table,) = summary_tables(config, records, NoiseFloors((calibration,)))
    both = {"Forward (s)", "Backward (s)"}
    assert bold_of(table) == {"before": set(), "a": both, "b": {"Forward (s)"}, "c": set()}
    said = "The noise floor of 1.1× was measured of forward times, and holds for them alone."
    assert said in table.caption
    forward = config.model_copy(update={"report": ReportConfig(columns=("forward_s",))})
    (table,) = summary_tables(forward, records, NoiseFloors((calibration,)))
    assert said not in table.caption


def scattered(make: Make, pairs: int, better: dict[str, float]) -> list[RunRecord]:
    """Return records of pairs of a subject each, scores a little apart in another way on each pair."""
    records = []
    for index in range(pairs):
        for place, (run, dice) in enumerate(better.items()):
            jitter = 0.01 * ((index * 7 + place * 3) % 5 - 2)
            record = make(run, f"p{index}", dice=dice + jitter, before={"dice": 0.3})
            identity = structs.replace(record.identity, subjects=(f"s{index}",))
            records.append(structs.replace(record, identity=identity))
    return records


def test_runs_that_no_test_tells_from_the_best_are_marked(make: Make, make_config: MakeConfig) -> None:
    records = scattered(make, 15, {"best": 0.801, "near": 0.8, "far": 0.6})
    (table,) = summary_tables(make_config("best", "near", "far"), records)
    assert bold_of(table)["best"] == {"Dice"}
    marked = {row.cells[0].text: row.cells[3].text.endswith(" ~") for row in table.rows}
    assert marked == {"before": False, "best": False, "near": True, "far": False}
    assert "not significantly different" in table.caption
    assert "Warning" not in table.caption


def test_too_few_pairs_are_warned_of_and_mark_nothing(make: Make, make_config: MakeConfig) -> None:
    records = scattered(make, 5, {"best": 0.801, "near": 0.8, "far": 0.6})
    (table,) = summary_tables(make_config("best", "near", "far"), records)
    assert bold_of(table)["best"] == {"Dice"}
    assert not any("~" in row.cells[3].text for row in table.rows)
    warning = (
        "Warning: 5 pairs cannot tell 3 runs apart: the smallest p value that they can give, corrected for 2 "
    )
    assert f"{warning}comparisons, is 0.12" in table.caption


def test_runs_that_print_the_same_number_are_bold_alike(make: Make, make_config: MakeConfig) -> None:
    dice = {"a": (0.4, 0.6), "b": (0.402, 0.604), "c": (0.1, 0.4)}
    records = [make(run, f"p{i}", dice=value) for run, both in dice.items() for i, value in enumerate(both)]
    (table,) = summary_tables(make_config(*dice), records)
    assert [row.cells[3].short for row in table.rows[1:]] == ["0.50", "0.50", "0.25"]
    assert [row.cells[3].bold for row in table.rows[1:]] == [True, True, False]


def test_best_is_told_for_each_track(make: Make, make_config: MakeConfig) -> None:
    tracks = {"a": "matched", "b": "matched", "c": "recommended", "d": "recommended"}
    records = [make(run, track=track, dice=0.5 + i / 10) for i, (run, track) in enumerate(tracks.items())]
    (table,) = summary_tables(make_config(*tracks), records)
    assert [run for run, bold in bold_of(table).items() if bold] == ["b", "d"]


def test_runs_stand_in_the_order_of_a_metric(make: Make, make_config: MakeConfig) -> None:
    records = [make(run, dice=dice) for run, dice in (("a", 0.5), ("b", 0.7), ("c", None), ("d", 0.6))]
    (table,) = summary_tables(make_config(*"abcd", report={"order": "dice"}), records)
    assert [row.cells[0].text for row in table.rows] == ["before", "b", "d", "a", "c"]


def test_statistics_that_a_config_may_choose(make: Make, make_config: MakeConfig) -> None:
    records = scattered(make, 15, {"a": 0.8, "b": 0.6})
    (quartiles,) = summary_tables(make_config("a", "b", report={"statistic": "median_iqr"}), records)
    assert quartiles.rows[1].cells[3].text == "0.800 [0.790–0.810]"
    (interval,) = summary_tables(make_config("a", "b", report={"statistic": "mean_interval"}), records)
    numbers = dict(interval.rows[1].cells[3].numbers)
    assert numbers["mean"] == pytest.approx(0.8)
    assert numbers["interval low"] < 0.8 < numbers["interval high"]
    assert interval.rows[1].cells[3].text == "0.800 [0.793, 0.807]"
    assert "bootstrap over subjects" in interval.caption


def test_published_layout_as_a_preset(make: Make, make_config: MakeConfig) -> None:
    record = make("a", dice=0.6, jaccard=0.4, rmse=0.1, ncc=0.9, nmi=1.1, seconds={"forward": 1.0})
    config = make_config("a", report={"preset": "dipy_lpba40"})
    (table,), (further,) = summary_tables(config, [record]), further_tables(config, [record])
    assert text_of(table)[0][3:] == ["NCC", "NMI", "Dice", "Jaccard", "Forward (s)"]
    assert text_of(further)[0][3:] == ["RMSE"]


def test_one_table_per_dataset(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", dataset=name, dice=0.5) for name in ("x", "y")]
    tables = summary_tables(make_config("a", datasets=("y", "x")), records)
    assert [table.title for table in tables] == ["Scores: y", "Scores: x"]


def test_further_scores(make: Make, make_config: MakeConfig) -> None:
    (table,) = further_tables(make_config(), [make("a", dice=0.5, ncc=0.9, jaccard=0.4)])
    assert text_of(table)[0] == ["Run", "Track", "Pairs ok", "Jaccard", "NCC"]
    assert text_of(table)[2] == ["a", "matched", "1/1", "0.400", "0.9000"]


def test_without_further_scores_their_table_is_empty(make: Make, make_config: MakeConfig) -> None:
    (table,) = further_tables(make_config(), [make("a", dice=0.5)])
    assert (table.columns, table.rows) == ((), ())


def test_short_cell_leaves_the_spread_out(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", dice=0.4), make("a", "p2", dice=0.6), make("a", "p3", dice=None)]
    (table,) = summary_tables(make_config(), records)
    cell = table.rows[1].cells[3]
    assert (cell.text, cell.short) == ("0.50 ± 0.14 (n=2)", "0.50 (n=2)")


def test_a_config_chooses_its_columns_and_the_rest_is_further(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", dice=0.6, rmse=0.1, ncc=0.9, seconds={"forward": 1.0})]
    config = make_config("a").model_copy(update={"report": ReportConfig(columns=("ncc", "dice"))})
    (summary,), (further,) = summary_tables(config, records), further_tables(config, records)
    assert text_of(summary)[0][3:] == ["NCC", "Dice"]
    assert text_of(further)[0][3:] == ["RMSE", "Forward (s)"]


def test_none_is_best_by_a_score_that_the_true_transform_makes_worse(
    make: Make, make_config: MakeConfig
) -> None:
    """As NCC across contrasts: the more wrong, the less negative."""
    records = [
        make("start", track="reference", backend="identity", ncc=-0.5, dice=0.5),
        make("truth", track="reference", backend="truth", ncc=-0.9, dice=0.9),
        make("good", ncc=-0.8, dice=0.8),
        make("bad", ncc=-0.6, dice=0.6),
    ]
    config = make_config("start", "truth", "good", "bad", report={"columns": ["ncc", "dice"]})
    (table,) = summary_tables(config, records)
    assert [[cell.bold for cell in row.cells[3:]] for row in table.rows] == [
        [False, False],
        [False, True],
        [False, False],
        [False, False],
    ]
    assert "NCC: none is called best, since the true transform is worse than none." in table.caption
    assert "Dice: none" not in table.caption
