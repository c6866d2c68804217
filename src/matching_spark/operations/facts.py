"""What settings add to posts and questions: where their place lies, hashes of their numbers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from matching_spark.config import Settings
from matching_spark.domain.identifiers import Seal
from matching_spark.domain.personal import numbers, public
from matching_spark.domain.points import Point
from matching_spark.domain.posts import FREE_TEXT, MAX_TEXT, Post, Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import UsageError
from matching_spark.search.query import Query
from matching_spark.sources.places import plain, read_places

NOT_KEPT = "number of a thing, not kept"  # what `Seen` notes


def with_facts(
    posts: Iterator[Post | Reject], settings: Settings, seen: Seen
) -> Iterator[Post | Reject]:
    """The posts, before their numbers are cut, with hashes of them and the point of their place."""
    seal, point_of = _seal(settings), _points(settings)
    for post in posts:
        if isinstance(post, Reject):
            yield post
            continue
        texts = [getattr(post, name)[:MAX_TEXT] for name in FREE_TEXT]
        if seal is None:
            for kind, _ in (number for text in texts for number in numbers(text)):
                seen.note(NOT_KEPT, f"{kind}; set identifiers.key, by which hashes are compared")
        else:
            post = replace(post, identifiers=seal.of(texts))
        if post.latitude is None and (point := point_of(post.place)) is not None:
            post = replace(post, latitude=point[0], longitude=point[1])
        yield post


def with_numbers(query: Query, settings: Settings, identifiers: Sequence[str] = ()) -> Query:
    """The query, whose words lose their numbers, with hashes of those and of other numbers.

    Raises UsageError where numbers are given and there is no key, InputError for what is no number.
    """
    seal = _seal(settings)
    if identifiers and seal is None:
        raise UsageError(
            "an identifier is compared by its keyed hash: set identifiers.key to the key that "
            "`ingest` had",
            argument="identifier",
        )
    if seal is not None:
        hashes = {*query.identifiers, *seal.of([query.text or ""])}
        hashes.update(*(seal.of_number(each) for each in identifiers))
        query = replace(query, identifiers=tuple(sorted(hashes)))
    if query.text and (words := public(query.text)):  # as those of posts are embedded
        query = replace(query, text=words)
    return query


def placed(query: Query, settings: Settings) -> Query:
    """The query with the point of its place, where settings have it and it does not."""
    asks = query.place and query.latitude is None
    point = _points(settings)(query.place) if asks else None
    return query if point is None else replace(query, latitude=point[0], longitude=point[1])


def _seal(settings: Settings) -> Seal | None:
    key = settings.identifiers.key
    return None if key is None else Seal(key)


def _points(settings: Settings) -> Callable[[str], Point | None]:
    if settings.similarity.places is None:
        return lambda place: None
    places = read_places(settings.similarity.places)
    return lambda place: places.get(plain(place))
