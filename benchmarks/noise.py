"""The noise floor of timings: how far two runs of one backend lie apart on a machine."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated

import msgspec

from benchmarks.config_file import ConfigError
from benchmarks.frozen import Frozen, decoded, indented
from benchmarks.records import RunRecord
from benchmarks.whole_files import write_whole

FOLDER = "calibrations"
# Share of A/A comparisons that the floor covers.
COVERED = 0.95
DRAWS_PER_PAIR = 400

_Times = Annotated[tuple[float, ...], msgspec.Meta(min_length=1)]


class PairTimes(Frozen, kw_only=True):
    """Forward times of one pair under two names.

    Attributes
    ----------
    dataset, pair_id : str
        The pair.
    first, second : tuple of float
        Seconds of each repeat, at least one.
    """

    dataset: str
    pair_id: str
    first: _Times
    second: _Times


class Calibration(Frozen, kw_only=True):
    """What running one backend twice under two names showed.

    Attributes
    ----------
    host, cpu, device : str
        The machine and the device.
    threads : int
        Threads per library.
    run, backend : str
        Whose times they are.
    commit, measured_utc : str
        Git commit; ISO 8601 time.
    pairs : tuple of PairTimes
        The times.
    """

    host: str
    cpu: str
    device: str
    threads: int
    run: str
    backend: str
    commit: str
    measured_utc: str
    pairs: Annotated[tuple[PairTimes, ...], msgspec.Meta(min_length=1)]

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What a floor holds for."""
        return self.host, self.cpu, self.device, self.threads

    def floor(self, repeats: int) -> float:
        """Return the ratio of times, at least 1, that 95 % of comparisons of equals stay below.

        A comparison divides the medians of ``repeats`` times, drawn with replacement from those of each name.

        Parameters
        ----------
        repeats : int
            Timed repetitions of each side of the comparison.
        """
        draw = random.Random(0)
        distances = [
            abs(math.log(_drawn(pair.first, repeats, draw) / _drawn(pair.second, repeats, draw)))
            for pair in self.pairs
            for _ in range(DRAWS_PER_PAIR)
        ]
        return math.exp(quantiles(distances, n=100, method="inclusive")[round(100 * COVERED) - 1])


@dataclass(frozen=True)
class NoiseFloors:
    """The calibrations at hand.

    Attributes
    ----------
    calibrations : tuple of Calibration
        At most one of each machine, device and thread count.
    """

    calibrations: tuple[Calibration, ...] = ()

    def of(self, records: Iterable[RunRecord]) -> Calibration | None:
        """Return the calibration that holds for all records; None where there is none.

        None holds for records of several machines, or for jobs that were allowed to overlap.
        """
        if not self.calibrations:
            return None
        found = list(records)
        keys = {_key(record) for record in found}
        if len(keys) != 1 or any(record.provenance.concurrent_jobs > 1 for record in found):
            return None
        return next((one for one in self.calibrations if {one.key} == keys), None)


def save_calibration(results_dir: Path, calibration: Calibration) -> Path:
    """Keep a calibration for all benchmarks of a results folder; an older one of its kind gives way."""
    name = hashlib.sha256(repr(calibration.key).encode()).hexdigest()[:16]
    path = results_dir / FOLDER / f"{name}.json"
    write_whole(path, indented(calibration))
    return path


def load_noise_floors(results_dir: Path) -> NoiseFloors:
    """Return the calibrations kept beside the benchmarks of a results folder.

    Raises
    ------
    ConfigError
        When one of them cannot be read; the message names the file.
    """
    found = []
    for path in sorted((results_dir / FOLDER).glob("*.json")):
        try:
            found.append(decoded(path.read_bytes(), Calibration))
        except ValueError as error:
            said = " ".join(str(error).split())
            raise ConfigError(f"{path}: no calibration of this version; calibrate again: {said}") from None
    return NoiseFloors(tuple(found))


def _key(record: RunRecord) -> tuple[str, str, str, int]:
    return (
        record.provenance.host,
        record.provenance.cpu,
        record.identity.device,
        record.identity.threads,
    )


def _drawn(times: Sequence[float], repeats: int, draw: random.Random) -> float:
    return median(draw.choices(times, k=repeats))
