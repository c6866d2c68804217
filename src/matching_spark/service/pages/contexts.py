"""What each page shows: one frozen dataclass a page, which its template takes and nothing else.

A template looks nothing up, so what a person's page has no field for cannot be shown: no score, no
id, no path. Words of the vocabularies are the Korean ones; a photo's addresses, `claim`, `asked`,
`token` and `draft` are opaque. Empty strings and None mean "not known".
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from matching_spark.errors import PhotoReason

# Why two things may be one, as a person is told it: what is the same, then what is alike or fits.
Reason = (
    Literal["category", "colour", "region", "place", "identifier"]
    | Literal["photo", "words", "near", "days"]
)
FactName = Literal["category", "colour", "region", "place", "day"]
FACTS: tuple[FactName, ...] = ("category", "colour", "region", "place", "day")
# What is wrong with a field of a form: its words are words.txt's `wrong.*`.
Wrong = Literal[
    "needed",
    "day",
    "order",
    "address",
    "unknown",
    "long",
    "link",
    "gone",
    "password",
    "short",
    "over",
    "often",
    PhotoReason,
]
# A line above the page, once, about what was just done: words.txt's `notice.*`.
Notice = Literal[
    "",
    "saved",
    "merged",
    "registered",
    "closed",
    "opened",
    "edited",
    "asked",
    "signed-out",
    "decided",
    "password",
]
NotAsked = (
    Literal["bad-request", "invalid", "nothing-asked", "no-such-method", "key-reused"]
    | Literal["search-over"]
)
Refused = Literal["sign-in", "sign-in-failed", "form-expired", "elsewhere"]
Missing = Literal["not-found", "gone", "conflict"]
TooMuch = Literal["too-large", "photo-too-large", "photo-unreadable", "too-many", "too-slow"]
NotNow = Literal["busy", "unavailable", "error"]
ProblemKind = NotAsked | Refused | Missing | TooMuch | NotNow


@dataclass(frozen=True, kw_only=True)
class Page:
    """What every page has. here: its own address, which the switch of languages comes back to, with
    what names it in a query; '' where it cannot be asked for again.
    """

    template: ClassVar[str]
    here: str = ""
    notice: Notice = ""


@dataclass(frozen=True)
class Picture:
    """A photo by its addresses: small on cards and in lists, large when opened."""

    small: str
    large: str


@dataclass(frozen=True)
class Told:
    """What is known of a thing that is looked for, as a form has it: POST /search and /losses."""

    words: str = ""
    category: str = ""
    colour: str = ""
    region: str = ""
    place: str = ""
    day: dt.date | None = None


# What of a form is told in words; the rest names what it is of.
TYPED = (
    *("words", "title", "category", "colour", "region", "place", "day", "description"),
    *("kept_at", "kept_phone", "kind", "status", "since", "until", "verdict", "address", "photo"),
)


@dataclass(frozen=True)
class Typed:
    """A form that is not done yet. to: where it goes; fields: each name with what it says, but for
    secrets; `photo` is a file's name, and the file is not there any more."""

    to: str
    fields: tuple[tuple[str, str], ...]

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """The fields that have words."""
        return tuple(each for each in self.fields if each[0] in TYPED and each[1].strip())


@dataclass(frozen=True, kw_only=True)
class Card:
    """A found thing as the public may see it (service.public).

    title: '' or the category is shown as the category, in the page's language. until: the last day,
    where only the week is told and `day` is its first. came: the day it was registered, on the page
    of one's own loss. claim: what POST /interest is given, '' where nothing can be said. office,
    phone: who keeps it, once 'this may be mine' was said.
    """

    category: str
    title: str = ""
    place: str = ""
    day: dt.date | None = None
    until: dt.date | None = None
    came: dt.date | None = None
    photo: Picture | None = None
    why: tuple[Reason, ...] = ()
    claim: str = ""
    office: str = ""
    phone: str = ""


@dataclass(frozen=True)
class Asking:
    """The question about a list in doubt: a fact to ask a person for. answers: the likeliest first,
    of what a list or a card has; a day has none."""

    fact: FactName
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HomePage(Page):
    """GET /: what was lost? demo: whether the things are drawn ones, which the page then says.
    address: as it was typed into the form of a loss, of which nothing but a new photo is wanted."""

    template: ClassVar[str] = "home.html"
    told: Told = Told()
    address: str = ""
    wrong: Mapping[str, Wrong] = field(default_factory=dict)
    demo: bool = False


@dataclass(frozen=True, kw_only=True)
class ResultsPage(Page):
    """POST /search: what was understood, and what looks like it.

    asked: stands for the photo and the words that were searched, so that neither is sent again; a
    later POST /search with it takes category, colour, region, place and day from its fields alone
    (an empty one is not known, whatever the words say), `off` names a fact to take away, `skip`
    facts that are not to be asked for. photo: whether a photo was searched. needed: the facts that
    cannot be taken away, as there is nothing else to search by. nothing: it is most likely not
    here. complete: all was looked at. full: as many are shown as are at most, and others may look
    like it, too.
    """

    template: ClassVar[str] = "results.html"
    asked: str
    told: Told
    photo: bool = False
    likely: tuple[Card, ...] = ()
    look: tuple[Card, ...] = ()
    nothing: bool = False
    complete: bool = True
    full: bool = False
    question: Asking | None = None
    skipped: tuple[FactName, ...] = ()
    needed: tuple[FactName, ...] = ()
    mail: bool = False  # whether the service can write mails: an address is asked for
    address: str = ""  # as it was typed before
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RegisteredPage(Page):
    """After POST /losses. link: the private address, token in its fragment, shown this once;
    written: the address to which a mail went out to confirm it, which may be mistyped; often:
    whether it was asked too often today, and is not kept."""

    template: ClassVar[str] = "registered.html"
    link: str
    written: str = ""
    often: bool = False


@dataclass(frozen=True, kw_only=True)
class ClaimedPage(Page):
    """After POST /interest: who keeps it, and what to do. link: the private address of the loss,
    where it was registered by this.
    """

    template: ClassVar[str] = "claimed.html"
    card: Card
    link: str = ""


LossState = Literal["waiting", "matched", "claimed", "withdrawn", "expired"]
MailState = Literal["none", "unconfirmed", "confirmed"]


@dataclass(frozen=True, kw_only=True)
class DoorPage(Page):
    """GET /mine: asks for the private link, whose token the server has not seen yet.

    The script takes it from the fragment and posts it at once as the field `link` of POST /mine;
    without a script it is pasted there, the whole link or what is after its #. link: as it was
    pasted, where it opens nothing.
    """

    template: ClassVar[str] = "door.html"
    link: str = ""
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MinePage(Page):
    """POST /mine: one's own loss. token: of the private link, for the forms of this page. seen:
    what its form was filled with (fields.seen_of). typed, address, no_mail: what was sent and is
    not kept, as something of it is wrong.
    """

    template: ClassVar[str] = "mine.html"
    token: str
    state: LossState
    told: Told
    photo: Picture | None = None
    registered: dt.date
    cards: tuple[Card, ...] = ()  # the newest first
    mail: MailState = "none"
    can_mail: bool = False
    seen: str = ""
    typed: Told | None = None
    address: str = ""
    no_mail: bool = False
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ConfirmPage(Page):
    """The link of a mail, GET and POST /confirm. As GET changes nothing, `ask` has a button; the
    token comes by the fragment into the field `link`, as of DoorPage."""

    template: ClassVar[str] = "confirm.html"
    state: Literal["ask", "done", "stale"]


@dataclass(frozen=True, kw_only=True)
class ProblemPage(Page):
    """What went wrong and what to do. retry_after: seconds. detail: what to do, where there is more
    to say than of its kind, in words made for whoever reads them. back: where one goes on.
    typed: the form that came too late or too early, to be sent from here."""

    template: ClassVar[str] = "problem.html"
    kind: ProblemKind
    status: int
    detail: str = ""
    retry_after: int | None = None
    back: str = "/"
    typed: Typed | None = None
