from __future__ import annotations

import itertools

import pytest

from reports.figures.placement import Box, box_of, place_labels
from reports.figures.style import new_figure, styled


def test_overlap_of_boxes() -> None:
    assert Box(0, 0, 2, 2).overlap(Box(1, 1, 3, 3)) == 1
    assert Box(0, 0, 1, 1).overlap(Box(1, 0, 2, 1)) == 0
    assert Box(0, 0, 1, 1).overlap(Box(5, 5, 6, 6)) == 0
    assert Box(0, 0, 1, 2).grown(1).area == 12


@pytest.mark.parametrize("count", [1, 4, 9])
def test_labels_of_points_in_a_heap_cover_neither_each_other_nor_a_point(count: int) -> None:
    with styled():
        figure = new_figure(5, 4)
        axes = figure.add_axes((0.1, 0.1, 0.85, 0.85))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        points = [(0.5 + 0.01 * i, 0.5 + 0.012 * (i % 3)) for i in range(count)]
        labels = [
            axes.annotate(f"backend number {i}", point, xytext=(8, 0), textcoords="offset points")
            for i, point in enumerate(points)
        ]
        markers = [Box(x, y, x, y).grown(4) for x, y in axes.transData.transform(points)]
        place_labels(axes, labels, markers)
        boxes = [box_of(label) for label in labels]
        frame = box_of(axes)
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
    assert all(box.overlap(marker) == 0 for box in boxes for marker in markers)
    assert all(box.overlap(frame) == pytest.approx(box.area) for box in boxes)


def test_label_beside_the_edge_stays_inside() -> None:
    with styled():
        figure = new_figure(5, 4)
        axes = figure.add_axes((0.1, 0.1, 0.85, 0.85))
        axes.set_xlim(0, 1)
        label = axes.annotate("a long label", (0.99, 0.5), xytext=(8, 0), textcoords="offset points")
        place_labels(axes, [label], [])
        box, frame = box_of(label), box_of(axes)
    assert box.x1 <= frame.x1
