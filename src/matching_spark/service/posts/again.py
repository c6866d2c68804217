"""A write that is sent again, as its answer was lost, or that comes too late."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from matching_spark.config import Settings
from matching_spark.errors import NotFoundError, StaleError
from matching_spark.journal.events import PostClosed, PostEdited
from matching_spark.journal.posts import StoredPost, stored_of
from matching_spark.journal.store import Journal, used
from matching_spark.journal.subjects import is_newer
from matching_spark.operations.facts import told

Check = Callable[[Connection], None]  # as Journal.append's


class Overtaken(Exception):
    """Another process has written of a post since it was read."""


def name_of(who: str, key: str | None) -> str:
    """32 hexadecimal digits for what is new: of a retry the same, as its answer has to be."""
    if key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{who}\0{key}".encode()).hexdigest()[:32]


def changed_by(
    journal: Journal,
    settings: Settings,
    post_id: str,
    changes: Mapping[str, Any],
    who: str,
    key: str | None,
) -> StoredPost | None:
    """The post as who's key has changed it; None where the key is new, or there is none.

    Raises InputError where the key was used for another post, or for other values of these fields;
    NotFoundError for a post that was erased since.
    """
    if key is None or (record := journal.written(who, key)) is None:
        return None
    event = record.event
    if not isinstance(event, PostEdited | PostClosed) or event.post_id != post_id:
        raise used(key)
    if ("status" in changes) != (isinstance(event, PostClosed) or event.changed == ("status",)):
        raise used(key)  # of a change of fields, and now of the state, or the other way round
    content = journal.contents([record.event_id]).get(record.event_id)
    if content is None:
        raise NotFoundError(f"there is no post {post_id!r}")
    stored = stored_of(content, record)
    wanted = told(replace(stored.post, **changes), settings)
    if any(getattr(wanted, name) != getattr(stored.post, name) for name in changes):
        raise used(key)
    return stored


def unchanged(post_id: str, upto: int) -> Check:
    """Raises Overtaken where there is an event of a post after the sequence `upto`."""

    def check(of: Connection) -> None:
        if is_newer(f"post:{post_id}", upto, of):
            raise Overtaken

    return check


def check_seen(stored: StoredPost, sequence: int | None) -> None:
    """Raise StaleError where a post is not as who asks has seen it, where they say so."""
    if sequence is not None and stored.sequence != sequence:
        raise StaleError(
            f"post {stored.post.post_id!r} has changed since you read it: read it again, and "
            "change it then"
        )
