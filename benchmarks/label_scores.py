"""Scores of single labels, kept in columns: with many labels they are the larger part of a record."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import field

from benchmarks.frozen import Frozen
from benchmarks.plain_data import storable


class LabelScores(Frozen, kw_only=True):
    """A column for each score, a row for each label.

    Attributes
    ----------
    rows : dict of str to int
        Where each label stands in the columns, from 0. As keys, the same names of many records are read to the same
        objects, which a list of them would not be.
    columns : dict of str to tuple
        Per score its value for each label, None where it is undefined; keys as in ``benchmarks.catalogue``, and the
        counts behind them.
    """

    rows: dict[str, int] = field(default_factory=dict)
    columns: dict[str, tuple[float | None, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.rows)
        if sorted(self.rows.values()) != list(range(count)):
            raise ValueError(f"rows of labels are not numbered from 0 to {count - 1}")
        if any(len(column) != count for column in self.columns.values()):
            raise ValueError(f"a column of label scores has not {count} values")

    @classmethod
    def of(cls, labels: Mapping[str, Mapping[str, float | None]]) -> LabelScores:
        """Make columns of the scores of each label."""
        metrics = dict.fromkeys(metric for scores in labels.values() for metric in scores)
        return cls(
            rows={storable(str(name)): row for row, name in enumerate(labels)},
            columns={metric: tuple(scores.get(metric) for scores in labels.values()) for metric in metrics},
        )

    def by_label(self) -> dict[str, dict[str, float | None]]:
        """Return the scores of each label by name."""
        return {
            name: {metric: column[row] for metric, column in self.columns.items()}
            for name, row in self.rows.items()
        }

    def column(self, metric: str) -> dict[str, float]:
        """Return the values of a score, by label, that are defined."""
        values = self.columns.get(metric)
        if not values:
            return {}
        return {
            name: value
            for name, row in self.rows.items()
            if (value := values[row]) is not None and math.isfinite(value)
        }
