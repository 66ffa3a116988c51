"""A real HTTP server on localhost, with the faults that lines and servers have."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest_plugins = ["tests.imitations", "tests.openneuro_server"]

CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def byte_range(self) -> str | None:
        return self.headers.get("Range")


@dataclass
class FileServer:
    """Serves ``files`` with an MD5 ETag (as S3 does), HEAD and byte ranges; answers POST through ``answers``.

    ``cuts[path]`` holds, for each of the next GETs of a path, after how many bytes the line breaks; ``stops`` likewise
    where the server falls silent until ``go_on`` is set; ``statuses`` holds statuses to answer the next GETs with,
    200 meaning the file.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    stops: dict[str, list[int]] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    heeds_if_range: bool = True
    etags: bool = True
    asked: list[Asked] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def url(self, path: str) -> str:
        return self.address + path

    def gets(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.method == "GET" and one.path == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: FileServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._note(body)
        answer = self.files.answers[self.path](body)
        self._start(HTTPStatus.OK, len(answer), {"Content-Type": "application/json"})
        self.wfile.write(answer)

    def _note(self, body: bytes = b"") -> None:
        self.files.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))

    def _start(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _serve(self) -> None:
        self._note()
        files = self.files
        statuses = files.statuses.get(self.path)
        if self.command == "GET" and statuses and (status := statuses.pop(0)) != HTTPStatus.OK:
            self._start(status, 0, {})
            return
        if self.path not in files.files:
            self._start(HTTPStatus.NOT_FOUND, 0, {})
            return
        content = files.files[self.path]
        headers = {"Content-Type": files.types.get(self.path, "application/octet-stream")}
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        if files.etags:
            headers["ETag"] = etag
        start, status = self._range_start(etag), HTTPStatus.OK
        if start is not None and start >= len(content):
            self._start(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, {})
            return
        if start is not None:
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content = content[start:]
        self._start(status, len(content), headers)
        if self.command == "GET":
            self._send(content)

    def _range_start(self, etag: str) -> int | None:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match is None or not self.files.ranges or not self._unchanged(etag):
            return None
        return int(match[1])

    def _unchanged(self, etag: str) -> bool:
        return not self.files.heeds_if_range or self.headers.get("If-Range", etag) == etag

    def _send(self, content: bytes) -> None:
        cuts, stops = self.files.cuts.get(self.path), self.files.stops.get(self.path)
        end = cuts.pop(0) if cuts else stops.pop(0) if stops else len(content)
        try:
            for offset in range(0, end, CHUNK_BYTES):
                self.wfile.write(content[offset : min(end, offset + CHUNK_BYTES)])
            self.wfile.flush()
            if end < len(content):
                if cuts is None:
                    self.files.go_on.wait(60)
                self.close_connection = True
        except OSError:
            self.close_connection = True


@pytest.fixture
def server() -> Iterator[FileServer]:
    """An HTTP server on a port of its own."""
    files = FileServer()
    handler = type("BoundHandler", (Handler,), {"files": files})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        files.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield files
        files.go_on.set()
        http.shutdown()
        thread.join()
