"""What each page shows: one frozen dataclass a page, which its template takes and nothing else.

A template looks nothing up, so what a person's page has no field for cannot be shown: no score, no
id, no path. Words of the vocabularies are the Korean ones; a photo's addresses, `claim`, `asked`,
`token` and `draft` are opaque. Empty strings and None mean "not known".
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from matching_spark.domain.posts import Kind, Status
from matching_spark.journal.events import Verdict

# Why two things may be one, as a person is told it: what is the same, then what is alike or fits.
Reason = (
    Literal["category", "colour", "region", "place", "identifier"]
    | Literal["photo", "words", "near", "days"]
)
FactName = Literal["category", "colour", "region", "place", "day"]
FACTS: tuple[FactName, ...] = ("category", "colour", "region", "place", "day")
# What is wrong with a field of a form: its words are words.txt's `wrong.*`.
Wrong = Literal["needed", "day", "address", "unknown", "long", "link"]
# A line above the page, once, about what was just done: words.txt's `notice.*`.
Notice = Literal[
    "", "saved", "registered", "closed", "edited", "withdrawn", "signed-out", "decided", "interest"
]
NotAsked = Literal["bad-request", "invalid", "nothing-asked", "no-such-method", "key-reused"]
Refused = Literal["sign-in", "sign-in-failed", "forbidden", "form-expired", "elsewhere"]
Missing = Literal["not-found", "gone", "conflict"]
TooMuch = Literal["too-large", "photo-too-large", "photo-unreadable", "too-many", "too-slow"]
NotNow = Literal["busy", "starting", "took-too-long", "unavailable", "error"]
ProblemKind = NotAsked | Refused | Missing | TooMuch | NotNow


@dataclass(frozen=True, kw_only=True)
class Page:
    """What every page has. csrf: of each of its forms. here: its own address without a query, which
    the switch of languages comes back to; '' where it cannot be asked for again.
    """

    template: ClassVar[str]
    csrf: str
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
    """The question about a list in doubt. answers: at most three are shown; a day has none."""

    fact: FactName
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HomePage(Page):
    """GET /: what was lost? demo: whether the things are drawn ones, which the page then says."""

    template: ClassVar[str] = "home.html"
    told: Told = Told()
    wrong: Mapping[str, Wrong] = field(default_factory=dict)
    demo: bool = False


@dataclass(frozen=True, kw_only=True)
class ResultsPage(Page):
    """POST /search: what was understood, and what looks like it.

    asked: stands for the photo and the words that were searched, so that neither is sent again; a
    later POST /search with it takes category, colour, region, place and day from its fields alone
    (an empty one is not known, whatever the words say), `off` names a fact to take away, `skip`
    facts that are not to be asked for. photo: whether a photo was searched. nothing: it is most
    likely not here.
    """

    template: ClassVar[str] = "results.html"
    asked: str
    told: Told
    photo: bool = False
    likely: tuple[Card, ...] = ()
    look: tuple[Card, ...] = ()
    nothing: bool = False
    question: Asking | None = None
    skipped: tuple[FactName, ...] = ()
    mail: bool = False  # whether the service can write mails: an address is asked for


@dataclass(frozen=True, kw_only=True)
class RegisteredPage(Page):
    """After POST /losses. link: the private address, token in its fragment, shown this once;
    written: whether a mail went out to confirm an address."""

    template: ClassVar[str] = "registered.html"
    link: str
    written: bool = False


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
    without a script it is pasted there, the whole link or what is after its #.
    """

    template: ClassVar[str] = "door.html"
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MinePage(Page):
    """POST /mine: one's own loss. token: of the private link, for the forms of this page."""

    template: ClassVar[str] = "mine.html"
    token: str
    state: LossState
    told: Told
    photo: Picture | None = None
    registered: dt.date
    cards: tuple[Card, ...] = ()  # the newest first
    mail: MailState = "none"
    can_mail: bool = False
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ConfirmPage(Page):
    """The link of a mail, GET and POST /confirm. As GET changes nothing, `ask` has a button; the
    token comes by the fragment into the field `link`, as of DoorPage."""

    template: ClassVar[str] = "confirm.html"
    state: Literal["ask", "done", "stale"]


@dataclass(frozen=True, kw_only=True)
class ProblemPage(Page):
    """What went wrong and what to do. retry_after: seconds. detail: more of it, in words made for
    whoever reads them. back: where one goes on."""

    template: ClassVar[str] = "problem.html"
    kind: ProblemKind
    status: int
    detail: str = ""
    retry_after: int | None = None
    back: str = "/"


@dataclass(frozen=True, kw_only=True)
class OfficePage(Page):
    """What every page of the office has. who: the name of the account that is signed in."""

    who: str


@dataclass(frozen=True, kw_only=True)
class SignInPage(Page):
    """GET and POST /office/sign-in. after: the page of the office that was asked for."""

    template: ClassVar[str] = "sign_in.html"
    name: str = ""
    failed: bool = False
    after: str = "/office"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a history. who: a name, or '' for the service itself; what: words.txt's `did.*`;
    said: a status or a verdict; changed: fields."""

    at: dt.datetime
    who: str
    what: Literal["added", "edited", "closed", "decided"]
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
    merged: dt.datetime | None = None
    matched: dt.datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DeskPage(OfficePage):
    """GET /office: the first of each queue, how many there are, and how the service is. arrived:
    found things registered today.
    """

    template: ClassVar[str] = "desk.html"
    counts: tuple[int, int, int]  # of arrived, pairs, expiring
    arrived: tuple[Thing, ...] = ()
    pairs: tuple[Pairing, ...] = ()
    expiring: tuple[Thing, ...] = ()
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


@dataclass(frozen=True, kw_only=True)
class PostPage(OfficePage):
    """GET /office/posts/{id}, and its edit and close. editable: not if it is closed or another
    source owns it."""

    template: ClassVar[str] = "post.html"
    thing: Thing
    history: tuple[Entry, ...] = ()
    editable: bool = True
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A fact of a pair, whose values its two things have. differs: None where a side does not tell;
    note: how far apart, '2 days later'.
    """

    name: Literal["category", "colour", "region", "place", "day", "title", "description"]
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

    compared: facts. why: a sentence of score.explain. number: which of `count` it is.
    previous, next: addresses of the pairs beside it, '' at an end. decided: the last verdict.
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
    kind: Kind | Literal[""] = "found"
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
    """GET and POST /office/search. hits: None before anything was asked; more: the next ones'
    address; searched, seconds: posts compared, and how long it took."""

    template: ClassVar[str] = "office_search.html"
    wanted: Wanted = Wanted()
    hits: tuple[Hit, ...] | None = None
    more: str = ""
    searched: int = 0
    seconds: float = 0.0
    wrong: Mapping[str, Wrong] = field(default_factory=dict)
