"""A real HTTP server of this process that answers as a test tells it to."""

import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

S = TypeVar("S", bound=ThreadingHTTPServer)


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Callable[[], Iterator[bytes]] | None = None  # in place of body, and without a length


@contextmanager
def answering(server: S) -> Iterator[S]:
    """The server, which answers in a thread of its own until it is left."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving(answer: Callable[[Asked], Answer | None]) -> Iterator[str]:
    """The server's address; None as an answer closes the connection without a word."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
            said = answer(asked)
            if said is None:
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.chunks is None:
                self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            if asked.method == "HEAD":
                return
            try:
                for chunk in [said.body] if said.chunks is None else said.chunks():
                    self.wfile.write(chunk)
            except OSError:
                pass  # the client has had enough
            self.close_connection = said.chunks is not None

        do_POST = do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def talking(say: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that answers each connection, when something has come, as `say` does.

    What it sends may be no HTTP at all.
    """
    server = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client has had enough
            connection.recv(1 << 16)
            say(connection)

    def accept() -> None:
        with suppress(OSError):  # closed
            while True:
                threading.Thread(target=talk, args=server.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


class Hub(ThreadingHTTPServer):
    """As much of a Hugging Face hub as a download needs; it can cut a file off or spoil it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.folder = folder
        self.cut: set[str] = set()
        self.spoiled: set[str] = set()
        self.ranges: list[str] = []
        self.asked = 0
        self.head = "c" * 40  # the commit that its main is at


class _Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked += 1
        # .../revision/COMMIT, .../tree/COMMIT, .../resolve/COMMIT/NAME
        named = re.search("[0-9a-f]{40}", self.path)
        commit = named[0] if named else self.server.head
        if self.path.startswith("/api/models/"):
            root = self.server.folder
            paths = {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file()}
            said: object = {"id": "owner/model", "sha": commit}
            if "/tree/" in self.path:
                said = [
                    {"type": "file", "path": n, "size": p.stat().st_size, "oid": "0" * 40}
                    for n, p in sorted(paths.items())
                ]
            body = json.dumps(said).encode()
            return self.answer(200, body, {"Content-Type": "application/json"})
        name = self.path.partition("/resolve/")[2].partition("/")[2]
        path = self.server.folder / name
        if not path.is_file():
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        data = path.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit}
        if name in self.server.spoiled:
            data = b"\xff" * len(data)
        asked, code = self.headers.get("Range"), 200
        if asked:
            self.server.ranges.append(f"{name} {asked}")
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            data, code = data[start:], 206
        return self.answer(code, data, headers, cut=name in self.server.cut and not asked)

    def answer(self, code: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving_hub(folder: Path) -> Iterator[Hub]:
    """A hub of one model, owner/model, the files of a folder."""
    with answering(Hub(folder)) as server:
        yield server


def hub_environment(hub: Hub, home: Path) -> dict[str, str]:
    """For a process of its own: the hub's settings are read at import."""
    return {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
