"""What each page of the office shows, as `contexts` has those of a person."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from matching_spark.domain.posts import Kind, Status
from matching_spark.journal.events import Verdict
from matching_spark.service.pages.contexts import Page, Picture, Typed, Wrong


@dataclass(frozen=True, kw_only=True)
class OfficePage(Page):
    """What every page of the office has. who: the name of the account that is signed in."""

    who: str


@dataclass(frozen=True, kw_only=True)
class SignInPage(Page):
    """GET and POST /office/sign-in. after: the page of the office that was asked for. typed: the
    form that came without a session, which is shown once there is one."""

    template: ClassVar[str] = "sign_in.html"
    name: str = ""
    failed: bool = False
    after: str = "/office"
    typed: Typed | None = None


@dataclass(frozen=True, kw_only=True)
class SendPage(OfficePage):
    """After POST /office/sign-in: the form that came without a session, to be sent from here."""

    template: ClassVar[str] = "send.html"
    typed: Typed


@dataclass(frozen=True, kw_only=True)
class PasswordPage(OfficePage):
    """GET and POST /office/password. least: characters of a new one."""

    template: ClassVar[str] = "password.html"
    least: int
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a history. who: a name, or '' for the service itself; what: words.txt's `did.*`;
    said: a status or a verdict; changed: fields."""

    at: dt.datetime
    who: str
    what: Literal["added", "edited", "closed", "opened", "decided"]
    said: Status | Verdict | Literal[""] = ""
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A post as the office sees it, every field; also what the fields of a form are filled with."""

    post_id: str = ""
    kind: Kind = "found"
    status: Status = "open"
    title: str = ""
    category: str = ""
    colour: str = ""
    region: str = ""
    place: str = ""
    day: dt.date | None = None
    description: str = ""
    kept_at: str = ""
    kept_phone: str = ""
    photos: tuple[Picture, ...] = ()
    expires: dt.date | None = None
    source: str = ""
    sequence: int = 0
    saved: dt.datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """A proposed pair in a queue. likely: as told.told says it, '28 %, worth a look'."""

    lost: Thing
    found: Thing
    likely: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """How the service is. waiting: events that the table does not have yet; model: its name."""

    lost: int
    found: int
    waiting: int
    model: str
    snapshot: str = ""
    outdated: str = ""
    merged: dt.datetime | None = None
    matched: dt.datetime | None = None


Unfolded = Literal["", "today", "expiring"]  # a queue of the desk


@dataclass(frozen=True, kw_only=True)
class DeskPage(OfficePage):
    """GET /office: the first of each queue, how many there are, and how the service is. arrived:
    found things registered today. more: the queue of which more is shown.
    """

    template: ClassVar[str] = "desk.html"
    counts: tuple[int, int, int]  # of arrived, pairs, expiring
    arrived: tuple[Thing, ...] = ()
    pairs: tuple[Pairing, ...] = ()
    expiring: tuple[Thing, ...] = ()
    more: Unfolded = ""
    state: State


@dataclass(frozen=True, kw_only=True)
class RegisterPage(OfficePage):
    """GET and POST /office/found/new. First a photo alone; then, `draft` standing for it, the form
    with what the model suggests of it filled in.

    suggested: the names of the fields whose value is a suggestion.
    """

    template: ClassVar[str] = "register.html"
    draft: str = ""
    thing: Thing = Thing()
    suggested: tuple[str, ...] = ()
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


@dataclass(frozen=True)
class Differing:
    """A field whose value was typed, and is another one in what is saved now."""

    name: str
    now: str | dt.date | None
    typed: str | dt.date | None


# Why what was typed is not saved: somebody was first, or it is registered already.
Again = Literal["", "conflict", "registered"]


@dataclass(frozen=True, kw_only=True)
class PostPage(OfficePage):
    """GET /office/posts/{id}, and its edit and close.
    similar: whether there is something to search by. seen: what its form was filled with
    (fields.seen_of). again: the form has what was typed and is not saved; differing: the fields in
    which what is saved is another, of a conflict those that both have changed.
    """

    template: ClassVar[str] = "post.html"
    thing: Thing
    history: tuple[Entry, ...] = ()
    similar: bool = True
    seen: str = ""
    again: Again = ""
    differing: tuple[Differing, ...] = ()
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


# What of a thing is compared with another's.
ComparedName = Literal["category", "colour", "region", "place", "day", "title", "description"]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A fact of a pair, whose values its two things have. differs: None where a side does not tell;
    note: how far apart, '2 days later'.
    """

    name: ComparedName
    differs: bool | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Undo:
    """The decision just made, and what puts it back: POST /office/decisions with `verdict`."""

    lost_id: str
    found_id: str
    said: Verdict
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class ReviewPage(OfficePage):
    """GET /office/review: one pair side by side; None where none is left.

    compared: facts. why: a sentence of score.explain. decided: the last verdict. number: which of
    `count` it is, 0 of one that is decided. previous, next: addresses of the pairs beside it, '' at
    an end; from one that is decided the first that is left.
    """

    template: ClassVar[str] = "review.html"
    pair: Pairing | None
    compared: tuple[Compared, ...] = ()
    why: str = ""
    decided: Verdict | Literal[""] = ""
    history: tuple[Entry, ...] = ()
    number: int = 0
    count: int = 0
    previous: str = ""
    next: str = ""
    undo: Undo | None = None


@dataclass(frozen=True)
class Wanted:
    """The fields of the office's search, as its address has them."""

    words: str = ""
    kind: Kind = "found"
    status: Status | Literal[""] = "open"
    category: str = ""
    colour: str = ""
    region: str = ""
    since: dt.date | None = None
    until: dt.date | None = None


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A post that was found. likely: as told.told says it; why: a sentence of score.explain."""

    thing: Thing
    likely: str
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class OfficeSearchPage(OfficePage):
    """GET and POST /office/search. hits: None before anything was asked; searched, seconds: posts
    compared, and how long it took; complete: all were. full: as many are told as are at most, and
    others may fit, too. deep: no more can be asked for. asked: a photo that was searched by. like:
    the post that was."""

    template: ClassVar[str] = "office_search.html"
    wanted: Wanted = Wanted()
    like: Thing | None = None
    asked: str = ""
    hits: tuple[Hit, ...] | None = None
    searched: int = 0
    seconds: float = 0.0
    complete: bool = True
    full: bool = False
    deep: bool = False
    wrong: Mapping[str, Wrong] = field(default_factory=dict)
