"""HTML of the pages' contexts, and the files that pages load: style, script, icon."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, partial
from importlib.resources import files
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from matching_spark.domain.posts import SEOUL
from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.score.components import LANGUAGES, Language
from matching_spark.service.pages import words
from matching_spark.service.pages.contexts import FACTS, Page

STATIC = "/static/"  # where the service gives the files below
TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
SIGN_IN = "/office/sign-in"
CARRIED = "typed."  # before the name of a field of another form, in the form that signs in
NAMED = 12  # hexadecimal digits of a file's hash in its name
# What a page may do: its own files, nothing inline, nobody's frame. Photos are the service's.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


@dataclass(frozen=True)
class Asset:
    """A file that pages load. Its name has its hash, so that it may be kept for ever."""

    name: str
    body: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Those that the service gives, by the name in their address: app.1a2b3c4d5e6f.css."""
    out = {}
    for file in (files("matching_spark.service.pages") / "static").iterdir():
        stem, _, end = file.name.rpartition(".")
        if end in TYPES:
            body = file.read_bytes()
            name = f"{stem}.{hashlib.sha256(body).hexdigest()[:NAMED]}.{end}"
            out[name] = Asset(file.name, body, TYPES[end])
    return MappingProxyType(out)


@cache
def asset(name: str) -> str:
    """The address of a file of static/. Raises KeyError for one that is not there."""
    return STATIC + {each.name: named for named, each in assets().items()}[name]


def post_url(post_id: str) -> str:
    """The office's page of a post, whatever stands in its id."""
    return f"/office/posts/{quote(post_id, safe='')}"


def similar_url(post_id: str, more: bool = False) -> str:
    """The office's search for what is like a post. more: not only for what is most."""
    return f"/office/search?post={quote(post_id, safe='')}{'&more=yes' if more else ''}"


def pair_url(lost_id: str, found_id: str) -> str:
    """The office's page of a pair."""
    return f"/office/review?lost={quote(lost_id, safe='')}&found={quote(found_id, safe='')}"


def sign_in_url(after: str) -> str:
    """The office's page that signs in, and leads to another of its pages."""
    return f"{SIGN_IN}?{urlencode({'after': after})}"


def helpers(language: Language, csrf: str, now: dt.datetime) -> dict[str, Any]:
    """What every template may use beside its context. csrf: the token of each of its forms; now:
    aware; days are those of Seoul."""
    today = now.astimezone(SEOUL).date()
    other = next(each for each in LANGUAGES if each != language)
    return {
        "language": language,
        "csrf": csrf,
        "other_language": other,
        "today": today,
        "say": partial(words.say, language=language),
        "say_in_other": partial(words.say, language=other),
        "value": partial(words.value, language=language),
        "own": partial(words.own, language=language),
        "day": partial(words.day, language=language, today=today),
        "days": partial(words.days, language=language, today=today),
        "moment": partial(words.moment, language=language, today=today),
        "reasons": partial(words.why, language=language),
        "choices": {name: list(each.words) for name, each in OF_FACTS.items()},
        "fact_names": FACTS,
        "carried": CARRIED,
        "asset": asset,
        "post_url": post_url,
        "similar_url": similar_url,
        "pair_url": pair_url,
    }


@cache
def environment() -> Environment:
    """Templates of the package alone; what they lack is an error, what they show is escaped."""
    return Environment(
        loader=PackageLoader("matching_spark.service.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def prepare() -> None:
    """Compile every template and hash every file, so that nobody's first page waits for it."""
    for name in environment().list_templates():
        environment().get_template(name)
    words.table()
    assets()


def render(context: Page, language: Language, csrf: str, now: dt.datetime | None = None) -> str:
    """The page of a context. csrf: the token of its forms. now: None is this moment; an aware time,
    which tells this year."""
    known = helpers(language, csrf, now or dt.datetime.now(SEOUL))
    shown = {each.name: getattr(context, each.name) for each in fields(context)}
    return environment().get_template(context.template).render(known | shown)
