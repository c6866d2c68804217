"""What a running service consists of: what its routes are handed."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from fastapi.encoders import jsonable_encoder
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from matching_spark.config import Settings
from matching_spark.domain.posts import SEOUL, Status
from matching_spark.journal.posts import StoredPost
from matching_spark.score.components import LANGUAGES, Language
from matching_spark.search.request import Deadline
from matching_spark.service.guards.accounts import Accounts
from matching_spark.service.guards.forms import Forms
from matching_spark.service.guards.guards import Guards
from matching_spark.service.guards.headers import JSON, prefers
from matching_spark.service.guards.limits import OFFICE
from matching_spark.service.guards.problems import LANGUAGE_COOKIE, language_of
from matching_spark.service.pages.contexts import Page
from matching_spark.service.pages.render import render
from matching_spark.service.pages.words import say
from matching_spark.service.people.contacts import Contacts
from matching_spark.service.people.finding import Finder
from matching_spark.service.people.interest import Interests
from matching_spark.service.people.links import Links
from matching_spark.service.people.news import News
from matching_spark.service.photos.decoder import Decoders
from matching_spark.service.photos.names import PhotoNames
from matching_spark.service.photos.store import PhotoStore
from matching_spark.service.posts.desk import Desk
from matching_spark.service.posts.review import Review
from matching_spark.service.posts.seen import SeenPhoto
from matching_spark.service.public.matches import Showing

YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True)
class Service:
    """demo: whether the things are drawn ones, which the pages then say."""

    settings: Settings
    desk: Desk
    finder: Finder
    showing: Showing
    guards: Guards
    decoders: Decoders
    store: PhotoStore
    photo_names: PhotoNames
    links: Links
    contacts: Contacts
    interests: Interests
    news: News
    review: Review
    demo: bool = False

    @property
    def forms(self) -> Forms:
        return self.guards.forms

    @property
    def accounts(self) -> Accounts:
        return self.guards.accounts

    def language(self, request: Request, lang: str = "") -> Language:
        """lang: chosen just now."""
        return next((each for each in LANGUAGES if each == lang), language_of(request))

    def say(self, request: Request, name: str) -> str:
        """The words of a name (words.txt) in the language of who asks."""
        return say(name, language_of(request))

    @property
    def office_deadline(self) -> Deadline:
        """When a search of the office that begins now gives what it has found."""
        return Deadline.after(self.settings.service.search_budget_s * OFFICE)

    def page(
        self, request: Request, context: Page, lang: str = "", status: int = 200, session: str = ""
    ) -> Response:
        """A context as HTML, or as JSON for who asks for that alone. lang: chosen just now.
        session: the token of one that this answer opens."""
        if prefers(request.headers) == JSON:
            return JSONResponse(plain(context), status)
        language = self.language(request, lang)
        csrf = self.forms.token_of(session) if session else self.forms.token(request)
        answer = HTMLResponse(render(context, language, csrf), status)
        answer.headers["Content-Language"] = language
        return self.keep_language(answer, lang)

    def keep_language(self, answer: Response, language: str) -> Response:
        """The answer, that keeps a language which was chosen."""
        if language in LANGUAGES:
            self.forms.cookies.put(answer, LANGUAGE_COOKIE, language, YEAR_S)
        return answer

    def seen(self, data: bytes | None, keep: bool = True) -> SeenPhoto | None:
        """A stranger's photo as it is searched and kept; keep: as Desk.see has it. Raises
        PhotoError."""
        return None if data is None else self.desk.see(self.decoders.prepare(data), keep)

    def set_status(self, post_id: str, status: Status, who: str, key: str | None) -> StoredPost:
        """As Desk.set_status; a loss that is opened again is looked after as before."""
        stored = self.desk.set_status(post_id, status, who, key)
        if (stored.post.kind, status) == ("lost", "open"):
            self.links.watch(post_id)
        return stored

    def private_link(self, request: Request, token: str) -> str:
        """The address that opens a loss, its token in the fragment, which no server is told."""
        base = self.settings.service.url or str(request.base_url)
        return f"{base.rstrip('/')}/mine#{token}"


def plain(context: Page) -> dict[str, Any]:
    """A context as JSON has it, its times those of Seoul."""
    in_seoul = {dt.datetime: lambda at: at.astimezone(SEOUL).isoformat()}
    told = jsonable_encoder(context, custom_encoder=in_seoul)
    return {"page": context.template.partition(".")[0], **told}
