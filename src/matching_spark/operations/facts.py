"""What the settings add to posts and queries: where their place lies, hashes of their numbers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.identifiers import Seal
from matching_spark.domain.personal import numbers, public
from matching_spark.domain.points import Point
from matching_spark.domain.posts import FREE_TEXT, MAX_TEXT, Post, Reject, checked
from matching_spark.domain.schema import POINT
from matching_spark.domain.vocabulary import OF_FACTS, Seen, word_of_post
from matching_spark.errors import InputError, UsageError
from matching_spark.search.query import Query
from matching_spark.table.posts_table import PostsTable

if TYPE_CHECKING:
    from matching_spark.sources.places import Places

NOT_KEPT = "number of a thing, not kept"  # what `Seen` notes


def with_facts(
    posts: Iterable[Post | Reject], settings: Settings, seen: Seen
) -> Iterator[Post | Reject]:
    """The posts with hashes of their numbers, which are cut out later, and the point of their
    place."""
    seals, point_of = _seals(settings), _points(settings)
    for post in posts:
        if isinstance(post, Reject):
            yield post
            continue
        if seals:
            sealed = _of(seals, [getattr(post, name)[:MAX_TEXT] for name in FREE_TEXT])
            for number in post.numbers:
                try:
                    sealed |= {each for seal in seals for each in seal.of_number(number)}
                except InputError as error:
                    yield Reject(post.read_from, post.post_id, "bad-identifier", str(error))
            post = replace(post, identifiers=tuple(sorted(sealed)))
        else:
            texts = (getattr(post, name)[:MAX_TEXT] for name in FREE_TEXT)
            kinds = [kind for text in texts for kind, _ in numbers(text)]
            for kind in [*kinds, *("column" for _ in post.numbers)]:
                seen.note(NOT_KEPT, f"{kind}; set identifiers.key, by which hashes are compared")
        if post.latitude is None and (point := point_of(post)) is not None:
            post = replace(post, latitude=point[0], longitude=point[1])
        yield replace(post, numbers=()) if post.numbers else post


def told(post: Post, settings: Settings) -> Post:
    """The post as one of any source is: by the vocabularies' words, without personal numbers.
    Raises InputError for one that cannot be kept."""
    words: dict[str, Any] = {n: word_of_post(n, getattr(post, n)) for n in OF_FACTS}
    (kept,) = with_facts([replace(post, **words)], settings, Seen())
    if isinstance(kept, Reject):
        raise InputError(kept.detail)
    return checked(kept)


def with_changes(was: Post, changes: Mapping[str, Any], settings: Settings) -> Post:
    """The post with other fields, as `told` makes it. As in an ingest, coordinates go when their
    place changes, and numbers stay until others are found: its words have lost them."""
    post = told(replace(was, **changes), settings)
    if post.place != was.place and not changes.keys() & {*POINT}:
        post = told(replace(post, latitude=None, longitude=None), settings)
    return post if post.identifiers else replace(post, identifiers=was.identifiers)


def with_numbers(query: Query, settings: Settings, identifiers: Sequence[str] = ()) -> Query:
    """The query, whose words lose their numbers, with hashes of those and of other numbers.

    Raises UsageError where numbers are given and there is no key, InputError for what is no number.
    """
    seals = _seals(settings)
    if identifiers and not seals:
        raise UsageError(
            "an identifier is compared by its keyed hash: set identifiers.key to the key that "
            "`ingest` had",
            argument="identifier",
        )
    if seals:
        hashes = {*query.identifiers} | _of(seals, [query.text or ""])
        hashes |= {h for seal in seals for each in identifiers for h in seal.of_number(each)}
        query = replace(query, identifiers=tuple(sorted(hashes)))
    if query.text and (words := public(query.text)):  # as those of posts are embedded
        query = replace(query, text=words)
    return query


def check_key(table: PostsTable, settings: Settings) -> str | None:
    """The name of the key that the table's numbers are hashes by; None where it has had none.

    Raises UsageError where it is neither of the settings' keys: every number would seem another.
    """
    named, seals = table.state.identifier_key, _seals(settings)
    if named is not None and seals and named not in {seal.name for seal in seals}:
        raise UsageError(
            f"{table.uri} has hashes of numbers by another key than identifiers.key is now; set "
            "that one again, or to give it up for this one, set it as identifiers.former_key and "
            "ingest again"
        )
    return named


def note_key(table: PostsTable, settings: Settings) -> None:
    """Have the table say by which key its numbers are hashed from now on. Raises as `check_key`."""
    named, seals = check_key(table, settings), _seals(settings)
    if seals and named != seals[0].name:
        table.set_identifier_key(seals[0].name)


def placed(query: Query, settings: Settings) -> Query:
    """The query with the point of its place, where settings have it and it does not."""
    asks = query.place and query.latitude is None
    point = _points(settings)(query) if asks else None
    return query if point is None else replace(query, latitude=point[0], longitude=point[1])


def _seals(settings: Settings) -> list[Seal]:
    """By the key, then by the former key, which it replaces; none without a key."""
    keys = settings.identifiers
    return [Seal(key) for key in (keys.key, keys.former_key if keys.key else None) if key]


def _of(seals: Iterable[Seal], texts: Sequence[str]) -> set[str]:
    """The hashes of the numbers that stand in texts."""
    return {each for seal in seals for each in seal.of(texts)}


def _points(settings: Settings) -> Callable[[Post | Query], Point | None]:
    if (uri := settings.similarity.places) is None:
        return lambda told: None
    places = _read(uri, storage.written(uri))
    return lambda told: places.point_in(told.place, told.region)


@lru_cache(maxsize=1)  # a service asks again and again
def _read(uri: str, written: float | None) -> "Places":
    from matching_spark.sources.places import read_places  # with all that reads posts

    return read_places(uri)
