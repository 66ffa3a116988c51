from __future__ import annotations

from collections.abc import Callable

from benchmarks.config import Config
from benchmarks.noise import Calibration, NoiseFloors, PairTimes
from benchmarks.records import RunRecord, Status
from reports.costs import timing_tables
from reports.summary import summary_tables

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def timed(make: Make, run: str, pair: str, forward: float, **others: object) -> RunRecord:
    return make(run, pair, seconds={"forward": forward}, **others)


def calibrated(ratio: float) -> Calibration:
    times = PairTimes(dataset="set", pair_id="p1", first=(1.0,), second=(ratio,))
    return Calibration(
        host="host", cpu="Some CPU", device="cpu", threads=2, run="o", backend="o", commit="",
        measured_utc="", pairs=(times,),
    )  # fmt: skip


def test_table_of_known_times(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("a", "p1", seconds={"forward": 1.0, "backward": 0.5, "prepare": 0.1}, peak_rss_mib=100.4),
        make("a", "p2", seconds={"forward": 3.0, "backward": 0.7, "prepare": 0.1}, peak_rss_mib=300.0),
        make("o", "p1", seconds={"forward": 4.0, "prepare": 0.2}, peak_rss_mib=50.0),
        make("o", "p2", seconds={"forward": 4.0, "prepare": 0.2}, peak_rss_mib=50.0),
        make("truth", "p1", track="reference", seconds={"forward": 0.0001}),
    ]
    (table,) = timing_tables(make_config("a", "o", "truth", figures={"oracle": "o"}), records)
    assert table.title == "Time and memory: set (cpu, 2 threads)"
    assert [column.heading for column in table.columns] == [
        "Run",
        "Track",
        "Pairs ok",
        "Forward (s)",
        "× o",
        "Backward (s)",
        "Prepare (s)",
        "Peak memory (MiB)",
    ]
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["a", "matched", "2/2", "2.0 [1.5–2.5]", "0.5×", "0.60 [0.55–0.65]", "0.100 [0.100–0.100]", "300"],
        ["o", "matched", "2/2", "4.0 [4.0–4.0]", "1×", "n/a", "0.200 [0.200–0.200]", "50"],
    ]  # fmt: skip
    assert [row.cells[3].bold for row in table.rows] == [True, False]
    assert table.rows[0].cells[3].short == "2.0"
    assert dict(table.rows[0].cells[3].numbers) == {
        "median": 2.0, "lower quartile": 1.5, "upper quartile": 2.5, "n": 2,
    }  # fmt: skip
    assert [row.cells[4].numbers for row in table.rows] == [(("median", 0.5),), (("median", 1.0),)]
    assert table.rows[0].cells[-1].numbers == (("largest", 300.0),)


def test_times_of_a_pair_are_the_median_of_its_repeats(make: Make, make_config: MakeConfig) -> None:
    records = [timed(make, "a", "p1", t, repeat=i) for i, t in enumerate((1.0, 2.0, 60.0))]
    (table,) = timing_tables(make_config(), records)
    assert table.rows[0].cells[3].text == "2.000"


def test_without_oracle_the_fastest_complete_run_is_the_yardstick(
    make: Make, make_config: MakeConfig
) -> None:
    records = [timed(make, "slow", p, 6.0) for p in ("p1", "p2")]
    records += [timed(make, "fast", p, 2.0) for p in ("p1", "p2")]
    records += [timed(make, "partial", "p1", 1.0), make("partial", "p2", status=Status.FAILED)]
    (table,) = timing_tables(make_config("slow", "fast", "partial"), records)
    assert table.columns[4].heading == "× fast"
    assert [row.cells[4].text for row in table.rows] == ["3×", "1×", "0.5×"]
    assert [row.cells[3].bold for row in table.rows] == [False, True, False]


def test_ratio_is_taken_pair_by_pair(make: Make, make_config: MakeConfig) -> None:
    records = [timed(make, "a", p, t) for p, t in (("p1", 1.0), ("p2", 10.0), ("p3", 300.0))]
    records += [timed(make, "o", p, t) for p, t in (("p1", 1.0), ("p2", 20.0), ("p3", 1000.0))]
    (table,) = timing_tables(make_config("a", "o", figures={"oracle": "o"}), records)
    assert table.rows[0].cells[4].text == "0.5×"  # median of 1, 0.5, 0.3


def test_runs_that_print_the_same_time_are_bold_alike(make: Make, make_config: MakeConfig) -> None:
    seconds = {"a": (1.0, 3.0), "b": (1.001, 3.003), "c": (3.0, 5.0)}
    records = [timed(make, run, f"p{i}", t) for run, both in seconds.items() for i, t in enumerate(both)]
    (table,) = timing_tables(make_config(*seconds), records)
    assert [row.cells[3].short for row in table.rows] == ["2.0", "2.0", "4.0"]
    assert [row.cells[3].bold for row in table.rows] == [True, True, False]
    assert table.columns[4].heading == "× a"


def test_run_without_any_time_is_not_available(make: Make, make_config: MakeConfig) -> None:
    (table,) = timing_tables(make_config(), [make("a", status=Status.UNAVAILABLE)])
    assert [cell.text for cell in table.rows[0].cells] == [
        "a", "matched", "0/1", "n/a", "n/a", "n/a", "n/a", "n/a",
    ]  # fmt: skip


def test_devices_never_share_a_table(make: Make, make_config: MakeConfig) -> None:
    records = [timed(make, "a", "p1", 9.0), timed(make, "b", "p1", 1.0, device="cuda:0")]
    titles = [table.title for table in timing_tables(make_config("a", "b"), records)]
    assert titles == ["Time and memory: set (cpu, 2 threads)", "Time and memory: set (cuda:0, 2 threads)"]


def test_overlapping_jobs_are_marked(make: Make, make_config: MakeConfig) -> None:
    (table,) = timing_tables(make_config(), [timed(make, "a", "p1", 1.0, provenance={"concurrent_jobs": 4})])
    assert [c.heading for c in table.columns][3] == "Forward (s) †"
    assert "not comparable" in table.caption


def test_a_ratio_within_the_noise_floor_is_no_difference(make: Make, make_config: MakeConfig) -> None:
    records = [timed(make, run, "p1", t) for run, t in (("o", 1.0), ("near", 1.05), ("far", 1.2))]
    config = make_config("o", "near", "far", figures={"oracle": "o"})
    (table,) = timing_tables(config, records, NoiseFloors((calibrated(1.1),)))
    assert [row.cells[4].text for row in table.rows] == ["1×", "1.05× ≈", "1.2×"]
    assert [row.cells[3].bold for row in table.rows] == [True, True, False]
    assert "Noise floor: 1.1×" in table.caption
    (summary,) = summary_tables(config, records, NoiseFloors((calibrated(1.1),)))
    assert [row.cells[-1].bold for row in summary.rows] == [False, True, True, False]
    (without,) = timing_tables(config, records)
    assert [row.cells[4].text for row in without.rows] == ["1×", "1.05×", "1.2×"]
    assert [row.cells[3].bold for row in without.rows] == [True, False, False]
    assert "was not measured" in without.caption


def test_the_noise_floor_of_forward_times_holds_for_no_backward_time(
    make: Make, make_config: MakeConfig
) -> None:
    seconds = {"o": 1.0, "near": 1.05, "far": 1.2}
    records = [make(run, "p1", seconds={"forward": t, "backward": t}) for run, t in seconds.items()]
    config = make_config("o", "near", "far", figures={"oracle": "o"})
    (table,) = timing_tables(config, records, NoiseFloors((calibrated(1.1),)))
    assert [column.heading for column in table.columns][3:6:2] == ["Forward (s)", "Backward (s)"]
    assert [row.cells[3].bold for row in table.rows] == [True, True, False]
    assert [row.cells[5].bold for row in table.rows] == [True, False, False]
    assert "The noise floor of 1.1× was measured of forward times, and holds for them alone." in table.caption


def test_reference_rows_alone_make_no_table(make: Make, make_config: MakeConfig) -> None:
    assert timing_tables(make_config("truth"), [make("truth", track="reference")]) == []
