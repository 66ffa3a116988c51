"""Whether a run comes back to its own solution from a disturbed start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.aggregation import PairKey, PairResult

Results = Mapping[PairKey, Mapping[str, PairResult]]

# Difference of RMSE, in normalised intensities, up to which a run counts as back unless a gate says otherwise.
RMSE_BACK = 1e-3


@dataclass(frozen=True)
class Recovery:
    """One disturbed start of a run beside the undisturbed start of the same two images.

    Attributes
    ----------
    key : PairKey
        The disturbed pair.
    rmse_change : float or None
        RMSE from the disturbed start less that from the undisturbed one, in normalised intensities; None where the run
        did not end ok on either.
    distance_mm : float or None
        Root mean square distance between the two solutions over some points of the fixed mask; None likewise.
    """

    key: PairKey
    rmse_change: float | None
    distance_mm: float | None

    def within(self, max_rmse_change: float, max_distance_mm: float | None) -> bool:
        """Return whether the run is back: the RMSE differs by so much at most, and the solutions lie so near."""
        if self.rmse_change is None or self.distance_mm is None:
            return False
        near = max_distance_mm is None or self.distance_mm <= max_distance_mm
        return near and abs(self.rmse_change) <= max_rmse_change


def recoveries(results: Results, run: str, keys: Iterable[PairKey]) -> list[Recovery]:
    """Return what became of each disturbed start among some pairs, those without a result of the run included."""
    found = []
    for key in keys:
        undisturbed = next(iter(results[key].values())).repeats[0].identity.undisturbed
        if undisturbed and undisturbed != key.pair_id:
            after = results[key].get(run)
            before = results.get(PairKey(key.dataset, undisturbed), {}).get(run)
            found.append(_recovery(key, after, before))
    return found


def _recovery(key: PairKey, disturbed: PairResult | None, undisturbed: PairResult | None) -> Recovery:
    if disturbed is None or undisturbed is None:
        return Recovery(key, None, None)
    after, before = disturbed.value("rmse"), undisturbed.value("rmse")
    if after is None or before is None:
        return Recovery(key, None, None)
    ends = disturbed.repeats[0].probes_mm, undisturbed.repeats[0].probes_mm
    return Recovery(key, after - before, rms_distance_mm(*ends))


def rms_distance_mm(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> float:
    """Return the root mean square distance between the ends of the same probes, see :mod:`benchmarks.probes`.

    Raises
    ------
    ValueError
        When they are not the same number of points, or none.
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"{len(a)} and {len(b)} probes cannot be compared")
    difference = np.asarray(a) - np.asarray(b)
    return float(np.sqrt(np.mean(np.sum(difference**2, axis=-1))))
