"""Checkerboards, outlines, and the worst, median and best pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from benchmarks.aggregation import PairKey
from benchmarks.config import Config
from benchmarks.panels import Panel, panels_name, write_panels
from benchmarks.records import RunRecord, Status
from reports.figures.checkerboard import board, checkerboard_figures, square_mm
from reports.figures.contours import contour_figures, edges, slice_overlaps
from reports.figures.extremes import extreme_pairs, extremes_drawing
from reports.figures.placement import box_of
from reports.figures.style import styled
from reports.kept_slices import Shown, kept_slices
from reports.pictures import MOST_PAIRS, draw_pictures
from reports.study import Run, Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]
MakePanel = Callable[..., Panel]
RUN = Run("a", "a", "matched")


def test_squares_alternate_and_are_as_wide_as_high_in_millimetres(make_panel: MakePanel) -> None:
    panel = make_panel(shape=(45, 90), spacing_mm=(2.0, 1.0))
    panel = replace(panel, fixed=np.zeros_like(panel.fixed), warped=np.ones_like(panel.warped))
    assert square_mm(panel) == 10.0
    shown = board(panel)
    assert np.array_equal(shown[:5, :10], np.zeros((5, 10)))
    assert np.array_equal(shown[:5, 10:20], np.ones((5, 10)))
    assert np.array_equal(shown[5:10, :10], np.ones((5, 10)))


def test_outlines_follow_the_edges_between_labels() -> None:
    labels = np.zeros((4, 4), dtype=np.uint16)
    labels[1, 1] = 7
    (x, y), (u, v) = edges(labels)
    assert np.array_equal(x, [0.5, 1.5, np.nan] * 2, equal_nan=True)
    assert sorted(y[~np.isnan(y)]) == [0.5, 0.5, 1.5, 1.5]
    assert sorted(u[~np.isnan(u)]) == [0.5, 0.5, 1.5, 1.5]
    assert np.array_equal(v, [0.5, 1.5, np.nan] * 2, equal_nan=True)


def test_overlap_in_the_slice_is_that_of_its_voxels(make_panel: MakePanel) -> None:
    panel = make_panel()
    fixed, warped = np.zeros_like(panel.fixed_labels), np.zeros_like(panel.fixed_labels)
    fixed[:2, :2] = 3
    warped[0, :4] = 3
    warped[9, 9] = 5
    found = slice_overlaps(replace(panel, fixed_labels=fixed, warped_labels=warped))
    assert found == [(3, 4, 4, 0.5), (5, 0, 1, 0.0)]


def test_the_start_leads_and_references_are_left_out(
    make: Make, make_config: MakeConfig, make_panel: MakePanel, tmp_path: Path
) -> None:
    panel = make_panel()
    labels = np.where(panel.mask, 1, 0).astype(np.uint16)
    panel = replace(panel, fixed_labels=labels, warped_labels=labels)
    write_panels(tmp_path / "x.npz", {"image": panel})
    records = [
        make(run, track=track, artefacts={"panels": "x.npz"}, before={"dice": 0.1}, dice=0.9)
        for run, track in (("a", "matched"), ("truth", "reference"))
    ]
    kept = kept_slices(Study.of(make_config("a", "truth"), records), tmp_path, PairKey("set", "p1"))
    with styled():
        (boards,), (outlines,) = checkerboard_figures(kept), contour_figures(kept)
    assert [axes.get_title() for axes in outlines.figure.axes] == ["before\nDice 0.100", "a\nDice 0.900"]
    assert list(boards.data["run"]) == ["before", "a"]
    assert list(outlines.data["dice_in_slice"]) == [0.0, 1.0]


@pytest.mark.parametrize("metric", ["dice", "tre_mm"])
def test_extremes_are_chosen_by_the_direction_of_the_metric(
    make: Make, make_config: MakeConfig, metric: str
) -> None:
    values = {"p1": 0.5, "p2": 0.9, "p3": 0.1, "p4": 0.7}
    records = [make("a", pair, **{metric: value}) for pair, value in values.items()]
    records.append(make("a", "p5", status=Status.FAILED))
    found = extreme_pairs(Study.of(make_config(), records), "set", RUN)
    wanted = {"dice": ("p3", "p1", "p2"), "tre_mm": ("p2", "p4", "p3")}[metric]
    assert tuple(one.pair_id for one in found) == wanted
    assert [one.rank for one in found] == ["worst", "median", "best"]
    assert [one.value for one in found] == [values[pair] for pair in wanted]


def test_few_pairs_are_shown_once_each(make: Make, make_config: MakeConfig) -> None:
    two = [make("a", "p1", rmse=0.2), make("a", "p2", rmse=0.1)]
    ranks = [
        [(one.rank, one.pair_id) for one in extreme_pairs(Study.of(make_config(), records), "set", RUN)]
        for records in (two, two[:1], [make("a")])
    ]
    assert ranks == [[("worst", "p1"), ("best", "p2")], [("only", "p1")], []]


def test_slices_made_after_the_record_are_found_by_its_id(
    make: Make, make_config: MakeConfig, make_panel: MakePanel, tmp_path: Path
) -> None:
    record = structs.replace(make("a"), job_id="0123abcd")
    before, after = (Study.of(make_config(), [record]) for _ in range(2))
    assert kept_slices(before, tmp_path, PairKey("set", "p1")).shown == ()
    write_panels(tmp_path / panels_name("0123abcd"), {"image": make_panel()})
    assert kept_slices(after, tmp_path, PairKey("set", "p1")).labels == {"a"}


def test_only_so_many_pairs_are_shown_in_full_and_what_is_left_out_is_told(
    make: Make, make_config: MakeConfig, make_panel: MakePanel, tmp_path: Path
) -> None:
    write_panels(tmp_path / "x.npz", {"image": make_panel(shape=(20, 16))})
    config = make_config(figures={"pairs": ["p*"]})
    records = [make("a", f"p{i}", artefacts={"panels": "x.npz"}, rmse=i / 10) for i in range(MOST_PAIRS + 2)]
    records.append(make("a", "q", rmse=5.0))
    pictures = draw_pictures(Study.of(config, records), tmp_path, "set")
    stems = {path for path in pictures.paths if path.endswith("panels.png")}
    assert len(stems) == MOST_PAIRS
    assert any(said.startswith("2 more pairs") for said in pictures.omitted)
    assert any(said == "a: no slices were kept of its worst (q) pair" for said in pictures.omitted)
    assert all((tmp_path / path).is_file() for path in pictures.paths)


def test_long_names_of_pairs_stand_beside_their_own_row(
    make: Make, make_config: MakeConfig, make_panel: MakePanel
) -> None:
    pairs = [f"{number}-a-large-deformation-of-a-small-brain" for number in range(3)]
    study = Study.of(make_config(), [make("a", pair, dice=0.5) for pair in pairs])
    chosen = extreme_pairs(study, "set", RUN)
    panels = {"image": make_panel(shape=(30, 40))}
    results = [study.result("set", one.pair_id, "a") for one in chosen]
    shown = [Shown(RUN, result, panels) for result in results if result]
    with styled():
        figure = extremes_drawing(RUN, list(zip(chosen, shown, strict=True))).figure
        figure.draw_without_rendering()
        rows = [axes for axes in figure.axes if axes.get_ylabel()]
        names = [box_of(axes.yaxis.label) for axes in rows]
    assert len(names) == 3
    for axes, name in zip(rows, names, strict=True):
        row = box_of(axes)
        assert name.x0 >= 0
        assert row.y0 <= name.y0
        assert name.y1 <= row.y1
        assert name.x1 <= row.x0
