from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.aggregation import PairKey, PairResult
from benchmarks.panels import Panel
from benchmarks.records import RunRecord
from reports.figures.deformation import deformation_figures, grid_lines, log_jacobian, log_limit
from reports.figures.style import styled
from reports.kept_slices import KeptSlices, Shown
from reports.study import Run

Make = Callable[..., RunRecord]
MakePanel = Callable[..., Panel]


def shown(make: Make, label: str, **panels: Panel) -> Shown:
    record = make(label, sd_log_jacobian=0.1234, folding_fraction=0.0012)
    return Shown(Run(label, label, "matched"), PairResult((record,)), panels)


def test_log_jacobian_is_undefined_outside_the_mask_and_in_folds(make_panel: MakePanel) -> None:
    panel = make_panel(fold=True)
    logs = log_jacobian(panel)
    folded = panel.mask & (panel.jacobian <= 0)
    assert folded.sum() == 1
    assert np.isnan(logs[folded]).all()
    assert np.isnan(logs[~panel.mask]).all()
    inside = panel.mask & ~folded
    assert np.allclose(logs[inside], np.log(panel.jacobian[inside]))


def test_grid_is_displaced_by_millimetres_over_spacing(make_panel: MakePanel) -> None:
    panel = make_panel(shape=(52, 52), spacing_mm=(1.0, 2.0), left_over=0.0)
    moved = grid_lines(panel)
    still = grid_lines(replace(panel, displacement_mm=np.zeros_like(panel.displacement_mm)))
    assert len(moved) == len(still)
    for after, before in zip(moved, still, strict=True):
        assert np.allclose(after - before, [2.0, 0.0])  # 4 mm to the right, columns 2 mm apart


def test_grid_lines_are_equally_far_apart_in_millimetres(make_panel: MakePanel) -> None:
    panel = make_panel(shape=(104, 52), spacing_mm=(1.0, 2.0))
    lines = grid_lines(replace(panel, displacement_mm=np.zeros_like(panel.displacement_mm)))
    rows = [line[0, 1] for line in lines if len(line) == 52]
    columns = [line[0, 0] for line in lines if len(line) == 104]
    assert set(np.diff(rows)) == {4}
    assert set(np.diff(columns)) == {2}


def test_one_wild_run_does_not_flatten_the_scale(make: Make, make_panel: MakePanel) -> None:
    calm = make_panel()
    wild = replace(calm, jacobian=calm.jacobian * np.float32(1e4))
    runs = [shown(make, "a", image=calm), shown(make, "b", image=calm), shown(make, "c", image=wild)]
    assert log_limit(runs) == log_limit(runs[:1]) < 1


def test_rigid_maps_get_a_scale_that_hides_noise(make: Make, make_panel: MakePanel) -> None:
    rigid = make_panel()
    rigid = replace(rigid, jacobian=np.ones_like(rigid.jacobian))
    assert log_limit([shown(make, "a", image=rigid)]) == 0.1


@pytest.mark.parametrize("planes", [("image",), ("axial", "coronal", "sagittal")])
def test_column_per_run_with_one_scale_and_folds_marked(
    make: Make, make_panel: MakePanel, planes: tuple[str, ...], tmp_path: Path
) -> None:
    runs = tuple(
        shown(make, label, **{plane: make_panel(fold=label == "b") for plane in planes})
        for label in ("a", "b")
    )
    with styled():
        (drawing,) = deformation_figures(KeptSlices(PairKey("set", "p1"), runs, ()))
    figure = drawing.figure
    grid = figure.axes[: 2 * len(planes) * 2]
    assert [axes.get_title() for axes in grid[:2]] == ["a", "b"]
    assert grid[2].get_title() == "sd log J 0.123, folded 0.12 %"
    maps = [axes for i, axes in enumerate(grid) if i // 2 % 2]
    assert len({axes.images[0].get_clim() for axes in maps}) == 1
    marked = [len(axes.lines[0].get_xdata()) for axes in maps]  # type: ignore[arg-type]
    assert marked == [0, 1] * len(planes)
    assert list(drawing.data["folded_voxels_in_slice"]) == [0] * len(planes) + [1] * len(planes)


def test_start_is_left_out(make: Make, make_panel: MakePanel) -> None:
    start = replace(shown(make, "identity", image=make_panel()), run=Run("identity", "identity", "reference"))
    assert deformation_figures(KeptSlices(PairKey("set", "p1"), (start,), ())) == []


def test_many_runs_are_cut_into_even_figures(make: Make, make_panel: MakePanel) -> None:
    runs = tuple(shown(make, f"r{i}", image=make_panel()) for i in range(8))
    with styled():
        drawings = deformation_figures(KeptSlices(PairKey("set", "p1"), runs, ()))
    figures = [drawing.figure for drawing in drawings]
    titles = [
        [axes.get_title() for axes in figure.axes if axes.get_title().startswith("r")] for figure in figures
    ]
    assert titles == [["r0", "r1", "r2", "r3"], ["r4", "r5", "r6", "r7"]]
