"""What jobs that take alike have in common."""

from __future__ import annotations

import msgspec


class Workload(msgspec.Struct, frozen=True, order=True):
    """What a job's time mostly depends on; read from an identity, what else that says is passed over.

    Attributes
    ----------
    run : str
        Label of the backend and parameter set.
    dataset : str
        Name of the dataset.
    threads : int
        Threads per library.
    """

    run: str
    dataset: str
    threads: int
