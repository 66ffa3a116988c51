"""What the user allows and where progress is shown when a dataset is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Progress(Protocol):
    """Where transfers show how far they are."""

    def transfer(
        self, name: str, done_bytes: int, total_bytes: int | None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Announce a transfer.

        Parameters
        ----------
        name : str
            What people call the file.
        done_bytes : int
            What an earlier, interrupted transfer left.
        total_bytes : int or None
            Size of the whole file; None when nobody knows.

        Returns
        -------
        context manager
            Yields a callable that is told the size in bytes of every further piece.
        """

    def message(self, text: str) -> None:
        """Say why nothing moves for a while."""


class NoProgress:
    """Shows nothing."""

    @contextmanager
    def transfer(
        self, name: str, done_bytes: int, total_bytes: int | None
    ) -> Iterator[Callable[[int], None]]:
        """Accept the sizes of pieces and forget them."""
        del name, done_bytes, total_bytes

        def advance(piece_bytes: int) -> None:
            del piece_bytes

        yield advance

    def message(self, text: str) -> None:
        """Say nothing."""
        del text


@dataclass(frozen=True)
class Licence:
    """Terms that a user must accept before a dataset is fetched.

    Attributes
    ----------
    name : str
        What the terms are called.
    url : str
        Where they can be read.
    """

    name: str
    url: str


@dataclass(frozen=True)
class FetchRequest:
    """How a dataset may be fetched.

    Attributes
    ----------
    accept_licence : bool
        The user has read the dataset's terms and accepts them.
    source : Path or None
        An archive or folder of the dataset that the user already has, taken instead of a download.
    offline : bool
        Do not touch the network; what is missing is an error.
    check_hashes : bool
        Compare the hashes of files that are already there, too, and fetch damaged ones again; otherwise their
        sizes alone are compared.
    progress : Progress
        Where transfers show how far they are.
    """

    accept_licence: bool = False
    source: Path | None = None
    offline: bool = False
    check_hashes: bool = False
    progress: Progress = field(default_factory=NoProgress)
