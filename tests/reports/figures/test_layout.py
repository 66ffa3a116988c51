from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.figures.layout import balanced, picture_grid
from reports.figures.placement import Box, box_of
from reports.figures.style import DPI, label_text, styled


@given(st.integers(0, 60), st.integers(1, 9))
def test_parts_are_even_few_and_whole(count: int, most: int) -> None:
    parts = [list(range(count))[part] for part in balanced(count, most)]
    assert [item for part in parts for item in part] == list(range(count))
    sizes = [len(part) for part in parts]
    assert len(parts) == -(-count // most)
    assert not sizes or max(sizes) <= most
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_axes_have_their_size_and_nothing_is_clipped() -> None:
    with styled():
        grid = picture_grid(3, 1.5, [2.0, 1.0], [0.42, 0.24])
        for axes in itertools.chain(*grid.axes):
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title("one\ntwo" if axes in grid.axes[0] else "one", pad=3)
        for row in grid.axes:
            row[0].set_ylabel("two lines\nof a label")
        image = grid.axes[1][2].imshow([[0, 1]])
        grid.colour_bar(image, slice(0, 3), "label", "both")
        canvas = Box(*grid.figure.bbox.extents)
        boxes = [box_of(axes) for axes in itertools.chain(*grid.axes)]
        drawn = [Box(*box.extents) for axes in grid.figure.axes if (box := axes.get_tightbbox())]
    sizes = [((box.x1 - box.x0) / DPI, (box.y1 - box.y0) / DPI) for box in boxes[:5]]
    assert sizes == [pytest.approx((1.5, tall)) for tall in (2.0, 2.0, 2.0, 1.0, 1.0)]
    assert len(drawn) == 7
    assert all(box.overlap(canvas) == pytest.approx(box.area) for box in drawn)


def test_names_in_figures_are_cut_to_size() -> None:
    assert label_text("torch_lm") == "torch_lm"
    assert label_text("a\nb\x00c") == "abc"
    assert all(
        len(line) <= 10 for line in label_text("a very long label indeed, too long", 10, lines=2).split("\n")
    )
    assert label_text("x" * 50, 10).endswith("…")
