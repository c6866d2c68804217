"""The office's pages: what waits, registering and changing found things."""

import datetime as dt
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, get_args

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from matching_spark.domain.posts import STATUSES, Post, seoul_today
from matching_spark.errors import InputError, ModelError, NotFoundError, PhotoError, StaleError
from matching_spark.journal.events import PostAdded, PostClosed, PostEdited
from matching_spark.operations.describe import describe
from matching_spark.service.guards.fields import Fields, Said, WrongField, wrong_of
from matching_spark.service.guards.forms import random_token
from matching_spark.service.guards.headers import OF_PHOTO
from matching_spark.service.guards.problems import Refused
from matching_spark.service.pages.contexts import Notice, Picture, Told, Wrong
from matching_spark.service.pages.office_contexts import (
    Again,
    DeskPage,
    Differing,
    Entry,
    PostPage,
    RegisterPage,
    Thing,
    Unfolded,
)
from matching_spark.service.pages.render import post_url
from matching_spark.service.posts.asks import Asked
from matching_spark.service.posts.review import MORE, SHOWN
from matching_spark.service.posts.seen import SeenPhoto
from matching_spark.service.routes.office.base import OfficeRoutes, asker_of, to
from matching_spark.service.routes.office.entry import EntryPages
from matching_spark.service.routes.office.forms import (
    differing,
    merged,
    number,
    seen_by,
    thing_said,
    values_in,
    values_of,
)
from matching_spark.service.routes.office.review import ReviewPages
from matching_spark.service.routes.office.search import SearchPages
from matching_spark.service.running import Service

AGAIN, UNFOLDED = get_args(Again), get_args(Unfolded)
SUGGESTED = ("title", "category", "colour", "kept_at", "kept_phone")  # fields that may be
REGISTER = "/office/found/new"
NONE = "none"  # a draft without a photo, with a name of its own behind a dot


class OfficePages(OfficeRoutes):
    """Every page of the office; who asks is signed in, but for those of EntryPages."""

    def __init__(self, of: Service) -> None:
        super().__init__(of)
        self._review = ReviewPages(of)

    def routes(self) -> APIRouter:
        out = APIRouter(include_in_schema=False)
        inside = self._router()
        for path, page in (
            ("", self.desk),
            ("/found/new", self.register_page),
            ("/drafts/{draft}", self.draft),
            ("/posts/{post_id:path}", self.post),
        ):
            inside.add_api_route(path, page, methods=["GET"])
        for path, act in (
            ("/found/new", self.register),
            ("/posts/{post_id:path}/edit", self.edit),
            ("/posts/{post_id:path}/close", self.close),
        ):
            inside.add_api_route(
                path, act, methods=["POST"], dependencies=self._of.guards.work("upload")
            )
        others = (EntryPages(self._of), self._review, SearchPages(self._of))
        for each in (inside, *(pages.routes() for pages in others)):
            out.include_router(each)
        return out

    # -- the queues ------------------------------------------------------------------------------

    def desk(self, request: Request, notice: str = "", more: str = "") -> Response:
        """more: the queue of which more is shown than its first."""
        review = self._of.review
        arrived, queue, expiring = review.arrived(), review.queue(), review.expiring()
        unfolded: Unfolded = next((each for each in UNFOLDED if each == more), "")
        most = {each: MORE if each == unfolded else SHOWN for each in UNFOLDED}
        here = f"/office?more={unfolded}" if unfolded else "/office"
        page = DeskPage(
            **self._office(request, here, notice),
            counts=(len(arrived), len(queue), len(expiring)),
            arrived=self._things((post_id, None) for post_id in arrived[: most["today"]]),
            pairs=tuple(self._review.pairings(queue)),
            expiring=self._things(
                (each.post_id, each.expires_on) for each in expiring[: most["expiring"]]
            ),
            more=unfolded,
            state=review.state(),
        )
        return self._of.page(request, page)

    # -- found things ----------------------------------------------------------------------------

    def register_page(self, request: Request) -> Response:
        return self._of.page(request, RegisterPage(**self._office(request, REGISTER)))

    def register(self, request: Request, fields: Fields) -> Response:
        """First a photo, or none; then the form that was filled in from it. A photo that is not
        there any more is chosen again, in that form."""
        draft = fields["draft"]
        if not (draft and fields.has("title")):
            return self._begun(request, fields)
        key, who = None if draft == NONE else f"draft-{draft}", asker_of(request).account
        values, wrong = dict[str, Any](), dict[str, Wrong]()
        photo: SeenPhoto | None = None
        try:
            values = values_of(fields)
        except WrongField as error:
            wrong |= wrong_of(error)
        try:
            draft, photo = self._drafts_photo(draft, fields.photo)
        except PhotoError as error:
            wrong |= wrong_of(error)
        except InputError:  # too long ago
            if (there := self._registered(who, key)) is not None:
                return self._again(request, there, fields)
            wrong["photo"] = "over"
        post, typed, lang = Post("", "found", **values), thing_said(fields, Thing()), fields["lang"]
        if not (wrong or photo or post.text or lang):
            wrong["title"] = "needed"
        if wrong or lang:
            kept = self._kept(who, typed, photo)
            return self._drafted(request, draft, typed, kept, wrong, lang)
        try:
            stored = self._of.desk.add(post, [photo] if photo else [], who, key)
        except InputError as error:
            there = self._registered(who, key) if error.argument == "key" else None
            if there is None:
                raise
            return self._again(request, there, fields)
        return to(post_url(stored.post.post_id), notice="registered")

    def draft(self, draft: str) -> Response:
        """The photo of a thing that is not registered yet."""
        photo = self._of.finder.asks.find(draft).photo
        if photo is None:
            raise NotFoundError("there is no such photo")
        return Response(photo.kept, headers=OF_PHOTO, media_type="image/jpeg")

    def post(self, request: Request, post_id: str, notice: str = "") -> Response:
        of, _, act = post_id.rpartition("/")
        if act in ("edit", "close") and self._of.desk.post(post_id) is None:
            return RedirectResponse(
                post_url(of), 303
            )  # a form's, opened again from a tab or a mark
        return self._of.page(request, self._post_page(request, post_id, notice, {}))

    def edit(self, request: Request, post_id: str, fields: Fields) -> Response:
        """What the form says; of one that is of an earlier state, together with what was saved
        since. Only the fields that both have changed are asked about."""
        seen, who = number(fields["sequence"]), asker_of(request).account
        if fields["lang"]:
            return self._mended(request, post_id, fields, {})
        try:
            values = values_of(fields)
        except WrongField as error:
            return self._mended(request, post_id, fields, wrong_of(error))
        notice: Notice = "saved"
        together: PostPage | None = None  # with what was saved since
        while True:
            try:
                self._of.desk.edit(post_id, values, who, None, seen)
                return to(post_url(post_id), notice=notice)
            except StaleError:
                page = self._post_page(request, post_id, "", {})
            except InputError as error:
                if error.argument != "title":
                    raise
                wrong: dict[str, Wrong] = {"title": "needed"}  # as of a new one
                if together is None:
                    return self._mended(request, post_id, fields, wrong)
                return self._of.page(request, replace(together, here="", wrong=wrong))
            typed, both = merged(page.thing, thing_said(fields, page.thing), fields["seen"])
            if both:
                return self._unsaved(request, page, typed, both, "conflict")
            values, seen, notice = values_in(typed), page.thing.sequence, "merged"
            together = replace(page, thing=typed)

    def close(self, request: Request, post_id: str, fields: Fields) -> Response:
        status = next((each for each in STATUSES if each == fields["status"]), None)
        if status is None:
            raise Refused("invalid", field="status")
        try:
            self._of.set_status(post_id, status, asker_of(request).account, None)
        except StaleError:  # somebody else has closed it
            page = self._post_page(request, post_id, "", {})
            return self._unsaved(request, page, page.thing, (), "conflict")
        return to(post_url(post_id), notice="opened" if status == "open" else "closed")

    # -- inside ----------------------------------------------------------------------------------

    def _things(self, of: Iterable[tuple[str, dt.date | None]]) -> tuple[Thing, ...]:
        """Those, of ids and the days on which they expire, that are there still."""
        found = ((self._of.desk.post(post_id), expires) for post_id, expires in of)
        return tuple(self._thing(stored, expires) for stored, expires in found if stored)

    def _post_page(
        self, request: Request, post_id: str, notice: str, wrong: dict[str, Wrong]
    ) -> PostPage:
        stored = self._of.desk.known(post_id)
        here = "" if wrong else post_url(post_id)
        thing = self._thing(stored)
        return PostPage(
            **self._office(request, here, notice),
            thing=thing,
            seen=seen_by(thing),
            history=self._history(post_id),
            similar=bool(stored.photos or stored.post.text),
            wrong=wrong,
        )

    def _mended(
        self, request: Request, post_id: str, fields: Said, wrong: dict[str, Wrong]
    ) -> Response:
        """The form as it was filled in, of the post as it was seen then: what others have changed
        is looked at when it is saved. What a page said of that, it says in another language too."""
        page, seen = self._post_page(request, post_id, "", wrong), number(fields["sequence"])
        typed = replace(page.thing, sequence=page.thing.sequence if seen is None else seen)
        typed = thing_said(fields, typed)
        names = fields.all("differing")
        differs = tuple(each for each in differing(page.thing, typed) if each.name in names)
        again = next((each for each in AGAIN if differs and each == fields["again"]), AGAIN[0])
        page = replace(page, here="", thing=typed, seen=fields["seen"])
        page = replace(page, again=again, differing=differs if again else ())
        return self._of.page(request, page, fields["lang"])

    def _unsaved(
        self,
        request: Request,
        page: PostPage,
        typed: Thing,
        differs: tuple[Differing, ...],
        why: Again,
    ) -> Response:
        """What was typed and is not saved, beside what is: it is saved over that, or given up."""
        here = "" if differs else page.here  # or nothing was typed
        page = replace(page, here=here, again=why, differing=differs, thing=typed)
        return self._of.page(request, page, status=409)

    def _history(self, post_id: str) -> tuple[Entry, ...]:
        """What the journal has of a post, the newest first; who a person is, stays out."""
        out = []
        for record in self._of.desk.journal.history(f"post:{post_id}"):
            event, who = record.event, self._name(record.who)
            if isinstance(event, PostAdded):
                out.append(Entry(at=record.at, who=who, what="added"))
            elif isinstance(event, PostEdited) and event.changed == ("status",):
                out.append(Entry(at=record.at, who=who, what="opened"))
            elif isinstance(event, PostEdited):
                changed = tuple("day" if n == "happened_on" else n for n in event.changed)
                out.append(Entry(at=record.at, who=who, what="edited", changed=changed))
            elif isinstance(event, PostClosed):
                out.append(Entry(at=record.at, who=who, what="closed", said=event.status))
        return tuple(reversed(out))

    def _begun(self, request: Request, fields: Said) -> Response:
        who = asker_of(request).account
        if _without_photo(fields["draft"]):
            return self._drafted(request, f"{NONE}.{random_token()}", *self._suggested(who, None))
        try:
            photo = self._of.seen(fields.photo)
            if photo is None:
                raise WrongField("photo", "needed")
        except (WrongField, PhotoError) as error:
            page = RegisterPage(**self._office(request, REGISTER), wrong=wrong_of(error))
            return self._of.page(request, page)
        draft = self._of.finder.asks.keep(Asked(photo, Told()))
        return self._drafted(request, draft, *self._suggested(who, photo.kept))

    def _drafts_photo(self, draft: str, chosen: bytes | None) -> tuple[str, SeenPhoto | None]:
        """A draft's photo, or the one that was chosen since, by its own draft's name. Raises
        PhotoError, and InputError where it was too long ago."""
        asks = self._of.finder.asks
        if _without_photo(draft):
            return draft, None
        if chosen is None:
            return draft, asks.find(draft).photo
        photo = self._of.seen(chosen)
        return asks.keep(Asked(photo, Told())), photo

    def _registered(self, who: str, key: str | None) -> str | None:
        """What was registered by a form before."""
        before = self._of.desk.journal.written(who, key or "")
        event = None if before is None else before.event
        return event.post_id if isinstance(event, PostAdded) else None

    def _again(self, request: Request, post_id: str, fields: Said) -> Response:
        """A form that was sent before, maybe with other words since."""
        page = self._post_page(request, post_id, "", {})
        typed = thing_said(fields, page.thing)
        differs = differing(page.thing, typed)
        if not differs:
            return to(post_url(post_id), notice="registered")
        return self._unsaved(request, page, typed, differs, "registered")

    def _drafted(
        self,
        request: Request,
        draft: str,
        of: Thing,
        suggested: tuple[str, ...],
        wrong: dict[str, Wrong] | None = None,
        lang: str = "",
    ) -> Response:
        if not (_without_photo(draft) or "photo" in (wrong or {})):
            address = f"/office/drafts/{draft}"
            of = replace(of, photos=(Picture(address, address),))
        page = RegisterPage(
            **self._office(request), draft=draft, thing=of, suggested=suggested, wrong=wrong or {}
        )
        return self._of.page(request, page, lang)

    def _kept(self, who: str, typed: Thing, photo: SeenPhoto | None) -> tuple[str, ...]:
        """The fields that still say what was suggested."""
        of, names = self._suggested(who, None if photo is None else photo.kept)
        return tuple(each for each in names if getattr(of, each) == getattr(typed, each))

    def _suggested(self, who: str, kept: bytes | None) -> tuple[Thing, tuple[str, ...]]:
        """Where an account's thing before it, of today, is kept; and what the model says of a
        photo, as far as it is sure: nothing by one that has not learnt how sure it is."""
        out = Thing(day=None if kept is None else seoul_today())
        for before in map(self._of.desk.post, self._of.review.arrived(who)[:1]):
            if before is not None:
                out = replace(out, kept_at=before.post.kept_at, kept_phone=before.post.kept_phone)
        if kept is not None:
            with suppress(ModelError):
                said = describe(kept, self._of.desk.model)
                title, category = said.title.korean or "", said.category.korean or ""
                out = replace(out, title=title, category=category, colour=said.post_colour)
        return out, tuple(name for name in SUGGESTED if getattr(out, name))


def _without_photo(draft: str) -> bool:
    return draft.partition(".")[0] == NONE
