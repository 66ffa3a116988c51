from __future__ import annotations

from collections.abc import Callable

from benchmarks.config import Config
from benchmarks.gradient_record import DirectionalDerivative, GradientCheck
from benchmarks.records import Gradient, RunRecord
from reports.costs import timing_tables
from reports.gradients import gradient_tables

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]

GRADIENT = Gradient(finite=True, moving_norm=1.0, fixed_norm=1.0, parameters_norm=1.0)
SECONDS = {"forward": 1.0, "backward": 0.5}


def found(cosine: float, ratio: float, note: str = "") -> GradientCheck:
    lines = [
        DirectionalDerivative(image="moving", gradient=1.0, difference=d, discrepancy=0.0, step=0.001)
        for d in (1.0, 1.0, None if note else 1.0)
    ]
    return GradientCheck(
        cosine=cosine, norm_ratio=ratio, uncertainty=0.00123, directions=tuple(lines), note=note
    )


def records_of(make: Make) -> list[RunRecord]:
    unreliable = GradientCheck(note="unreliable: it | jumps")
    return [
        make("exact", "p1", gradient=GRADIENT, seconds=SECONDS, check=found(0.99987, 1.004)),
        make("exact", "p2", gradient=GRADIENT, seconds=SECONDS, check=found(0.99991, 0.994, "over 2 of 3")),
        make("other", "p1", gradient=GRADIENT, seconds=SECONDS, check=found(0.6, 0.22)),
        make("other", "p2", gradient=GRADIENT, seconds=SECONDS, check=unreliable),
        make("lost", "p1", gradient=GRADIENT, seconds=SECONDS, check=unreliable),
        make("later", "p1", gradient=GRADIENT, seconds=SECONDS),
        make("none", "p1", seconds={"forward": 2.0}),
    ]


LABELS = ("exact", "other", "lost", "later", "none")


def test_the_worst_check_stands_beside_the_backward_time(make: Make, make_config: MakeConfig) -> None:
    (table,) = timing_tables(make_config(*LABELS), records_of(make))
    headings = [column.heading for column in table.columns]
    place = headings.index("Backward (s)")
    assert headings[place + 1 : place + 3] == ["Gradient cosine", "Gradient norm ratio"]
    cells = {row.cells[0].text: [cell.text for cell in row.cells[place : place + 3]] for row in table.rows}
    assert cells == {
        "exact": ["0.500 [0.500–0.500]", "0.9999", "0.994"],
        "other": ["0.500 [0.500–0.500]", "0.6000 (1 of 2 pairs)", "0.220 (1 of 2 pairs)"],
        "lost": ["0.500", "undecided", "undecided"],
        "later": ["0.500", "not checked", "not checked"],
        "none": ["n/a", "n/a", "n/a"],
    }
    assert "differences of the run's own solve" in table.caption


def test_nothing_is_said_of_checks_where_none_was_asked(make: Make, make_config: MakeConfig) -> None:
    records = [make("later", "p1", gradient=GRADIENT, seconds=SECONDS)]
    (table,) = timing_tables(make_config("later"), records)
    assert "Gradient cosine" not in [column.heading for column in table.columns]
    assert "differences" not in table.caption
    assert gradient_tables(make_config("later"), records) == []


def test_every_check_is_listed_with_its_uncertainty_and_note(make: Make, make_config: MakeConfig) -> None:
    (table,) = gradient_tables(make_config(*LABELS), records_of(make))
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["exact", "p1", "0.9999", "1.004", "0.0012", "3/3", ""],
        ["exact", "p2", "0.9999", "0.994", "0.0012", "2/3", "over 2 of 3"],
        ["other", "p1", "0.6000", "0.220", "0.0012", "3/3", ""],
        ["other", "p2", "n/a", "n/a", "n/a", "0/0", "unreliable: it | jumps"],
        ["lost", "p1", "n/a", "n/a", "n/a", "0/0", "unreliable: it | jumps"],
    ]
