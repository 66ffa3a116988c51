"""What a config file may say of a cluster with a queue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from benchmarks.section import Section

QueueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,79}$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\r\n]{1,500}$")]


class ClusterConfig(Section):
    """Workers that a queueing system starts; each runs one job at a time.

    Attributes
    ----------
    queue_system : {"slurm", "pbs"}
        Who starts them.
    workers : int
        How many to ask for.
    cores : int
        Processor cores of each; at least the threads of ``resources``.
    memory_gib : float
        Memory of each.
    walltime : str
        Longest life of each, ``HH:MM:SS`` or ``D-HH:MM:SS``. A worker leaves before; others take its jobs over.
    exclusive : bool
        Ask for whole nodes: timings are comparable only where no other job shares one.
    queue, account : str or None
        Partition or queue, and whom to charge; None takes the site's default.
    interface : str or None
        Network interface, such as ``ib0``, by which workers and scheduler reach each other.
    directives : tuple of str
        Further options of the queueing system, such as ``--constraint=icelake``.
    prologue : tuple of str
        Shell lines before the worker starts, such as ``module load cuda``.
    """

    queue_system: Literal["slurm", "pbs"]
    workers: Annotated[int, Field(ge=1, le=10_000)]
    cores: Annotated[int, Field(ge=1, le=1024)]
    memory_gib: Annotated[float, Field(gt=0)]
    walltime: Annotated[str, StringConstraints(pattern=r"^(\d+-)?\d{1,3}:[0-5]\d:[0-5]\d$")]
    exclusive: bool = True
    queue: QueueName | None = None
    account: QueueName | None = None
    interface: QueueName | None = None
    directives: tuple[Line, ...] = ()
    prologue: tuple[Line, ...] = ()

    @property
    def walltime_s(self) -> int:
        """The longest life in seconds."""
        days, _, clock = self.walltime.rpartition("-")
        hours, minutes, seconds = (int(part) for part in clock.split(":"))
        return int(days or 0) * 86_400 + hours * 3600 + minutes * 60 + seconds
