"""What the charts of scores and costs draw, and that the CSV beside each says the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from benchmarks.catalogue import METRICS
from benchmarks.config import Config
from benchmarks.label_scores import LabelScores
from benchmarks.records import RunRecord, Status
from reports.figures.agreement import Agreement, agreement_plate, two_runs
from reports.figures.convergence import convergence_plate
from reports.figures.costs import scaling_plate, times_plate
from reports.figures.drawing import Drawing, Plate
from reports.figures.placement import Box, box_of
from reports.figures.ranks import ranks_plate
from reports.figures.rows import beyond_whiskers
from reports.figures.spread import MOST_RUNS_PER_LABEL, label_scores, labels_plate, spread_plate
from reports.figures.style import styled
from reports.statistics.ranks import Ranking
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]
PAIRS = [f"p{i}" for i in range(6)]


def only(plate: Plate | None) -> Drawing:
    assert plate is not None
    assert plate.caption
    (drawing,) = plate.drawings
    return drawing


@pytest.fixture
def study(make: Make, make_config: MakeConfig) -> Study:
    """Return two runs on six pairs; "b" has no gradient, one label less, and failed on the last pair."""
    records = []
    for i, pair in enumerate(PAIRS):
        a = make(
            "a",
            pair,
            dice=0.8 + 0.01 * i,
            before={"dice": 0.1},
            seconds={"forward": 2.0 + i, "backward": 1.0},
        )
        labels = LabelScores.of({"thin": {"dice": 0.3 + 0.01 * i}, "thick": {"dice": 0.9}})
        records.append(structs.replace(a, labels=labels, trace=((3.0, 2.0), (), (5.0, 4.0, 1.0))))
        b = make("b", pair, dice=0.7, seconds={"forward": 1.0}, status=Status.FAILED if i == 5 else Status.OK)
        records.append(structs.replace(b, labels=LabelScores.of({"thick": {"dice": 0.8}})))
    return Study.of(make_config("a", "b"), records)


def test_spread_shows_every_pair_and_names_what_is_missing(study: Study) -> None:
    with styled():
        drawing = only(spread_plate(study, "set"))
    (axes,) = drawing.figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b (5/6)"]
    dots = [np.sort(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]
    assert np.allclose(dots[0], [0.8, 0.81, 0.82, 0.83, 0.84, 0.85])
    assert len(dots[1]) == 5
    data = drawing.data
    assert list(data.loc[data["run"] == "a", "value"]) == pytest.approx(list(dots[0]))
    assert "← before 0.100" in [text.get_text() for text in axes.texts]


def test_few_values_get_no_box(make: Make, make_config: MakeConfig) -> None:
    few = Study.of(make_config(), [make("a", pair, dice=0.5) for pair in PAIRS[:4]])
    many = Study.of(make_config(), [make("a", pair, dice=0.5 + i / 10) for i, pair in enumerate(PAIRS[:5])])
    with styled():
        figures = [only(spread_plate(one, "set")).figure for one in (few, many)]
    assert [len(figure.axes[0].patches) for figure in figures] == [0, 1]


def test_values_beyond_the_whiskers_are_those_of_tukey() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 100.0, -50.0])
    assert sorted(beyond_whiskers(values)) == [-50.0, 100.0]


def test_labels_are_averaged_over_repeats_and_the_worst_lead(study: Study, make: Make) -> None:
    again = [
        structs.replace(
            make("a", repeat=1, pair="p0", dice=0.5), labels=LabelScores.of({"thin": {"dice": 0.5}})
        )
    ]
    scores = label_scores(Study.of(study.config, [*study.records, *again]), "set", "dice")
    first = scores[(scores["run"] == "a") & (scores["pair"] == "p0")].set_index("label")["value"]
    assert first["thin"] == pytest.approx(0.4)
    with styled():
        drawing = only(labels_plate(study, "set"))
    assert [t.get_text() for t in drawing.figure.axes[0].get_yticklabels()] == ["thin", "thick"]
    assert set(drawing.data.loc[drawing.data["run"] == "b", "label"]) == {"thick"}


def test_missing_gradient_is_no_bar_of_no_length(study: Study) -> None:
    with styled():
        drawing = only(times_plate(study, "set"))
    (axes,) = drawing.figure.axes
    lengths = sorted(bar.get_width() for bar in axes.patches if bar.get_width())  # type: ignore[attr-defined]
    assert lengths == [1.0, 1.0, 4.5]
    assert [text.get_text() for text in axes.texts].count("n/a") == 1
    data = drawing.data.set_index(["run", "stage"])
    assert data.loc[("a", "forward"), ["median_s", "lower_quartile_s", "upper_quartile_s"]].tolist() == [
        4.5,
        3.25,
        5.75,
    ]
    assert np.isnan(data.loc[("b", "backward"), "median_s"])


def test_speed_up_is_the_ratio_pair_by_pair(make: Make, make_config: MakeConfig) -> None:
    times = {(1, "p1"): 8.0, (1, "p2"): 4.0, (2, "p1"): 4.0, (2, "p2"): 1.0}
    records = [make("a", pair, threads=n, seconds={"forward": s}) for (n, pair), s in times.items()]
    study = Study.of(make_config(resources={"threads": [1, 2]}), records)
    with styled():
        drawing = only(scaling_plate(study, "set"))
        assert scaling_plate(study.under_first_threads, "set") is None
    assert list(drawing.data["speed_up"]) == [1.0, 3.0]
    assert list(drawing.data["lower_quartile"]) == [1.0, 2.5]


def test_levels_of_a_trace_stand_one_after_another(study: Study) -> None:
    with styled():
        plate = convergence_plate(study, "set")
        drawing = only(plate)
    assert plate is not None
    assert "No trace from b." in plate.caption
    (axes,) = drawing.figure.axes
    first, second = [line for line in axes.lines if len(line.get_xdata()) != 2 or line.get_marker() == "o"][
        :2
    ]  # type: ignore[arg-type]
    assert (list(first.get_xdata()), list(first.get_ydata())) == ([1, 2], [3.0, 2.0])  # type: ignore[arg-type]
    assert (list(second.get_xdata()), list(second.get_ydata())) == ([3, 4, 5], [5.0, 4.0, 1.0])  # type: ignore[arg-type]
    one = drawing.data[drawing.data["pair"] == "p0"]
    assert list(one["cost"]) == [3.0, 2.0, 5.0, 4.0, 1.0]
    assert list(one["level"]) == [1, 1, 2, 2, 2]


def test_limits_of_agreement_are_those_of_bland_and_altman() -> None:
    first = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 9.0], index=list("abcdef"))
    second = pd.Series([0.0, 2.0, 1.0, 4.0, 3.0, np.nan], index=list("abcdef"))
    found = Agreement.of(first, second)
    assert found is not None
    assert list(found.data["pair"]) == list("abcde")
    assert found.bias == pytest.approx(1.0)  # differences 1, 0, 2, 0, 2: their sd is 1
    assert found.limit == pytest.approx(1.96)
    assert found.half_interval == pytest.approx(2.776445 / np.sqrt(5), rel=1e-6)
    assert list(found.data["mean"]) == [0.5, 2.0, 2.0, 4.0, 4.0]
    assert Agreement.of(first[:4], second[:4]) is None


def test_the_best_run_is_set_beside_the_oracle(study: Study, make: Make, make_config: MakeConfig) -> None:
    more = [make("c", pair, dice=0.75) for pair in PAIRS]
    records = [*study.records, *more]
    free = Study.of(make_config("a", "b", "c"), records)
    tied = Study.of(make_config("a", "b", "c", figures={"oracle": "b"}), records)
    labels = [[run.label for run in two_runs(one, "set", "dice") or ()] for one in (free, tied)]
    assert labels == [["a", "c"], ["a", "b"]]
    with styled():
        drawing = only(agreement_plate(tied, "set"))
    (axes,) = drawing.figure.axes
    drawn = next(line for line in axes.lines if line.get_marker() == "o")
    assert list(drawn.get_ydata()) == pytest.approx(list(drawing.data["difference"]))  # type: ignore[call-overload]
    assert len(drawing.data) == 5


@pytest.mark.parametrize("width", [1.2, 9.0])
def test_diagram_of_ranks_joins_what_is_not_told_apart(width: float) -> None:
    ranks = {"a": 1.2, "b": 2.0, "c": 2.8, "d": 4.0}
    ranking = Ranking(METRICS["dice"], ranks, tuple("0123456789"), 0, width, 0.01, (("a", "b"), ("b", "c")))
    with styled():
        drawing = only(ranks_plate(ranking, "set"))
    axes = drawing.figure.axes[0]
    bars = [list(line.get_xdata()) for line in axes.lines if line.get_gid() == "group"]  # type: ignore[arg-type]
    assert bars == [[1.2, 2.0], [2.0, 2.8]]
    assert any("more than any two" in text.get_text() for text in axes.texts) == (width > 3)
    assert dict(zip(drawing.data["run"], drawing.data["average_rank"], strict=True)) == ranks
    assert list(drawing.data["not_told_apart"]) == ["1", "1;2", "2", ""]


def test_every_run_is_in_one_of_the_figures_of_labels(make: Make, make_config: MakeConfig) -> None:
    names = [f"run {number}" for number in range(MOST_RUNS_PER_LABEL + 3)]
    labels = LabelScores.of({"lost": {"dice": 0.0}, "found": {"dice": 1.0}})
    study = Study.of(
        make_config(*names), [structs.replace(make(name, dice=0.5), labels=labels) for name in names]
    )
    with styled():
        plate = labels_plate(study, "set")
    assert plate is not None
    assert len(plate.drawings) == 2
    assert [run for drawing in plate.drawings for run in drawing.data["run"].unique()] == names
    assert "2 figures of the same labels" in plate.caption
    legends = [drawing.figure.legends[0].get_texts() for drawing in plate.drawings]
    assert [text.get_text() for texts in legends for text in texts] == names
    for drawing in plate.drawings:
        low, high = drawing.figure.axes[0].get_xlim()
        assert low < 0.0 < 1.0 < high, "points at either end are whole"


def test_backward_is_spoken_of_where_a_run_has_a_gradient(
    study: Study, make: Make, make_config: MakeConfig
) -> None:
    without = Study.of(make_config(), [make("a", seconds={"forward": 1.0})])
    with styled():
        plates = [times_plate(one, "set") for one in (study, without)]
    legends = [[text.get_text() for text in only(plate).figure.legends[0].get_texts()] for plate in plates]
    assert legends == [["forward", "backward"], ["forward"]]
    assert set(only(plates[1]).data["stage"]) == {"forward"}
    assert all(plate and "told not to" in plate.caption for plate in plates)


@pytest.mark.parametrize("speed_up", [1.8, 1.9, 2.0])
def test_names_keep_off_the_word_beside_the_ideal_line(
    make: Make, make_config: MakeConfig, speed_up: float
) -> None:
    records = [make("a", threads=n, seconds={"forward": 1.0 if n == 1 else 1 / speed_up}) for n in (1, 2)]
    study = Study.of(make_config(resources={"threads": [1, 2]}), records)
    with styled():
        (axes,) = only(scaling_plate(study, "set")).figure.axes
        boxes = {text.get_text(): box_of(text) for text in axes.texts}
    assert boxes["a"].overlap(boxes["ideal"]) == 0.0


def test_differences_are_printed_as_far_as_their_spread_lets_them(
    make: Make, make_config: MakeConfig
) -> None:
    values = {"a": (0.0, 0.0, 0.0, 0.0, 0.0), "b": (2.0, 5.0, 3.0, 4.0, 0.5)}
    records = [make(run, f"p{i}", tre_mm=value) for run, tre in values.items() for i, value in enumerate(tre)]
    with styled():
        (axes,) = only(agreement_plate(Study.of(make_config("a", "b"), records), "set")).figure.axes
    # The standard error of the mean is 0.78 mm.
    assert [text.get_text() for text in axes.texts] == ["mean\n−2.90", "+1.96 sd\n0.52", "−1.96 sd\n−6.32"]


def test_every_panel_of_convergence_names_its_axis(make: Make, make_config: MakeConfig) -> None:
    names = ["a", "b", "c", "d"]
    records = [structs.replace(make(name), trace=((2.0, 1.0),)) for name in names]
    with styled():
        drawing = only(convergence_plate(Study.of(make_config(*names), records), "set"))
        boxes = [Box(*box.extents) for axes in drawing.figure.axes if (box := axes.get_tightbbox())]
    assert {axes.get_xlabel() for axes in drawing.figure.axes} == {"Iteration, all levels"}
    assert all(one.overlap(other) == 0.0 for one, other in itertools.combinations(boxes, 2))
