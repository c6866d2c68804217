"""Posts as the journal's events tell them: what is written of one, and events folded into posts.

The content of every event of a post is the whole post as it is after it, its state too. So the last
event is all that needs to be known, and an edit of a post that only the table has can be read
without the table.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matching_spark.domain.dates import parse_date
from matching_spark.domain.posts import Post
from matching_spark.domain.schema import TOLD
from matching_spark.errors import InputError, StorageError
from matching_spark.journal.events import PostAdded, PostClosed, PostEdited, SubjectForgotten
from matching_spark.journal.store import Content, Record

OF_POST = PostAdded | PostEdited | PostClosed
_ERASED = "post:"  # how the subject of a post begins


@dataclass(frozen=True)
class StoredPost:
    """A post as it is kept. source: who gives it its id. sequence: of its changes, from 1.
    photos: sha256 of the bytes as they came, the cover first; of a vector that came without its
    photo, the vector's, as the table has it. bare: these, of which there is nothing to show.
    """

    post: Post
    source: str
    sequence: int
    photos: tuple[str, ...]
    updated_at: dt.datetime
    bare: frozenset[str] = frozenset()

    @property
    def shown(self) -> tuple[str, ...]:
        """The photos that are kept, to be shown: of a withdrawn post none."""
        if self.post.status == "withdrawn":
            return ()
        return tuple(sha for sha in self.photos if sha not in self.bare)

    def content(self) -> Content:
        """What an event of it holds."""
        told = {name: getattr(self.post, name) for name in TOLD}
        day = told["happened_on"]
        numbers = self.post.identifiers
        return {
            "post": told | {"happened_on": None if day is None else day.isoformat()},
            "source": self.source,
            "sequence": self.sequence,
            "photos": list(self.photos),
            "identifiers": None if numbers is None else list(numbers),
        } | ({"bare": sorted(self.bare)} if self.bare else {})


@dataclass(frozen=True)
class Change:
    """What events made of a post. sequence: the journal's, of the last of them; stored: None where
    the post was erased."""

    post_id: str
    sequence: int
    stored: StoredPost | None


def folded(
    records: Sequence[Record], contents: Mapping[str, Content], before: Mapping[str, Change] = {}
) -> dict[str, Change]:
    """`before` with what the records, in their order, change of posts.

    contents: by event id, of the records that have one still. Raises StorageError for a content
    that is none of a post.
    """
    out = dict(before)
    for record in records:
        event = record.event
        if (post_id := _erased(record)) is not None:
            out[post_id] = Change(post_id, record.sequence, None)
        elif isinstance(event, OF_POST):
            if not record.sealed:  # it would seem one whose content was erased
                raise StorageError(
                    f"event {record.sequence} of the journal, {event.tag} of {event.post_id}, was "
                    "written without its post: install the version of matching-spark that wrote it"
                )
            content = contents.get(record.event_id)
            stored = None if content is None else stored_of(content, record)
            out[event.post_id] = Change(event.post_id, record.sequence, stored)
    return out


def erased(records: Sequence[Record]) -> dict[str, int]:
    """Post -> the sequence of the last record that says that it was erased; it may have come again
    since."""
    said = ((_erased(each), each.sequence) for each in records)
    return {post_id: sequence for post_id, sequence in said if post_id is not None}


def _erased(record: Record) -> str | None:
    """The post that a record says was erased."""
    event = record.event
    if isinstance(event, SubjectForgotten) and event.subject.startswith(_ERASED):
        return event.subject.removeprefix(_ERASED)
    return None


def stored_of(content: Content, record: Record) -> StoredPost:
    """The post of an event's content. Raises StorageError where it is none."""
    try:
        told: dict[str, Any] = {name: content["post"][name] for name in TOLD}
        told["happened_on"] = parse_date(told["happened_on"])
        numbers = content["identifiers"]
        post = replace(Post(**told), identifiers=None if numbers is None else tuple(numbers))
        photos, bare = tuple(content["photos"]), frozenset(content.get("bare", ()))
        return StoredPost(post, content["source"], content["sequence"], photos, record.at, bare)
    except (KeyError, TypeError, InputError) as error:
        raise StorageError(
            f"event {record.sequence} of the journal has no whole post ({error}): install the "
            "version of matching-spark that wrote it"
        ) from None
