"""A world of lost and found posts, drawn into a folder: same seed, same bytes.

It is a tidy one: every lost item has exactly one true counterpart among the found posts, another
photo of the same item. Look-alikes are the same drawing in other colours and with other marks. The
realistic world is that of demo.dealt.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from matching_spark.demo.dealt import LAST_DAY
from matching_spark.demo.draw import Item, photo
from matching_spark.demo.items import item, look_alike
from matching_spark.demo.words import (
    COLOUR_WORDS,
    FOUND_TEXTS,
    FOUND_TITLES,
    LOST_TEXTS,
    LOST_TITLES,
    PLACES,
    Thing,
)
from matching_spark.filesystems.whole_files import write_file
from matching_spark.progress import SILENT, Progress

LOST_SHARE = 0.25
# As it numbers its posts: of a month that there is not, so that no portal's is like it.
DRAWN = re.compile(rf"[LF]{LAST_DAY.year}0{{6}}\d{{6}}(-1)?")
PLACEHOLDER = "img02_no_img.gif"


class _Line(TypedDict):
    """A post as its line of JSON has it."""

    post_id: str
    kind: str
    category: str
    title: str
    description: str
    colour: str
    region: str
    place: str
    happened_on: str
    kept_at: str
    kept_phone: str
    photos: list[str]


_Rows = tuple[list[_Line], list[_Line], list[dict[str, Any]]]  # lost, found, truth


@dataclass(frozen=True)
class World:
    """Where the drawn world lies, and a lost post with a photo to begin a search with."""

    folder: Path
    lost: Path
    found: Path
    truth: Path
    query_id: str
    query_photo: Path

    def photos(self) -> Iterator[tuple[str, list[Path]]]:
        """Of each of its posts."""
        for line in chain(*(f.read_text("utf-8").splitlines() for f in (self.lost, self.found))):
            post = json.loads(line)
            yield post["post_id"], [self.folder / each for each in post["photos"]]


def draw_world(folder: Path, posts: int = 400, seed: int = 0, progress: Progress = SILENT) -> World:
    """Draw `posts` posts into `folder`: lost.jsonl, found.jsonl, truth.jsonl and photos/.

    A quarter of them are of what was lost. Photos of a world that was drawn there before go.
    """
    lost, found, truth = _posts(folder, posts, seed, progress)
    placeholder = files("matching_spark.demo") / "drawings" / PLACEHOLDER
    write_file(folder / "photos" / PLACEHOLDER, placeholder.read_bytes())
    named = {photo for post in (*lost, *found) for photo in post["photos"]}
    for each in (folder / "photos").glob("*.jpg"):
        if DRAWN.match(each.name) and f"photos/{each.name}" not in named:
            each.unlink()
    lost.sort(key=lambda post: post["post_id"])
    for name, rows in (("lost", lost), ("found", found), ("truth", truth)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_file(folder / f"{name}.jsonl", lines.encode())
    shown = next((p for p in lost if p["category"] == "가방" and _drawn(p)), None)
    query = shown or next(p for p in (*lost, *found) if _drawn(p))
    return World(
        folder,
        folder / "lost.jsonl",
        folder / "found.jsonl",
        folder / "truth.jsonl",
        query["post_id"],
        folder / query["photos"][0],
    )


def _posts(folder: Path, posts: int, seed: int, progress: Progress) -> _Rows:
    rng = np.random.default_rng([seed, 0])
    lost_count = max(1, round(posts * LOST_SHARE))
    items = [item(rng) for _ in range(posts - lost_count)]
    for i in range(1, len(items)):
        if rng.random() < 0.3:  # a look-alike of the one before
            items[i] = look_alike(items[i - 1], rng)
    lost_of = rng.permutation(len(items))[:lost_count]
    lost_at = {int(found): i for i, found in enumerate(lost_of)}
    lost, found, truth = [], [], []
    for i, of in enumerate(items):
        own = np.random.default_rng([seed, 1, i])
        region = str(own.choice(list(PLACES), p=_region_shares()))
        lost_day = LAST_DAY - dt.timedelta(days=int(own.integers(4, 60)))
        found_id = f"F{LAST_DAY.year}{i:012d}-1"
        if i in lost_at:
            lost_id = f"L{LAST_DAY.year}{lost_at[i]:012d}"
            lost.append(_post(folder, lost_id, "lost", of, region, lost_day, own))
            truth.append({"lost_id": lost_id, "found_id": found_id, "same": True})
            if i + 1 < len(items):
                other = f"F{LAST_DAY.year}{i + 1:012d}-1"
                truth.append({"lost_id": lost_id, "found_id": other, "same": False})
        found_day = lost_day + dt.timedelta(days=int(own.integers(0, 4)))
        found.append(_post(folder, found_id, "found", of, region, found_day, own))
        progress.count("drawing", len(lost) + len(found), posts)
    return lost, found, truth


def _drawn(post: _Line) -> bool:
    return bool(post["photos"]) and not post["photos"][0].endswith(PLACEHOLDER)


def _region_shares() -> list[float]:
    weights = np.array([6.0, 3.0] + [1.0] * (len(PLACES) - 2))
    return list(weights / weights.sum())


def _post(
    folder: Path,
    post_id: str,
    kind: str,
    of: tuple[Thing, Item],
    region: str,
    day: dt.date,
    rng: np.random.Generator,
) -> _Line:
    thing, drawn = of
    places, offices = PLACES[region]
    place = str(rng.choice(places))
    word = str(rng.choice(COLOUR_WORDS[drawn.colour])) if rng.random() < 0.8 else ""
    name = f"{word} {rng.choice(thing.names)}".strip()
    titles, texts = (LOST_TITLES, LOST_TEXTS) if kind == "lost" else (FOUND_TITLES, FOUND_TEXTS)
    draw = rng.random()
    photos: list[str] = []
    if draw < 0.03:
        photos = [f"photos/{PLACEHOLDER}"]
    elif draw >= 0.08:  # between the two: words only
        count = 1 if rng.random() < 0.8 else int(rng.integers(2, 5))
        for i in range(count):
            photos.append(f"photos/{post_id}-{i}.jpg")
            write_file(folder / photos[-1], photo(drawn, rng))
    return {
        "post_id": post_id,
        "kind": kind,
        "category": thing.category,
        "title": str(rng.choice(titles)).format(x=name, p=place),
        "description": str(rng.choice(texts)).format(x=name, p=place),
        "colour": drawn.colour,
        "region": region,
        "place": place,
        "happened_on": day.isoformat(),
        "kept_at": str(rng.choice(offices)) if kind == "found" else "",
        # No exchange begins with 000: the demo's numbers ring nowhere.
        "kept_phone": f"02-000-{int(rng.integers(10000)):04d}" if kind == "found" else "",
        "photos": photos,
    }
