"""How far times lie apart by noise alone, as tables of times need to know it."""

from __future__ import annotations

from benchmarks.noise import NoiseFloors
from reports.study import Study, once_per_study

NO_CALIBRATION = NoiseFloors()
# The only time that a calibration measures.
CALIBRATED = "forward_s"
WITHIN_NOISE = "≈"


@once_per_study
def noise_floor(study: Study, dataset: str, noise: NoiseFloors) -> float | None:
    """Return the ratio of forward times below which they do not differ; None where nobody measured it.

    Parameters
    ----------
    study : Study
        Whose competitors are timed; of several thread counts the largest floor is returned.
    dataset : str
        On which dataset.
    noise : NoiseFloors
        The calibrations at hand.
    """
    config = study.config
    repeats = min(run.repeats or config.timing.repeats for run in config.runs)
    floors = []
    for part in study.by_threads:
        calibration = noise.of(
            r for r in part.records if r.identity.dataset == dataset and r.identity.track != "reference"
        )
        if calibration is None:
            return None
        floors.append(calibration.floor(repeats))
    return max(floors)


def noise_note(floor: float | None) -> str:
    """Return a sentence for captions, with a space before it."""
    if floor is None:
        return " The noise floor of these times was not measured (python -m benchmarks calibrate)."
    return (
        f" Noise floor: {floor:.3g}×, below which a run compared with itself stays in 95 % of cases; {WITHIN_NOISE} "
        "marks a ratio within it: no difference."
    )


def forward_alone(floor: float | None) -> str:
    """Return a sentence for captions of tables with other times too, with a space before it; empty without a floor."""
    if floor is None:
        return ""
    return f" The noise floor of {floor:.3g}× was measured of forward times, and holds for them alone."


def ratio_text(ratio: float, floor: float | None, digits: str = ".3g") -> str:
    """Print a ratio of times, marked where it is no difference."""
    within = floor is not None and 1 / floor < ratio < floor
    return f"{ratio:{digits}}×{f' {WITHIN_NOISE}' if within else ''}"
