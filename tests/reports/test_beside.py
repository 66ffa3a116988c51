from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from reports.beside import beside

several_processors = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="needs two processors to work beside itself"
)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have threads that other tests left in this process, idle ones, not count."""
    monkeypatch.setattr(threading, "active_count", lambda: 1)


def fail() -> None:
    raise LookupError("no such figure")


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def begun(results: list[Callable[[], Any]] | None) -> list[Callable[[], Any]]:
    assert results is not None
    return results


@several_processors
@pytest.mark.usefixtures("alone")
def test_works_are_done_by_one_other_process_in_turn(tmp_path: Path) -> None:
    done: list[str] = []

    def first() -> int:
        done.append("first")
        return os.getpid()

    def second() -> tuple[int, list[str]]:
        (tmp_path / "written").touch()
        return os.getpid(), done

    with beside(first, second) as results:
        one, two = begun(results)
        assert two() == (one(), ["first"])
        assert one() == one() != os.getpid()
    assert done == []
    assert (tmp_path / "written").exists()


@several_processors
@pytest.mark.usefixtures("alone")
def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    with beside(os.getpid, fail, os.getpid) as results:
        before, failing, _ = begun(results)
        assert before() != os.getpid()
        with pytest.raises(LookupError, match="no such figure") as caught:
            failing()
        assert "in fail" in "".join(caught.value.__notes__)
        with pytest.raises(RuntimeError, match="exit code 0 before its work was done"):
            failing()


@several_processors
@pytest.mark.usefixtures("alone")
def test_a_copy_that_is_killed_is_told() -> None:
    with beside(end) as results, pytest.raises(RuntimeError, match="exit code -9"):
        begun(results)[0]()


@several_processors
@pytest.mark.usefixtures("alone")
def test_a_copy_does_not_outlive_its_context() -> None:
    waiting = threading.Event()
    with beside(os.getpid, waiting.wait) as results:
        copy = psutil.Process(begun(results)[0]())
        assert copy.is_running()
    assert not copy.is_running()


KILLED = """
import os, signal, threading
from reports.beside import beside
with beside(os.getpid, threading.Event().wait) as results:
    print(results[0](), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@several_processors
def test_a_copy_does_not_outlive_its_process_however_that_ends() -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(killed.stdout)).wait(timeout=10)


def test_a_process_with_other_threads_is_not_copied() -> None:
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    try:
        with beside(os.getpid) as results:
            assert results is None
    finally:
        go_on.set()
        thread.join()


@pytest.mark.usefixtures("alone")
def test_one_processor_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    with beside(os.getpid) as results:
        assert results is None
