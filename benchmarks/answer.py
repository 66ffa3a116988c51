"""What a worker process says of a job."""

from __future__ import annotations

from benchmarks.frozen import Frozen
from benchmarks.records import RunRecord


class Answer(Frozen, kw_only=True):
    """What a worker says of a job.

    Attributes
    ----------
    record : RunRecord
        How it went.
    reusable : bool
        False when the job left threads running, which would take processor time from the next one.
    alone : bool
        True when the job left no process running, on a system that tells for certain.
    """

    record: RunRecord
    reusable: bool
    alone: bool
