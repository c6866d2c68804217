"""Pictures of the running demo's pages, to be looked at: `make pictures`.

Each page at 360 and 1280 px, light and dark, in Korean and English; some at 200 % and printed. The
few that README and the site show are written into docs/pictures/ as well.
"""

import argparse
import io
import itertools
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser

from matching_spark.config import load_settings
from matching_spark.operations.demo_service import drawn_once
from matching_spark.score.components import LANGUAGES
from tests.browser.visitor import Visitor
from tests.support.chromium import WIDTHS, Scheme, Watched, chromium, watched
from tests.support.served import COMMAND, served

ROOT = Path(__file__).parents[1]
SHOWN = ROOT / "docs" / "pictures"
# Of those that are taken, what README and the site show, as a screen has it, and its name there.
DOCS = {
    "home-360-light-ko": "home",
    "answered-360-light-ko": "results",
    "one-360-dark-en": "results-dark-en",
    "review-1280-light-ko": "review",
    "register-1280-light-en": "register-en",
}
SHOWN_BYTES = 150_000  # of each at most
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SIGN_IN = re.compile(r"sign in as (\S+) with (\S+)")
LOST = "분홍색 스케이트보드"  # of which the demo has a photo, and another one of a found post
# Searches of the demo's world that end with nothing, with one thing, with as many as are shown.
SEARCHES = {
    "none": {"ko": "제주에서 잃어버린 초록색 우산", "en": "a green umbrella lost in Jeju"},
    "one": {"ko": "검정 우산", "en": "a black umbrella"},
    "many": {"ko": "쇼핑백", "en": "a shopping bag"},
}
Take = Callable[[str], None]


def person(visit: Watched, take: Take, photo: Path) -> None:
    """The pages of somebody who lost something, of which they have a photo."""
    page, somebody = visit.page, Visitor(visit)
    visit.open("/")
    take("home")
    for name, words in SEARCHES.items():
        somebody.look_for(words[visit.language])
        take(name)
    visit.open("/")
    page.set_input_files("#photo", photo)
    page.fill("#words", LOST)
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer.found .sentence")
    take("likely")
    if page.locator(".question").count():
        page.click(".question button[name=skip]")
        page.wait_for_selector("#answer.found:not(:has(.question))")
    take("answered")
    somebody.look_for(SEARCHES["none"][visit.language])
    page.click(".tell button.primary")
    take("reported")
    page.click("a.button[href*='/mine#']")
    page.wait_for_selector("#answer.mine")
    take("mine")
    visit.open("/nowhere")
    take("problem")


def office(visit: Watched, take: Take, name: str, password: str, photo: Path) -> None:
    """The pages of an office."""
    page = visit.page
    visit.open("/office")
    take("sign-in")
    page.fill("#name", name)
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.wait_for_selector(".desk")
    take("desk")
    visit.open("/office/review")
    take("review")
    visit.open("/office/found/new")
    page.set_input_files("#photo", photo)
    take("register-photo")
    page.click("form.first button.primary")
    page.wait_for_selector("form.register")
    take("register")
    visit.open("/office/search")
    page.fill("#words", "지갑")
    page.keyboard.press("Enter")
    page.wait_for_selector(".hits")
    take("search")
    page.click(".hits > li > a")
    page.wait_for_selector(".post")
    take("post")


def taken(
    browser: Browser, url: str, folder: Path, sign_in: tuple[str, str], lost: Path, found: Path
) -> None:
    """Every picture of the service at `url`, into the folder; what was wrong on a page is told.

    lost, found: photos of things, to search by and to register.
    """
    looks = list(itertools.product(WIDTHS, SCHEMES, LANGUAGES, ("",)))
    looks += [(1280, "light", "ko", "-zoomed"), (1280, "light", "ko", "-printed")]
    for width, scheme, language, special in looks:
        zoom = 2 if special == "-zoomed" else 1
        with watched(
            browser, url, width=width, language=language, scheme=scheme, zoom=zoom
        ) as visit:
            visit.refused = (404,)
            visit.page.context.add_cookies([{"name": "lang", "value": language, "url": url}])
            look = f"{width}-{scheme}-{language}{special}"

            def take(name: str, visit: Watched = visit, look: str = look) -> None:
                visit.settled()
                if to := DOCS.get(f"{name}-{look}"):
                    shown(visit.page.screenshot(), to)
                visit.page.emulate_media(media="print" if look.endswith("-printed") else "screen")
                visit.page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)
                visit.page.emulate_media(media="screen")

            person(visit, take, lost)
            office(visit, take, *sign_in, found)
            for each in visit.wrong:
                print(f"{look}: {each}", file=sys.stderr)


def shown(screen: bytes, name: str) -> None:
    """What a screen shows, for the docs."""
    out = io.BytesIO()
    Image.open(io.BytesIO(screen)).convert("RGB").save(out, "WEBP", quality=85)
    if len(out.getvalue()) > SHOWN_BYTES:
        raise SystemExit(f"{name}: {len(out.getvalue()):,} bytes, at most {SHOWN_BYTES:,}")
    SHOWN.mkdir(exist_ok=True)
    (SHOWN / f"{name}.webp").write_bytes(out.getvalue())


def photo(world: Path, name: str) -> Path:
    """Of the thing that the pictures are about, as it was lost or found."""
    posts = [json.loads(line) for line in (world / f"{name}.jsonl").read_text("utf-8").splitlines()]
    return next(world / str(each["photos"][0]) for each in posts if LOST in each["title"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "pictures")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = load_settings()[0]
    print("the demo's world, which is drawn when it is first asked for ...", file=sys.stderr)
    demo = drawn_once(settings)
    world = Path(demo.table).parent / "world"
    lost, found = (photo(world, name) for name in ("lost", "found"))
    with (
        TemporaryDirectory() as log,
        served({}, Path(log), (*COMMAND, "serve", "--demo")) as url,
        chromium() as browser,
    ):
        said = SIGN_IN.search((Path(log) / "serve.log").read_text("utf-8"))
        assert said, "serve --demo tells how to sign in"
        taken(browser, url, folder, (said[1], said[2]), lost, found)
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}: look at them", file=sys.stderr)


if __name__ == "__main__":
    main()
