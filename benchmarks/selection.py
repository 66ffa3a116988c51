"""Which of the planned jobs a run takes up, and which of their records a report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Protocol

from benchmarks.config_file import ConfigError
from benchmarks.names import nearest_hint
from benchmarks.plan import Job
from benchmarks.records import Status

KEYS: Mapping[str, str] = {"backend": "backend", "dataset": "dataset", "pair": "pair_id", "run": "run"}


class Resume(Enum):
    """What a run does about jobs that have a record."""

    UNLESS_OK = "run again what is not ok"
    FAILED = "run again what failed, and nothing else"
    UNRECORDED = "run nothing that has a record"

    def takes(self, status: Status | None) -> bool:
        """Tell whether a job is taken up whose last record has this status, None when it has no record."""
        match self:
            case Resume.UNLESS_OK:
                return status is not Status.OK
            case Resume.FAILED:
                return status not in (None, Status.OK)
            case Resume.UNRECORDED:
                return status is None


class Named(Protocol):
    """What a job is known by."""

    @property
    def run(self) -> str:
        """Label of the run."""

    @property
    def backend(self) -> str:
        """Name of the adapter."""

    @property
    def dataset(self) -> str:
        """Name of the dataset."""

    @property
    def pair_id(self) -> str:
        """Name of the pair."""


@dataclass(frozen=True)
class Filter:
    """A glob pattern that one name of a job has to match.

    Attributes
    ----------
    key : str
        One of ``KEYS``.
    pattern : str
        As of the shell, upper and lower case told apart.
    """

    key: str
    pattern: str

    def matches(self, job: Named) -> bool:
        """Tell whether a job has a matching name."""
        return fnmatchcase(getattr(job, KEYS[self.key]), self.pattern)


def parse_filters(texts: Sequence[str], jobs: Sequence[Named]) -> tuple[Filter, ...]:
    """Read ``KEY=PATTERN`` options.

    Raises
    ------
    ConfigError
        For an unknown key, and for a pattern that none of the jobs matches.
    """
    filters = []
    for text in texts:
        key, separator, pattern = text.partition("=")
        if not separator:
            raise ConfigError(f"--only {text}: must look like {_meant(text, jobs)}")
        if key not in KEYS:
            raise ConfigError(f"--only {text}: unknown key {key!r}{nearest_hint(key, KEYS)}")
        found = Filter(key, pattern)
        if not any(map(found.matches, jobs)):
            names = sorted({getattr(job, KEYS[key]) for job in jobs})
            raise ConfigError(f"--only {text}: no {key} of this config matches{nearest_hint(pattern, names)}")
        filters.append(found)
    return tuple(filters)


def _meant(pattern: str, jobs: Sequence[Named]) -> str:
    """Return how a filter looks, with the key of which names match the pattern, where there is one."""
    for key in KEYS:
        if any(map(Filter(key, pattern).matches, jobs)):
            return f"KEY=PATTERN (did you mean '{key}={pattern}'?)"
    return f"KEY=PATTERN, KEY one of {', '.join(KEYS)}"


def select(
    jobs: Sequence[Job], known: Mapping[str, Status], resume: Resume, filters: Sequence[Filter]
) -> list[Job]:
    """Return the jobs to run, in their order.

    Parameters
    ----------
    jobs : sequence of Job
        All that are planned.
    known : mapping of str to Status
        How the last record of each job id ended.
    resume : Resume
        What becomes of those.
    filters : sequence of Filter
        A job has to match one of each key that is given.
    """
    return [job for job in jobs if resume.takes(known.get(job.job_id)) and matches(job.identity, filters)]


def matches(job: Named, filters: Sequence[Filter]) -> bool:
    """Tell whether a job matches one filter of each key that is given."""
    keys = {one.key for one in filters}
    return all(any(one.matches(job) for one in filters if one.key == key) for key in keys)
