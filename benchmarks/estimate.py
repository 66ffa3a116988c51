"""How long jobs will take, judged by the records so far."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.record_store import Head
from benchmarks.wording import counted
from benchmarks.workload import Workload


@dataclass(frozen=True)
class Estimate:
    """The time that jobs will take.

    Attributes
    ----------
    jobs : int
        How many.
    seconds : float
        Of one job after the other, without those unknown.
    unknown : int
        Jobs that nothing recorded says anything of.
    """

    jobs: int
    seconds: float
    unknown: int

    def text(self, jobs_at_once: int) -> str:
        """Return the estimate as people read it, for so many jobs at once."""
        if not self.seconds:
            return "unknown" if self.unknown else "none"
        said = f"about {duration(self.seconds / jobs_at_once)}"
        return f"{said}, plus {counted(self.unknown, 'job')} of unknown duration" if self.unknown else said

    def sentence(self, jobs_at_once: int) -> str:
        """Return the same of one job or more in a sentence, without a full stop."""
        they, take = ("it", "takes") if self.jobs == 1 else ("they", "take")
        if self.unknown == self.jobs:
            return f"how long {they} {take} is not known"
        return f"{they} {take} {self.text(jobs_at_once)}"


class Times:
    """Median times of jobs.

    Parameters
    ----------
    heads : iterable of Head
        Of all records, whichever config and version they are of.
    """

    def __init__(self, heads: Iterable[Head]) -> None:
        seconds: defaultdict[Workload, list[float]] = defaultdict(list)
        for head in heads:
            if head.wall_s is not None:
                seconds[head.identity].append(head.wall_s)
        self._medians = {key: median(values) for key, values in seconds.items()}

    def of_job(self, workload: Workload) -> float | None:
        """Return the median seconds of such jobs, failures included; None without any."""
        return self._medians.get(workload)

    def of_jobs(self, jobs: Sequence[Workload]) -> Estimate:
        """Return the time of jobs given by what it depends on."""
        known = {key: count for key, count in Counter(jobs).items() if key in self._medians}
        seconds = sum(self._medians[key] * count for key, count in known.items())
        return Estimate(len(jobs), seconds, len(jobs) - sum(known.values()))


def duration(seconds: float) -> str:
    """Return seconds as people say them, in the two largest units that matter."""
    if seconds < 1:
        return "1 s"
    parts: list[str] = []
    rest = round(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
