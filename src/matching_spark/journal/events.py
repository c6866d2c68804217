"""The events of the journal, and their JSON.

An event says what was done and to what, by ids and words of the vocabulary alone. What a person
wrote, and how to reach them, is its content, which is sealed apart (store.Journal.append): an event
is never erased, so nothing in it may have to be.
"""

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, get_args, get_origin

from matching_spark.domain.posts import CONTROL, KINDS, MAX_ID, Kind, Status
from matching_spark.errors import InputError, StorageError, unknown

Verdict = Literal["confirmed", "rejected", "unsure"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
CLOSED: tuple[Status, ...] = ("claimed", "withdrawn", "expired")
MAX_NAMES = 64  # fields of an edit
# An id of the service's own: no address of mail, no name, no telephone number fits.
OPAQUE = re.compile(r"[a-z]{1,16}-[0-9a-f]{32}|system")


@dataclass(frozen=True)
class _OfPost:
    """What is of one post."""

    post_id: str

    def __post_init__(self) -> None:
        _id("post_id", self.post_id)

    @property
    def subject(self) -> str:
        return f"post:{self.post_id}"


@dataclass(frozen=True)
class PostAdded(_OfPost):
    """A post was registered. source: who gives it its id, as the table's column has it."""

    tag: ClassVar = "post-added"
    kind: Kind
    category: str
    source: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _choice("kind", self.kind, KINDS)
        _word("category", self.category)
        _word("source", self.source)


@dataclass(frozen=True)
class PostEdited(_OfPost):
    """Fields of a post have new values; which they are, its content says."""

    tag: ClassVar = "post-edited"
    changed: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.changed) <= MAX_NAMES:
            raise InputError(f"changed names {len(self.changed)} fields: name 1 to {MAX_NAMES}")
        for name in self.changed:
            if not re.fullmatch(r"[a-z_]{1,64}", name):
                raise InputError(f"changed has {name[:80]!r}, which is no field of a post")


@dataclass(frozen=True)
class PostClosed(_OfPost):
    """A post is over."""

    tag: ClassVar = "post-closed"
    status: Status

    def __post_init__(self) -> None:
        super().__post_init__()
        _choice("status", self.status, CLOSED)


@dataclass(frozen=True)
class PairDecided:
    """Somebody said whether a lost and a found post are of one thing."""

    tag: ClassVar = "pair-decided"
    lost_id: str
    found_id: str
    verdict: Verdict
    subject: ClassVar[str | None] = None  # of two posts: it has no content

    def __post_init__(self) -> None:
        _id("lost_id", self.lost_id)
        _id("found_id", self.found_id)
        _choice("verdict", self.verdict, VERDICTS)


@dataclass(frozen=True)
class InterestTold:
    """Whoever lost a thing said that a found one may be it: the office is told to them from now on.

    It is the lost post's, and has an empty content, so that it is found by it.
    """

    tag: ClassVar = "interest-told"
    lost_id: str
    found_id: str

    def __post_init__(self) -> None:
        _id("lost_id", self.lost_id)
        _id("found_id", self.found_id)

    @property
    def subject(self) -> str:
        return f"post:{self.lost_id}"


@dataclass(frozen=True)
class _OfContact(_OfPost):
    """What is of an address that was left with a post. contact_id: contact- and 32 hex digits."""

    contact_id: str

    def __post_init__(self) -> None:
        super().__post_init__()
        opaque("contact_id", self.contact_id)


@dataclass(frozen=True)
class ContactGiven(_OfContact):
    """An address was left with a post, in place of one before; it is the content."""

    tag: ClassVar = "contact-given"


@dataclass(frozen=True)
class ContactConfirmed(_OfContact):
    """Who reads the mails of an address wants those of the post. Its content is empty."""

    tag: ClassVar = "contact-confirmed"


@dataclass(frozen=True)
class ContactRemoved(_OfContact):
    """No mail goes to an address any more. Its content is empty."""

    tag: ClassVar = "contact-removed"


@dataclass(frozen=True)
class _OfAccount:
    """What is of one who may sign in. account_id: account- and 32 hex digits."""

    account_id: str

    def __post_init__(self) -> None:
        opaque("account_id", self.account_id)

    @property
    def subject(self) -> str:
        return f"account:{self.account_id}"


@dataclass(frozen=True)
class AccountMade(_OfAccount):
    """Somebody may sign in; name and hash of the password are its content."""

    tag: ClassVar = "account-made"


@dataclass(frozen=True)
class PasswordChanged(_OfAccount):
    """An account has another password; its content is in place of the one before."""

    tag: ClassVar = "password-changed"


@dataclass(frozen=True)
class SubjectForgotten:
    """Every content of a post or an account was erased: store.Journal.forget writes it."""

    tag: ClassVar = "subject-forgotten"
    subject: str  # post:ID or account:ID

    def __post_init__(self) -> None:
        kind, _, name = self.subject.partition(":")
        _choice("the subject's kind", kind, ("post", "account"))
        _id("subject", name)


OfPost = PostAdded | PostEdited | PostClosed | PairDecided
OfPerson = InterestTold | ContactGiven | ContactConfirmed | ContactRemoved
OfAccount = AccountMade | PasswordChanged
Event = OfPost | OfPerson | OfAccount | SubjectForgotten
VERSION = 1  # of every event's body; a change of one of them makes it 2, and decode reads both
_BY_TAG: dict[str, type[Event]] = {each.tag: each for each in get_args(Event)}


def named(event: Event) -> list[str]:
    """Every post and account (post:ID, account:ID) that an event names, its subject among them."""
    posts = [getattr(event, name, None) for name in ("lost_id", "found_id")]
    return [f"post:{each}" for each in posts if each] or [str(event.subject)]


def encode(event: Event) -> str:
    """Its body: tag, version and fields as JSON, always the same text for the same event."""
    return canonical({"tag": event.tag, "version": VERSION, **asdict(event)})


def decode(body: str) -> Event:
    """The event of a body.

    Raises StorageError that names a tag, a version or a field that this version does not know.
    """
    try:
        said = json.loads(body)
        tag, version = said.pop("tag"), said.pop("version")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise StorageError("an event of the journal is no tagged JSON: restore a backup") from None
    newer = "install the version of matching-spark that wrote it"
    kind = _BY_TAG.get(tag) if isinstance(tag, str) else None
    if kind is None:
        raise StorageError(f"the journal has an event {tag!r}, which is not known: {newer}")
    if version != VERSION:
        raise StorageError(f"the journal has {tag} of version {version!r}, not {VERSION}: {newer}")
    wanted = {each.name: each.type for each in fields(kind)}
    if differ := sorted(said.keys() ^ wanted.keys()):
        raise StorageError(f"{tag} of the journal differs in its fields {differ}: {newer}")
    try:
        values: dict[str, Any] = {n: _value(n, wanted[n], said[n]) for n in wanted}
        return kind(**values)
    except InputError as error:
        raise StorageError(f"{tag} of the journal cannot be read: {error}; {newer}") from None


def canonical(value: object) -> str:
    """JSON without spaces, keys in order. Raises InputError for what JSON has not."""
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
        text.encode()  # half an emoji has no UTF-8
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"what is to be written has no JSON: {error}") from None
    return text


def opaque(name: str, value: str) -> None:
    """Raise InputError unless it is an id of the service's own, or `system`: the journal keeps
    who wrote for ever, so it may not be somebody's name or address."""
    if not OPAQUE.fullmatch(value):
        raise InputError(
            f"{name} is no id of the service: a word, a hyphen and 32 hexadecimal digits, "
            "never a person's name or address",
            argument=name,
        )


def _value(name: str, wanted: object, value: Any) -> str | tuple[str, ...]:
    if get_origin(wanted) is tuple:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
    elif isinstance(value, str):
        return value
    raise InputError(f"{name} is not of its type")


def _id(name: str, value: str) -> None:
    if not value or len(value) > MAX_ID or re.search(CONTROL, value):
        raise InputError(f"{name} is empty, over {MAX_ID} characters, or has control characters")


def _word(name: str, value: str) -> None:
    if len(value) > 64 or re.search(CONTROL, value):
        raise InputError(f"{name} is over 64 characters, or has control characters")


def _choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(unknown(name, value[:80], choices))
