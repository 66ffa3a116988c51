from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics.points import distances_mm, mean_mm, percentile95_mm


def test_distances_by_hand() -> None:
    errors = distances_mm(
        np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), np.array([[3.0, 4.0, 12.0], [1.0, 1.0, 1.0]])
    )
    np.testing.assert_allclose(errors, [13.0, 0.0])
    assert mean_mm(errors) == pytest.approx(6.5)


def test_percentile_by_hand() -> None:
    assert percentile95_mm(np.arange(101.0)) == pytest.approx(95.0)


def test_nothing_has_no_mean() -> None:
    assert mean_mm(np.empty(0)) is None
    assert percentile95_mm(np.empty(0)) is None
