"""How a worker process and the process that started it write to each other: lines of JSON, every part checked.

A backend can do anything to its process. A pickle from there could do anything here; a message that stops half way, or
never does, must not keep anybody here.
"""

from __future__ import annotations

import math
import select
import socket
import time
from typing import Any, TypeVar

import msgspec

from benchmarks.memory import MIB

# More than a record, with traces and statistics, ever needs.
MAX_MESSAGE_BYTES = 64 * MIB
_CHUNK_BYTES = 1 << 18

T = TypeVar("T")


class MessageTooLongError(Exception):
    """The other end wrote more than any message has."""


class Wire:
    """One end of a connection.

    Parameters
    ----------
    end : socket.socket
        A stream socket, which belongs to the wire from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._readable = select.poll()
        self._readable.register(end, select.POLLIN)
        self._read = bytearray()
        self._whole = False

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def tell(self, message: object, within_s: float | None = None) -> None:
        """Send a message: a value of the program's own, with paths as text, or None.

        Raises
        ------
        TimeoutError
            When the other end does not take it in the time.
        OSError
            When that is closed.
        """
        self._end.settimeout(within_s)
        # JSON has no line's end inside.
        self._end.sendall(msgspec.json.encode(message, enc_hook=str) + b"\n")

    def arrives(self, within_s: float = math.inf) -> bool:
        """Wait for a message so long at most; tell whether one is there as a whole.

        Raises
        ------
        EOFError
            When the other end is closed.
        MessageTooLongError
            When it writes without end.
        """
        give_up = time.monotonic() + within_s
        while not self._whole and self._readable.poll(_milliseconds(give_up - time.monotonic())):
            self._take()
            if time.monotonic() >= give_up:
                break
        return self._whole

    def hear(self, kind: type[T]) -> T:
        """Wait for a message of a kind.

        Raises
        ------
        EOFError, MessageTooLongError
            As :meth:`arrives`.
        msgspec.DecodeError
            When something else comes.
        """
        self.arrives()
        message, self._read, self._whole = self._read, bytearray(), False
        return msgspec.json.decode(message, type=kind, dec_hook=_from_text)

    def _take(self) -> None:
        """Read what has come; each end waits for an answer before it writes again, so that a message ends what came."""
        chunk = self._end.recv(_CHUNK_BYTES)
        if not chunk:
            raise EOFError
        self._read += chunk
        self._whole = chunk.endswith(b"\n")
        if len(self._read) > MAX_MESSAGE_BYTES:
            raise MessageTooLongError(
                f"the worker process wrote more than {MAX_MESSAGE_BYTES // MIB} MiB of answer"
            )


def _milliseconds(left_s: float) -> float | None:
    """Return a time as polling takes it: none for any length."""
    return None if math.isinf(left_s) else 1000 * max(0.0, left_s)


def _from_text(kind: type[Any], text: str) -> object:
    return kind(text)
