"""How a worker process and the process that started it write to each other: in JSON, of which every part is checked.

A backend can do anything to its process, and a pickle from there could do anything here.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any, TypeAlias, TypeVar

import msgspec

Wire: TypeAlias = "Connection[bytes, bytes]"
T = TypeVar("T")


def tell(wire: Wire, message: object) -> None:
    """Send a message: a value of the program's own, with paths as text, or None."""
    wire.send_bytes(msgspec.json.encode(message, enc_hook=str))


def hear(wire: Wire, kind: type[T]) -> T:
    """Wait for a message of a kind.

    Raises
    ------
    EOFError
        When the other end is closed.
    msgspec.DecodeError
        When something else comes.
    """
    return msgspec.json.decode(wire.recv_bytes(), type=kind, dec_hook=_from_text)


def _from_text(kind: type[Any], text: str) -> object:
    return kind(text)
