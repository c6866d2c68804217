"""Pictures of the pages as a browser shows them: python -m tests.service.pictures FOLDER [NAME...]

Each sample at 360 and 1280 px, light and dark, at 200 % and printed, in Korean and English, with
drawn photos, under the service's Content-Security-Policy; what the browser refuses
is an error.
"""

import io
import sys
import threading
from collections.abc import Sequence
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from matching_spark.demo import draw
from matching_spark.score.components import LANGUAGES
from matching_spark.service.render import CONTENT_SECURITY_POLICY, STATIC, assets, render
from tests.service.samples import NOW, samples

CHROMIUM = "/usr/bin/chromium"
# CSS pixels and how they are seen. At 200 % a window of 1280 has 640 of them, one of 640 has 320.
WAYS = [
    *((360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")),
    *((640, "light"), (320, "light"), (1280, "print")),
]
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]
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
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(made))
    picture.resize((900, 900)).crop((0, 300, 900, 600)).save(out, "JPEG")
    return out.getvalue()


# Photos below the first screen are only loaded when they come near it.
SHOWN = """Promise.all([...document.images].map((image) => {
  image.loading = "eager";
  return image.decode();
}))"""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(STATIC):
            file = assets()[path.removeprefix(STATIC)]
            self._answer(file.body, file.media_type)
        elif path.startswith("/photo/"):
            self._answer(photo(Path(path).stem), "image/jpeg")
        else:
            _, name, language = path.split("/")
            page = render(samples()[name], "en" if language == "en" else "ko", NOW)
            self._answer(page.encode(), "text/html; charset=utf-8")

    def _answer(self, body: bytes, media_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def take(folder: Path, names: Sequence[str]) -> list[str]:
    """Take them, into a folder; gives what the browser complained of."""
    folder.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    for name in (*"0123456789", "wide"):
        photo(name)  # drawn before a browser waits
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    complaints: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for width, way in WAYS:
            context = browser.new_context(
                viewport={"width": width, "height": 740 if width == 360 else 900},
                color_scheme="dark" if way == "dark" else "light",
            )
            page = context.new_page()
            page.emulate_media(media="print" if way == "print" else "screen")
            page.on("console", lambda said: complaints.append(said.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            for name, language in product(names, LANGUAGES):
                page.goto(f"{base}/{name}/{language}", wait_until="load")
                wider = page.evaluate("document.documentElement.scrollWidth") - width
                if wider > 0:
                    complaints.append(f"{name} {language} is {wider} px wider than {width}")
                page.evaluate(SHOWN)
                place = folder / f"{name}-{language}-{width}-{way}.png"
                page.screenshot(path=place, full_page=True)
            context.close()
        browser.close()
    server.shutdown()
    return complaints


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    for line in take(Path(folder), names or list(samples())):
        print(line)
