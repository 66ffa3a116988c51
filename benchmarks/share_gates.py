"""Gates that ask something of a share of the pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.aggregation import PairKey
from benchmarks.catalogue import Metric
from benchmarks.gate_config import BoundGate, RecoveryGate
from benchmarks.gate_evidence import CannotTellError, Compared, Evidence, compared_to, counted_pairs, first
from benchmarks.recovery import recoveries


def share_within(gate: BoundGate, metric: Metric, evidence: Evidence, run: str) -> Compared:
    """Share of the pairs on which a run is within the bound; a pair without a value is not."""
    pairs = evidence.pairs(gate, [run])
    values = {key: r.value(metric.name) for key in pairs if (r := evidence.results[key].get(run))}
    within = {
        key
        for key, value in values.items()
        if value is not None and compared_to("", metric, value, gate.bound).holds
    }
    outside = [str(key) for key in pairs if key not in within]
    what = f"{run} is within the bound on {len(within)} of {counted_pairs(len(pairs))}"
    return _share(what, len(within) / len(pairs), outside, gate.share)


def recovered(gate: RecoveryGate, evidence: Evidence, pairs: Sequence[PairKey]) -> Compared:
    """Share of the disturbed starts from which a run comes back.

    Raises
    ------
    CannotTellError
        When no pair starts off a disturbance.
    """
    run = gate.recovers
    found = recoveries(evidence.results, run, pairs)
    if not found:
        raise CannotTellError(f"no record of {run} from a disturbed start")
    lost = [one.key for one in found if not one.within(gate.max_rmse_change, gate.max_distance_mm)]
    back = len(found) - len(lost)
    what = f"{run} is back from {back} of {len(found)} disturbed starts"
    return _share(what, back / len(found), list(map(str, lost)), gate.share)


def _share(what: str, share: float, missing: Sequence[str], least: float) -> Compared:
    words = f"{what}: {share:.1%}, at least {least:.4g} asked"
    if missing:
        words += f"; missing {first(missing)}"
    return Compared(words, share, least, share - least, share >= least or math.isclose(share, least))
