from __future__ import annotations

import numpy as np
import pytest

from reports.figures.rows import draw_spread
from reports.figures.style import new_figure


@pytest.mark.parametrize(("count", "medians"), [(1, 0), (2, 1), (4, 1)])
def test_few_values_are_shown_as_points_and_several_with_their_median(count: int, medians: int) -> None:
    axes = new_figure(3.0, 1.0).add_subplot()
    values = np.linspace(0.2, 0.8, count)
    draw_spread(axes, values, 0.0, "#0072B2", 0.6)
    *lines, points = axes.lines
    assert np.array_equal(points.get_xdata(), values)
    assert [line.get_xdata()[0] for line in lines] == [pytest.approx(0.5)] * medians
