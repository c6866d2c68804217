"""Pictures of the pages as a browser shows them: python -m tests.service.pictures FOLDER [NAME...]

Each sample at 360 and 1280 px, light and dark, at 200 % and printed, in Korean and English, with
drawn photos, under the service's headers. What the browser refuses, and what is wider than its
window, is told.
"""

import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from matching_spark.score.components import LANGUAGES
from tests.service.samples import samples
from tests.service.served import photo, serving
from tests.support.chromium import chromium

# CSS pixels and how they are seen. At 200 % a window of 1280 has 640 of them, one of 640 has 320.
WAYS = [
    *((360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")),
    *((640, "light"), (320, "light"), (1280, "print")),
]
# Photos below the first screen are only loaded when they come near it.
SHOWN = """Promise.all([...document.images].map((image) => {
  image.loading = "eager";
  return image.decode();
}))"""


def take(folder: Path, names: Sequence[str]) -> list[str]:
    """Take them, into a folder; gives what there is to complain of."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*"0123456789", "wide"):
        photo(name)  # drawn before a browser waits
    complaints: list[str] = []
    with serving() as served, chromium() as browser:
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
                page.goto(f"{served.url}/{name}/{language}", wait_until="load")
                wider = page.evaluate("document.documentElement.scrollWidth") - width
                if wider > 0:
                    complaints.append(f"{name} {language} is {wider} px wider than {width}")
                page.evaluate(SHOWN)
                place = folder / f"{name}-{language}-{width}-{way}.png"
                page.screenshot(path=place, full_page=True)
            context.close()
    return [each for each in complaints if "status of 4" not in each]  # the problems' own


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    for line in take(Path(folder), names or list(samples())):
        print(line)
