"""The samples served as the service would: under its headers, with drawn photos, forms answered."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

from matching_spark.demo import draw
from matching_spark.service.guards.headers import HEADERS
from matching_spark.service.pages.contexts import ProblemPage
from matching_spark.service.pages.render import STATIC, assets
from tests.service.samples import rendered, samples
from tests.support.photo_bytes import saved
from tests.support.servers import answering

CODES = ("1f392", "1f45c", "1f4bc", "1f45d", "1f45b", "1f6cd", "1f392", "1f45c", "1f4bc", "1f6cd")
COLOURS = ("검정", "갈색", "갈색", "파랑", "빨강", "흰색", "초록", "검정", "검정", "노랑")


@cache
def photo(name: str) -> bytes:
    """A drawn one, 0 to 9, or `wide`, which is 3:1."""
    number = 4 if name == "wide" else int(name)
    rng = np.random.default_rng(number)
    colour = COLOURS[number]
    item = draw.Item(CODES[number], "twemoji", colour, draw.shade(colour, rng), 0.2, 1.0, None)
    made = draw.photo(item, rng)
    if name != "wide":
        return made
    square = Image.open(io.BytesIO(made)).resize((900, 900))
    return saved(square.crop((0, 300, 900, 600)), "JPEG")


@dataclass(frozen=True)
class Posted:
    """A form that came. smooth: whether htmx sent it."""

    path: str
    fields: Mapping[str, list[str]]
    body: bytes
    smooth: bool


@dataclass
class Served:
    """answers: the sample that a form's path is answered with; redirects: where a path sends on."""

    url: str
    answers: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)

    @property
    def last(self) -> Posted:
        return self.posted[-1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith(STATIC):
            file = assets()[path.removeprefix(STATIC)]
            self._answer(file.body, file.media_type)
        elif path.startswith("/photo/"):
            self._answer(photo(Path(path).stem), "image/jpeg")
        elif path in self.server.paths:
            self._page(self.server.paths[path], "ko")
        else:
            self._page(*path.strip("/").split("/"))

    def do_POST(self) -> None:
        served = self.server.served
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fields = parse_qs(body.decode("utf-8", "replace"))
        smooth = self.headers.get("HX-Request") == "true"
        served.posted.append(Posted(self.path, fields, body, smooth))
        if self.path in served.redirects:
            self.send_response(303)
            self.send_header("Location", served.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._page(served.answers[self.path], "ko")

    def _page(self, name: str, language: str) -> None:
        context = self.server.samples[name]
        page = rendered(context, "en" if language == "en" else "ko")
        status = context.status if isinstance(context, ProblemPage) else 200
        self._answer(page.encode(), "text/html; charset=utf-8", status)

    def _answer(self, body: bytes, media_type: str, status: int = 200) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def __init__(self, paths: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.served = Served(f"http://127.0.0.1:{self.server_port}")
        self.paths, self.samples = paths, samples()

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a browser that goes on to another page closes what it was reading


@contextmanager
def serving(paths: Mapping[str, str] | None = None) -> Iterator[Served]:
    """At /SAMPLE/LANGUAGE, and `paths`: others that a sample, in Korean, is shown at."""
    with answering(_Server(paths or {})) as server:
        yield server.served
