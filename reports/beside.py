"""Work in a copy of this process, beside what it does itself."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from benchmarks.orphans import end_with


@contextmanager
def beside(*works: Callable[[], Any]) -> Iterator[list[Callable[[], Any]] | None]:
    """Begin pieces of work in a copy of this process, one after the other; what is yielded waits for each result.

    The copy has all that this process has, without being sent it; of what it changes, files and results are left. It
    ends with the context, or with this process, at the latest. What both go over afterwards is better read by each for
    itself: memory that they share is copied page by page as soon as one of them counts another reference to something
    in it.

    Yields None, and begins nothing, where a process cannot be copied safely, because other threads run in it or the
    system is none that does so as a rule, and where there is one processor alone.

    Parameters
    ----------
    works : callables
        Their results can be pickled. What one raises ends the copy, and is raised where its result is asked for.
    """
    if not _is_worth_copying():
        yield None
        return
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_work_and_send, args=(works, sending, os.getpid()), daemon=True)
    with receiving:
        with sending, warnings.catch_warnings():
            # Of Python 3.12: numerical libraries have threads of their own, and know how to be copied.
            warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
            process.start()
        found: list[Any] = []

        def result(number: int) -> Any:
            while len(found) <= number:
                found.append(_receive(process, receiving))
            return found[number]

        try:
            yield [functools.partial(result, number) for number in range(len(works))]
        finally:
            process.kill()
            process.join()


def _is_worth_copying() -> bool:
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


def _work_and_send(works: Sequence[Callable[[], Any]], sending: Connection, parent: int) -> None:
    end_with(parent)
    # An interruption from the keyboard reaches the whole group; the process that was copied ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for work in works:
        try:
            sending.send((work(), None))
        except Exception as error:
            error.add_note("In a copy of the process:\n" + "".join(traceback.format_exception(error)))
            sending.send((None, error))
            return


def _receive(process: BaseProcess, receiving: Connection) -> Any:
    try:
        found, error = receiving.recv()
    except EOFError:
        process.join()
        raise RuntimeError(
            f"a copy of this process ended with exit code {process.exitcode} before its work was done"
        ) from None
    if isinstance(error, Exception):
        raise error
    return found
