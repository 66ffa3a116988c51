"""Snapshots of OpenNeuro: what they hold, and chosen files of them, downloaded by openneuro-py."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from datasets.base import FetchError
from datasets.fetching import Progress
from datasets.paths import inside

GRAPHQL_URL = "https://openneuro.org/crn/graphql"
TAG = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

_CHECKOUT = Path(__file__).resolve().parents[1]
_TIMEOUT_S = 60.0
_POLL_S = 0.2
_DISK_FULL = ("No space left on device", "File too large", "Disk quota exceeded")


@dataclass(frozen=True)
class Snapshot:
    """A published version of a dataset.

    Attributes
    ----------
    dataset : str
        Accession number, such as ``ds007328``.
    tag : str
        Its version.
    files : mapping of str to int
        Size in bytes of every file, by path.
    """

    dataset: str
    tag: str
    files: Mapping[str, int]


def list_snapshot(dataset: str, tag: str | None, graphql_url: str) -> Snapshot:
    """Ask what a snapshot holds.

    Parameters
    ----------
    dataset : str
        Accession number.
    tag : str or None
        Version; None asks for the newest.
    graphql_url : str
        Address of the service.

    Raises
    ------
    FetchError
        Without a network, for a tag that does not exist (naming those that do), and for an answer that is none.
    """
    listing = "id files(recursive: true) { filename size }"
    if tag is None:
        query = f'{{ dataset(id: "{dataset}") {{ latestSnapshot {{ {listing} }} }} }}'
        return _snapshot(dataset, _at(_ask(query, graphql_url), "dataset", "latestSnapshot"))
    tags = _ask(f'{{ dataset(id: "{dataset}") {{ snapshots {{ id }} }} }}', graphql_url)
    known = [str(_at(one, "id")).rpartition(":")[2] for one in _at(tags, "dataset", "snapshots")]
    if tag not in known:
        raise FetchError(f"{dataset}: has no snapshot {tag!r}; there are {', '.join(known) or 'none'}")
    query = f'{{ snapshot(datasetId: "{dataset}", tag: "{tag}") {{ {listing} }} }}'
    return _snapshot(dataset, _at(_ask(query, graphql_url), "snapshot"))


def download_files(
    snapshot: Snapshot, names: list[str], target: Path, graphql_url: str, progress: Progress
) -> None:
    """Download files of a snapshot; what an interrupted download left in ``target`` is continued.

    openneuro-py works in a process of its own, which ends with this one: it replaces parts of the process that it is
    imported in, and writes files that may turn out broken to their final names.

    Parameters
    ----------
    snapshot : Snapshot
        Lists the files.
    names : list of str
        Paths of the files.
    target : Path
        Folder that is no one else's; when this returns, it holds the files in their full size.
    graphql_url : str
        Address of the service.
    progress : Progress
        Where to show how far it is.

    Raises
    ------
    FetchError
        When openneuro-py is not installed or fails, or a file is not as announced.
    """
    if find_spec("openneuro") is None:
        raise FetchError(
            "openneuro-py is not installed: pip install openneuro-py, then give the same command again"
        )
    target.mkdir(parents=True, exist_ok=True)
    # openneuro-py refuses to continue where an earlier attempt left a description with another version in it, and the
    # descriptions of many snapshots name an older one.
    (target / "dataset_description.json").unlink(missing_ok=True)
    paths = {name: inside(target, name) for name in names}
    request = {
        "dataset": snapshot.dataset,
        "tag": snapshot.tag,
        "target": str(target.resolve()),
        "files": names,
        "graphql_url": graphql_url,
    }
    total = sum(snapshot.files[name] for name in names)
    done = _received(paths)
    with progress.transfer(f"{snapshot.dataset} {snapshot.tag}", done, total) as advance:
        for now in _run(request, paths):
            advance(now - done)
            done = now
    for name, path in paths.items():
        found = path.stat().st_size if path.is_file() else 0
        if found != snapshot.files[name]:
            raise FetchError(
                f"{path}: has {found} bytes instead of {snapshot.files[name]}: delete it and give the same command "
                "again"
            )


def _run(request: Mapping[str, Any], paths: Mapping[str, Path]) -> Iterator[int]:
    """Run openneuro-py; yield how many bytes are there from time to time."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log, _child(request, log.fileno()) as child:
        while child.poll() is None:
            try:
                child.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                yield _received(paths)
        yield _received(paths)
        if child.returncode:
            log.seek(0)
            raise FetchError(_failure(str(request["dataset"]), str(request["target"]), log.read()))


@contextmanager
def _child(request: Mapping[str, Any], log: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start the process; end it when this one leaves for whatever reason."""
    command = [sys.executable, "-m", "datasets.openneuro_process", json.dumps(request)]
    # The pipe to its standard input is its lifeline: it breaks when this process dies, even by SIGKILL.
    child = subprocess.Popen(command, cwd=_CHECKOUT, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _failure(dataset: str, target: str, log: str) -> str:
    if any(text in log for text in _DISK_FULL):
        return (
            f"{target}: the disk is full or a quota is reached: make room, then give the same command again; it "
            "continues with what is there"
        )
    reasons = [line.strip(" →->") for line in log.splitlines() if re.match(r"\s*(→|->) |error: ", line)]
    shown = "; ".join(dict.fromkeys(reasons)) or log.strip()[-500:] or "it ended without a word"
    return (
        f"{dataset}: openneuro-py could not download it ({shown}): check the network and give the same command again; "
        "complete files are kept"
    )


def _received(paths: Mapping[str, Path]) -> int:
    return sum(path.stat().st_size for path in paths.values() if path.is_file())


def _ask(query: str, graphql_url: str) -> Any:
    try:
        response = httpx.post(graphql_url, json={"query": query}, timeout=_TIMEOUT_S, follow_redirects=True)
        answer = response.json()
    except httpx.TransportError as error:
        raise FetchError(
            f"{graphql_url}: cannot be reached ({error}): connect to the network and give the same command again, or "
            "give a copy that you already have with --from"
        ) from None
    except ValueError:
        raise FetchError(
            f"{graphql_url}: answered with HTTP {response.status_code} and no JSON: try again later"
        ) from None
    if isinstance(answer, dict) and answer.get("errors"):
        raise FetchError(f"{graphql_url}: refused the question: {_first_message(answer['errors'])}")
    return _at(answer, "data")


def _first_message(given: Any) -> str:
    first = given[0] if isinstance(given, list) else given
    return str(first.get("message", first) if isinstance(first, dict) else first)[:300]


def _at(answer: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(answer, dict) or answer.get(key) is None:
            raise FetchError(f"OpenNeuro: its answer has no {'.'.join(keys)}: the service may have changed")
        answer = answer[key]
    return answer


def _snapshot(dataset: str, answer: Any) -> Snapshot:
    tag = str(_at(answer, "id")).rpartition(":")[2]
    if not re.fullmatch(TAG, tag):
        raise FetchError(f"{dataset}: OpenNeuro names a snapshot {tag[:80]!r}, which no tag looks like")
    files = {str(_at(one, "filename")): int(one.get("size") or 0) for one in _at(answer, "files")}
    return Snapshot(dataset, tag, files)
