from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.figures.placement import Box, box_of
from reports.figures.style import styled
from reports.figures.tradeoff import pareto_front, run_points, tradeoff_plate
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


@pytest.fixture
def study(make: Make, make_config: MakeConfig) -> Study:
    return of_runs(8, make, make_config)


def of_runs(count: int, make: Make, make_config: MakeConfig) -> Study:
    labels = [f"backend_{i}{' with a long name' if count > 8 else ''}" for i in range(count)]
    records = [
        make(label, pair, dice=0.8 + 0.003 * i + more, tre_mm=1.0, seconds={"forward": 1 + 0.02 * i})
        for i, label in enumerate(labels)
        for pair, more in (("p1", 0.0), ("p2", 0.01))
    ]
    records += [make("truth", "p1", track="reference", dice=0.99, before={"dice": 0.2})]
    return Study.of(make_config(*labels, "truth"), records)


def drawn(study: Study) -> Figure:
    plate = tradeoff_plate(study, "set")
    assert plate is not None
    (drawing,) = plate.drawings
    return drawing.figure


def front_lines(axes: Axes) -> list[Line2D]:
    """Of all lines drawn through data, that of the front alone has no marker and joins several points."""
    return [line for line in axes.lines if line.get_marker() == "None" and len(line.get_xydata()) > 2]


def test_points_have_the_numbers_of_the_tables(study: Study) -> None:
    point = run_points(study, "set", "dice")[1]
    assert point.label == "backend_1"
    assert point.accuracy.mean == pytest.approx(0.808)
    assert point.seconds.median == pytest.approx(1.02)


def test_axes_hold_every_run_and_labels_are_apart(study: Study) -> None:
    with styled():
        figure = drawn(study)
        assert len(figure.axes) == 2
        for axes in figure.axes:
            assert axes.get_xscale() == "log"
            names = [text for text in axes.texts if text.get_text().startswith("backend")]
            assert len(names) == 8
            boxes = [box_of(name) for name in names]
            assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
            frame = box_of(axes)
            assert all(box.overlap(frame) == pytest.approx(box.area) for box in boxes)


def test_names_of_many_runs_stand_in_a_legend(make: Make, make_config: MakeConfig) -> None:
    with styled():
        figure = drawn(of_runs(9, make, make_config))
        figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"backend_{i} with a long name" for i in range(9)
    ]
    looks = {(handle.get_color(), handle.get_marker()) for handle in legend.legend_handles}  # type: ignore[union-attr]
    assert len(looks) == 9
    frame = box_of(legend)
    assert frame.x1 <= figure.bbox.x1
    assert all(frame.overlap(box_of(axes)) == 0 for axes in figure.axes)
    assert not any(text.get_text().startswith("backend") for axes in figure.axes for text in axes.texts)


def test_a_start_far_off_is_told_without_stretching_the_axis(study: Study) -> None:
    with styled():
        figure = drawn(study)
    assert figure.axes[0].get_ylim()[0] > 0.7
    assert "↓ before 0.200, off the scale" in [text.get_text() for text in figure.axes[0].texts]


def test_note_of_a_level_covers_no_marker(make: Make, make_config: MakeConfig) -> None:
    records = [
        make("quick", dice=0.6, seconds={"forward": 1.0}),
        make("slow", dice=0.9, seconds={"forward": 60.0}),
        make("truth", track="reference", dice=0.9),
    ]
    with styled():
        figure = drawn(Study.of(make_config("quick", "slow", "truth"), records))
        (axes,) = figure.axes
        (note,) = (text for text in axes.texts if text.get_text().startswith("truth"))
        ((x, y),) = axes.transData.transform([(60.0, 0.9)])
        assert box_of(note).overlap(Box(x, y, x, y).grown(8)) == 0


def test_run_that_missed_pairs_says_so(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", "p1", dice=0.5, seconds={"forward": 1.0}), make("a", "p2", status=Status.FAILED)]
    (point,) = run_points(Study.of(make_config(), records), "set", "dice")
    assert point.label == "a (1/2)"


def test_no_figure_without_accuracy_or_time(make: Make, make_config: MakeConfig) -> None:
    assert tradeoff_plate(Study.of(make_config(), [make("a", dice=0.5)]), "set") is None
    timed = make("a", rmse=0.5, seconds={"forward": 1.0})
    assert tradeoff_plate(Study.of(make_config(), [timed]), "set") is None


def test_label_of_axes_with_a_dollar_is_no_formula(make: Make, make_config: MakeConfig) -> None:
    record = make("$\\frac", dice=0.5, seconds={"forward": 1.0})
    with styled():
        figure = drawn(Study.of(make_config(), [record]))
        figure.draw_without_rendering()
    assert "$\\frac" in [text.get_text() for text in figure.axes[0].texts]


def test_front_holds_the_runs_that_none_beats_in_both(make: Make, make_config: MakeConfig) -> None:
    scores = {
        "slow and good": (4.0, 0.9),
        "slow and bad": (5.0, 0.6),
        "fast": (1.0, 0.7),
        "middle": (2.0, 0.7),
    }
    records = [make(run, dice=dice, seconds={"forward": s}) for run, (s, dice) in scores.items()]
    study = Study.of(make_config(*scores), records)
    front = pareto_front(run_points(study, "set", "dice"), "dice")
    assert [point.label for point in front] == ["fast", "slow and good"]
    with styled():
        plate = tradeoff_plate(study, "set")
    assert plate is not None
    data = plate.drawings[0].data
    assert sorted(data.loc[data["on_front"], "run"]) == ["fast", "slow and good"]
    assert dict(zip(data["run"], data["forward_s"], strict=True)) == {r: s for r, (s, _) in scores.items()}
    (axes,) = plate.drawings[0].figure.axes
    (front_line,) = front_lines(axes)
    assert list(front_line.get_ydata()) == [0.7, 0.7, 0.9, 0.9]  # type: ignore[arg-type]
    assert list(front_line.get_xdata())[:3] == [1.0, 4.0, 4.0]  # type: ignore[arg-type]


def test_line_of_the_front_runs_through_no_name(make: Make, make_config: MakeConfig) -> None:
    scores = {"quick one": (1.0, 0.70), "in the middle": (1.4, 0.72), "slow one": (8.0, 0.80)}
    records = [make(run, dice=dice, seconds={"forward": s}) for run, (s, dice) in scores.items()]
    with styled():
        (axes,) = drawn(Study.of(make_config(*scores), records)).axes
        (line,) = front_lines(axes)
        corners = axes.transData.transform(line.get_xydata())
        segments = [
            Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)).grown(0.5)
            for (x0, y0), (x1, y1) in itertools.pairwise(corners)
        ]
        names = [box_of(text) for text in axes.texts if text.get_text() in scores]
        assert len(names) == 3
        assert all(name.overlap(segment) == 0 for name in names for segment in segments)
