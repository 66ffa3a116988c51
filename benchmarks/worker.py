"""The worker process. Imports nothing numerical before it has taken its place among the processors."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress

from benchmarks.kernel_oom import volunteer
from benchmarks.leftover_threads import ThreadWatch
from benchmarks.messages import Wire
from benchmarks.orphans import adopt_orphans, children_left
from benchmarks.processors import allowed_processors, one_per_core
from benchmarks.worker_settings import WorkerSettings


def main() -> None:
    """Run the jobs that come through the connection until its other end is closed."""
    wire = Wire(socket.socket(fileno=int(sys.argv[1])))
    # A backend may fork, and its child may come back here: it must not answer in this process's name.
    os.register_at_fork(after_in_child=wire.close)
    volunteer()
    adopts = adopt_orphans()
    with suppress(EOFError):
        _serve(wire, adopts=adopts)
    # Threads that a backend left behind must not keep the process.
    os._exit(0)


def _serve(wire: Wire, *, adopts: bool) -> None:
    settings = wire.hear(WorkerSettings)
    if hasattr(os, "sched_setaffinity") and settings.run.concurrent_jobs == 1:
        os.sched_setaffinity(0, one_per_core(allowed_processors(), settings.threads))

    from benchmarks.answer import Answer
    from benchmarks.execution import Executor
    from benchmarks.plan import Job

    executor = Executor(settings)
    wire.tell(None)
    while True:
        job = wire.hear(Job)
        threads = ThreadWatch()
        record = executor.run(job)
        _flush_output()
        alone = adopts and not children_left()
        wire.tell(Answer(record=record, reusable=not threads.left_running(), alone=alone))


def _flush_output() -> None:
    """Have what the job printed in its log, whatever it made of the streams: this process may end at any moment."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


if __name__ == "__main__":
    main()
