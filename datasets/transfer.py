"""One file over HTTP: resumed where it broke off, verified, then renamed.

httpx does the talking: its errors are no ``OSError``, so that a full disk is never taken for a broken line; it hands
out the bytes as sent; and it does not rest on urllib3, which other packages replace. pooch, which fetches fixed
addresses elsewhere in the field, starts an interrupted file again from its first byte.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from datasets.base import FetchError
from datasets.cache import sha256
from datasets.disk import disk_errors
from datasets.fetching import Progress

_ATTEMPTS_WITHOUT_PROGRESS = 4
_FIRST_PAUSE_S = 0.5
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_BUSY = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address.

    Attributes
    ----------
    url : str
        Address, http or https.
    name : str
        Path relative to the folder that will hold it.
    bytes : int or None
        Its size; None when it is not known beforehand.
    sha256 : str or None
        Hash of its content, hexadecimal; None when it is not known beforehand.
    """

    url: str
    name: str
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class _Resume:
    """What a partial file is part of: without it the rest cannot be asked for."""

    url: str
    validator: str | None
    total_bytes: int | None


class _BrokenOffError(Exception):
    """The line broke or the server is busy; trying again may help."""


def download(remote: RemoteFile, target: Path, progress: Progress) -> str:
    """Download a file, continuing what an earlier attempt left in ``TARGET.part``.

    Parameters
    ----------
    remote : RemoteFile
        What to download.
    target : Path
        Appears by a rename, complete and verified; its folder must exist.
    progress : Progress
        Where to show how far it is.

    Returns
    -------
    str
        The sha256 of the file.

    Raises
    ------
    FetchError
        When the network, the server, the content or the disk prevents it. What was received stays in
        ``TARGET.part`` unless it is known to be wrong.
    """
    part = target.with_name(f"{target.name}.part")
    with disk_errors(part), httpx.Client(follow_redirects=True, timeout=_TIMEOUT) as client:
        resumed = _receive_all(client, remote, part, progress)
        found = sha256(part)
        if resumed and remote.sha256 not in (None, found):
            # Two halves that do not belong together: the whole of it may still be right.
            _discard(part)
            _receive_all(client, remote, part, progress)
            found = sha256(part)
        if remote.sha256 not in (None, found):
            _discard(part)
            raise FetchError(
                f"{remote.url}: its sha256 is {found}, {remote.sha256} is wanted: the file at this address is "
                "another one now, or was damaged on the way: try again later"
            )
        part.replace(target)
        _resume_file(part).unlink(missing_ok=True)
    return found


def _receive_all(client: httpx.Client, remote: RemoteFile, part: Path, progress: Progress) -> bool:
    """Fill the partial file; return whether any of it is from an earlier response."""
    resumed, failures, pause_s = False, 0, _FIRST_PAUSE_S
    while True:
        before = _size(part)
        try:
            return _receive(client, remote, part, progress) or resumed
        except (httpx.TransportError, _BrokenOffError) as error:
            if isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol):
                raise FetchError(_unreachable(remote, error)) from None
            resumed = True
            failures = 0 if _size(part) > before else failures + 1
            if failures == _ATTEMPTS_WITHOUT_PROGRESS:
                raise FetchError(
                    f"{remote.url}: broken off after {_size(part)} bytes: {_said(error)}: give the same command "
                    "again; it continues there"
                ) from None
        if failures:
            time.sleep(pause_s)
            pause_s *= 2


def _receive(client: httpx.Client, remote: RemoteFile, part: Path, progress: Progress) -> bool:
    """Receive what is missing in one response; return whether it continued an earlier one."""
    known = _read_resume(part, remote)
    have = _size(part) if known else 0
    if known and have and have == known.total_bytes:
        return True
    headers = {"Accept-Encoding": "identity"}
    if known and have and (known.validator or remote.sha256):
        headers["Range"] = f"bytes={have}-"
        if known.validator:
            headers["If-Range"] = known.validator
    with client.stream("GET", remote.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            _discard(part)
            raise _BrokenOffError("the server has less than was received before")
        _refuse(response, remote)
        start, total_bytes = _extent(response)
        if start not in (0, have) or (start and known and _differ(known.validator, _validator(response))):
            _discard(part)
            raise _BrokenOffError("the server sent a part of something else than was asked for")
        if remote.bytes is not None and total_bytes not in (None, remote.bytes):
            raise FetchError(
                f"{remote.url}: is {total_bytes} bytes there, {remote.bytes} are wanted: the file has changed"
            )
        _refuse_full_disk(part, (total_bytes or 0) - start)
        _write_resume(part, _Resume(remote.url, _validator(response), total_bytes))
        with (
            part.open("ab" if start else "wb") as file,
            progress.transfer(remote.name, start, total_bytes) as advance,
        ):
            # Pieces as they come: httpx drops an unfinished one of a fixed size when the line breaks.
            for chunk in response.iter_raw():
                file.write(chunk)
                file.flush()
                advance(len(chunk))
            os.fsync(file.fileno())
    wanted = remote.bytes if total_bytes is None else total_bytes
    if wanted is not None and _size(part) != wanted:
        if _size(part) > wanted:
            _discard(part)
        raise _BrokenOffError(f"the server ended early, of {wanted} bytes")
    return start > 0


def _refuse(response: httpx.Response, remote: RemoteFile) -> None:
    if response.status_code in _BUSY:
        raise _BrokenOffError(f"HTTP {response.status_code}")
    if not response.is_success:
        raise FetchError(
            f"{remote.url}: HTTP {response.status_code} {response.reason_phrase}: the address may have moved; a copy "
            "that you already have can be given with --from"
        )
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not remote.name.endswith((".html", ".htm")):
        raise FetchError(
            f"{remote.url}: the server answered with a web page, not with the file: it may ask for a login; download "
            "the file with a browser and give it with --from"
        )


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """Return the first byte of a response and the size of the whole file."""
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if match is None:
            raise _BrokenOffError("the server did not say which range it sent")
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _validator(response: httpx.Response) -> str | None:
    etag: str | None = response.headers.get("ETag")
    # A weak tag promises the same meaning, not the same bytes (RFC 9110, 13.1.5).
    if etag and not etag.startswith("W/"):
        return etag
    changed: str | None = response.headers.get("Last-Modified")
    return changed


def _differ(before: str | None, now: str | None) -> bool:
    """Return whether a file has changed; some servers send a range of the new file all the same."""
    return before is not None and now is not None and before != now


def _refuse_full_disk(part: Path, coming_bytes: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if coming_bytes > free:
        raise FetchError(
            f"{part}: {coming_bytes / 1e6:.1f} MB are still to come, the disk has {free / 1e6:.1f} MB left: make room "
            "or choose another place with --data-dir, then give the same command again"
        )


def _resume_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_resume(part: Path, remote: RemoteFile) -> _Resume | None:
    try:
        known = _Resume(**json.loads(_resume_file(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return known if known.url == remote.url else None


def _write_resume(part: Path, resume: _Resume) -> None:
    _resume_file(part).write_text(json.dumps(asdict(resume)), encoding="utf-8")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _resume_file(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _unreachable(remote: RemoteFile, error: Exception) -> str:
    return (
        f"{remote.url}: cannot be reached: {_said(error)}: connect to the network and give the same command again, or "
        "give a copy that you already have with --from"
    )


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
