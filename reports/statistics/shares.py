"""Shares of successes and how certain they are."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """Successes among trials.

    Attributes
    ----------
    successes, trials : int
        At least one trial.
    """

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """Successes by trials."""
        return self.successes / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval (1927), which is no point where all trials succeed or none does."""
        found = stats.binomtest(self.successes, self.trials).proportion_ci(CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)
