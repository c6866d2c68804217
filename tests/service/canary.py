"""A post of which everything private is a canary, and the words that must be in no byte that goes
out: pages, the API, mail, logs.
"""

import datetime as dt
import json
from dataclasses import replace
from urllib.parse import quote

from matching_spark.domain.posts import Post
from matching_spark.domain.results import Match
from matching_spark.journal.posts import StoredPost

NAMES = (
    *("post_id", "subcategory", "title", "description", "place", "region", "kept_at"),
    *("kept_phone", "source_url", "photo", "identifier", "snapshot", "model", "source"),
)
NUMBERS = (0.48151623, 0.42915162, 37.481516, 127.234215)  # score, probability, where it lies
SHA256 = b"c0ffeecanary".hex() + "5" * 40
MOBILE, MAIL = "010-4815-1623", "canary.person@example.com"
DAY = dt.date(2026, 11, 25)  # a Wednesday


def canary(name: str) -> str:
    return f"canary-{name}-kxqz"


def post(category: str, post_id: str = "") -> Post:
    """An open found post whose every word is a canary, but for what its category has to be."""
    return Post(
        post_id or canary("post_id"),
        "found",
        category,
        canary("subcategory"),
        canary("title"),
        f"{canary('description')} {MOBILE} {MAIL}",
        "검정",
        f"강남구 {canary('place')}",
        "서울",
        DAY,
        "open",
        canary("kept_at"),
        canary("kept_phone"),
        f"https://{canary('source_url')}.example/",
        photos=(f"/warehouse/{canary('photo')}/{SHA256}.jpg",),
        latitude=NUMBERS[2],
        longitude=NUMBERS[3],
        identifiers=(f"card-{canary('identifier')}",),
    )


def stored(of: Post) -> StoredPost:
    """As the table has it, with its photo."""
    at = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    return StoredPost(of, "service", 1, (SHA256,), at)


def match(of: Post, band: str = "ask") -> Match:
    """Of the office's search: with all that it knows."""
    told = {name: getattr(of, name) for name in Match.__annotations__ if hasattr(of, name)}
    weights = {"image-image": 2.0, "text-text": 1.5, "colour": 0.9, "days": 0.8, "place": 0.7}
    return Match(
        rank=1,
        score=NUMBERS[0],
        matched="photo",
        photo=of.photos[0] if of.photos else None,
        components=dict.fromkeys(weights, NUMBERS[1]) | {"colour": 1.0, "days": 0.0, "place": 1.0},
        probability=NUMBERS[1],
        contributions=weights,
        band=band,
        why=canary("why"),
        **told,
    )


def whole_title(of: Post) -> Post:
    """With a title that the public may see, and a number and an address in it."""
    return replace(of, title=f"검정 가방 {MOBILE} {MAIL}")


def found_in(out: str | bytes, shown: tuple[str, ...] = ()) -> list[str]:
    """The canaries in what went out, however JSON, HTML or a URL writes them. shown: names of
    those that the category lets the public see."""
    text = out.decode("utf-8", "replace") if isinstance(out, bytes) else out
    hidden = [canary(name) for name in (*NAMES, "why") if name not in shown]
    hidden += [SHA256, MOBILE, MAIL, "/warehouse/", *(repr(each)[:8] for each in NUMBERS)]
    spelt = {each: {each, json.dumps(each)[1:-1], quote(each, safe="")} for each in hidden}
    return [each for each, ways in spelt.items() if any(way in text for way in ways)]
