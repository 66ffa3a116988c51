from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.aggregation import PairKey
from benchmarks.config import Config
from benchmarks.panels import Panel, write_panels
from benchmarks.records import RunRecord
from reports.figures.comparison import comparison_figures
from reports.figures.style import styled
from reports.kept_slices import KeptSlices, kept_slices
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]
MakePanel = Callable[..., Panel]
RUNS = {"identity": 4.0, "a": 1.0, "b": 2.0, "oracle": 0.5, "truth": 0.0}


@pytest.fixture
def keep(
    make: Make, make_config: MakeConfig, make_panel: MakePanel, tmp_path: Path
) -> Callable[..., KeptSlices]:
    """Return a maker of kept slices of the runs above, on the given planes."""

    def build(*planes: str) -> KeptSlices:
        records = []
        for label, left_over in RUNS.items():
            write_panels(
                tmp_path / f"{label}.npz", {plane: make_panel(left_over=left_over) for plane in planes}
            )
            records.append(
                make(
                    label,
                    track="reference" if label in ("identity", "truth") else "matched",
                    artefacts={"panels": f"{label}.npz"},
                    before={"rmse": 0.4},
                    rmse=left_over / 10,
                )
            )
        study = Study.of(make_config(*RUNS), records)
        return kept_slices(study, tmp_path, PairKey("set", "p1"))

    return build


def pictures_of(figure: Figure) -> list[list[np.ndarray]]:
    """Return the image arrays by row of the grid, colour bars left out."""
    images = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    return [images[i : i + 7] for i in range(0, len(images), 7)]


def titles_of(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.images]


def test_seven_panels_of_every_competitor(keep: Callable[..., KeptSlices]) -> None:
    kept = keep("image")
    with styled():
        (drawing,) = comparison_figures(kept, "oracle")
    figure, label = drawing.figure, drawing.part
    rows = pictures_of(figure)
    panels = {one.run.label: one.panels["image"] for one in kept.shown}
    assert label == ""
    assert len(rows) == 2
    for row, name in zip(rows, ("a", "b"), strict=True):
        ours, oracle = panels[name], panels["oracle"]
        wanted = [
            ours.moving,
            ours.warped,
            oracle.warped,
            ours.fixed,
            abs(ours.moving - ours.fixed),
            abs(ours.warped - ours.fixed),
            abs(oracle.warped - ours.fixed),
        ]
        for shown, image in zip(row, wanted, strict=True):
            assert np.array_equal(shown, image)
    assert titles_of(figure)[:7] == [
        "moving",
        "warped",
        "oracle: oracle",
        "fixed",
        "|moving − fixed|\nRMSE 0.4000",
        "|warped − fixed|\nRMSE 0.1000",
        "|oracle − fixed|\nRMSE 0.0500",
    ]
    assert titles_of(figure)[7:] == ["", "", "", "", "RMSE 0.4000", "RMSE 0.2000", "RMSE 0.0500"]


@pytest.mark.parametrize("planes", [("image",), ("axial", "coronal", "sagittal")])
def test_scales_are_shared(keep: Callable[..., KeptSlices], planes: tuple[str, ...]) -> None:
    with styled():
        figures = [drawing.figure for drawing in comparison_figures(keep(*planes), "oracle")]
    limits = [[axes.images[0].get_clim() for axes in figure.axes if axes.images] for figure in figures]
    images = {pair for figure in limits for i, pair in enumerate(figure) if i % 7 < 4}
    differences = {pair for figure in limits for i, pair in enumerate(figure) if i % 7 >= 4}
    assert len(images) == 1
    assert len(differences) == 1
    assert next(iter(differences))[0] == 0


def test_three_planes_make_a_figure_per_run_with_sides_marked(keep: Callable[..., KeptSlices]) -> None:
    with styled():
        figures = comparison_figures(keep("axial", "coronal", "sagittal"), "oracle")
    assert [drawing.part for drawing in figures] == ["a", "b"]
    assert list(figures[0].data["rmse"]) == pytest.approx([0.4, 0.1, 0.05] * 3)
    marks = [[text.get_text() for text in axes.texts] for axes in figures[0].figure.axes if axes.images]
    assert marks == [["R", "L"]] * 14 + [[]] * 7
    assert titles_of(figures[0].figure)[1] == "warped: a"


def test_patients_right_is_on_the_left(keep: Callable[..., KeptSlices]) -> None:
    with styled():
        figure = comparison_figures(keep("axial", "coronal"), "oracle")[0].figure
    right, left = figure.axes[0].texts
    assert right.get_text() == "R"
    assert right.get_position()[0] < 0.1 < 0.9 < left.get_position()[0]


def test_without_oracle_its_panels_are_left_out(keep: Callable[..., KeptSlices]) -> None:
    with styled():
        (drawing,) = comparison_figures(keep("image"), None)
    figure = drawing.figure
    assert len([axes for axes in figure.axes if axes.images]) == 3 * 5
    assert not any("oracle" in title for title in titles_of(figure))


def test_reference_rows_alone_make_no_figure(keep: Callable[..., KeptSlices]) -> None:
    kept = keep("image")
    references = tuple(one for one in kept.shown if one.run.reference)
    assert comparison_figures(KeptSlices(kept.key, references, ()), "oracle") == []
