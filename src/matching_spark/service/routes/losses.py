"""A person's own loss: registered, opened by its private link, changed, withdrawn."""

import datetime as dt
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Literal

from matching_spark.domain.posts import Post
from matching_spark.errors import InputError, NotFoundError, StaleError
from matching_spark.journal.posts import StoredPost
from matching_spark.score.components import Language
from matching_spark.service.guards.fields import WrongField, changed_since, seen_of
from matching_spark.service.guards.problems import Refused
from matching_spark.service.pages.contexts import (
    Card,
    LossState,
    MailState,
    MinePage,
    Notice,
    Told,
    Wrong,
)
from matching_spark.service.people.addresses import checked_address
from matching_spark.service.people.finding import Form, short, words_of
from matching_spark.service.people.links import who_of
from matching_spark.service.people.shown import card, day_of, told_of_post
from matching_spark.service.posts.seen import SeenPhoto
from matching_spark.service.running import Service

MOST_TIMES = 10  # that one search is registered and withdrawn: each time looks for the next name
# A mail asks to confirm an address; or it was asked too often today, and is not kept; or there is
# none.
Confirmation = Literal["written", "often", ""]


class Losses:
    """What a private link opens. Who has none has registered nothing."""

    def __init__(self, of: Service) -> None:
        self._of = of

    def register(
        self, form: Form, photo: SeenPhoto | None, address: str, language: Language
    ) -> tuple[str, Confirmation]:
        """The token of the new loss's link, and what became of the address.

        What it raises, it raises before anything is kept: nobody has a link to what was.
        """
        self._check(address)
        post_id = self._registered(form, photo)
        token = self._of.links.make(post_id)
        asked = self._gave(post_id, address, language, token)
        self._of.news.look(post_id, mail=False)
        return token, asked

    def interest(self, claim: str, form: Form, token: str) -> tuple[Card, str]:
        """A found thing with who keeps it, once 'this may be mine' is kept: of the link's loss, or
        of what was searched, which is a loss from then on; and the token of a new loss's link.
        """
        new = ""
        self._of.interests.claimed(claim)  # before there is a loss that nobody has a link to
        if not token:
            token = new = self._of.links.make(self._registered(form))
        lost_id = self._opened(token).post.post_id
        office = self._of.interests.tell(lost_id, claim, who_of(token))
        if new:  # its page shows at once what was found, this thing among it
            self._of.news.look(lost_id, mail=False)
        found = self._of.desk.post(self._of.showing.names.open(claim))
        if found is None:
            raise Refused("gone")
        return card(self._of.showing.post(found, "look"), office=office), new

    def page(
        self, token: str, notice: Notice = "", wrong: dict[str, Wrong] | None = None
    ) -> MinePage | None:
        """The loss that a link opens; None where it opens none."""
        post_id = self._of.links.post_of(token)
        stored = None if post_id is None else self._of.desk.post(post_id)
        if stored is None:
            return None
        post_id, told = stored.post.post_id, told_of_post(stored.post)
        said = self._of.review.decided()
        cards = [
            card(each.match, day_of(each.at), self._of.interests.office(post_id, each.found_id))
            for each in self._of.news.came(post_id)
            if (pair := (post_id, each.found_id)) not in said or said[pair].verdict != "rejected"
        ]
        cards.sort(key=lambda each: not each.office)  # first what was said to be theirs
        if stored.post.status != "open":  # of what is over nobody says any more that it is theirs
            cards = [replace(each, claim="") for each in cards]
        contact = self._of.contacts.of(post_id)
        mail: MailState = "none"
        if contact is not None:
            mail = "confirmed" if contact.confirmed else "unconfirmed"
        return MinePage(
            notice=notice,
            token=token,
            state=_state(stored.post, bool(cards)),
            told=told,
            seen=seen_of(asdict(told)),
            photo=next(iter(self._of.photo_names.pictures(stored)), None),
            registered=day_of(self._registered_at(stored)),
            cards=tuple(cards),
            mail=mail,
            can_mail=self._of.finder.mail,
            wrong=wrong or {},
        )

    def edit(
        self, token: str, form: Form, address: str, no_mail: bool, language: Language
    ) -> Confirmation | None:
        """Change what the form has changed of it; the rest may be another by now, and stays. What
        became of the address; None where it is over: then nothing of it is changed any more.

        no_mail: no address is left any more. Raises WrongField, before anything is changed, and
        Refused for a link that opens nothing."""
        if not no_mail:
            self._check(address)
        while True:
            stored = self._opened(token)
            if stored.post.status != "open":
                return None
            post_id, changes = stored.post.post_id, _changes(stored, form)
            try:
                self._of.desk.edit(post_id, changes, who_of(token), None, stored.sequence)
                break
            except StaleError:  # by another page of it: this one goes over what that has saved
                continue
        if no_mail:
            self._of.contacts.remove(post_id, who_of(token), None)
        asked = self._gave(post_id, "" if no_mail else address, language, token)
        self._of.news.look(post_id, mail=False)
        return asked

    def withdraw(self, token: str) -> MinePage:
        """Erase the loss with all that hangs on it; its link opens nothing any more."""
        stored = self._opened(token)
        post_id = stored.post.post_id
        self._of.desk.forget(post_id, who_of(token), None)
        self._of.links.revoke(post_id)
        told = told_of_post(replace(stored.post, title="", description=""))
        day = day_of(stored.updated_at)
        return MinePage(token="", state="withdrawn", told=told, registered=day)

    def _registered(self, form: Form, chosen: SeenPhoto | None = None) -> str:
        post, photo, key = self._of.finder.loss(form, chosen)
        photos = [] if photo is None else [photo]
        for times in range(MOST_TIMES):
            named = f"{key}-{times}" if times else key
            with suppress(NotFoundError):  # withdrawn since: it is lost still, or again
                return self._of.desk.add(post, photos, "system", named).post.post_id
        raise Refused("search-over")  # what is searched once more is another loss

    def _registered_at(self, stored: StoredPost) -> dt.datetime:
        told = self._of.desk.journal.history(f"post:{stored.post.post_id}")
        return told[0].at if told else stored.updated_at

    def _opened(self, token: str) -> StoredPost:
        post_id = self._of.links.post_of(token)
        stored = None if post_id is None else self._of.desk.post(post_id)
        if stored is None:
            raise Refused("gone")
        return stored

    def _check(self, address: str) -> None:
        """Raises WrongField for what is there, where one is asked for, and no mail can go to."""
        if address.strip() and self._of.finder.mail:
            try:
                checked_address(address)
            except InputError:
                raise WrongField("address", "address") from None

    def _gave(self, post_id: str, address: str, language: Language, token: str) -> Confirmation:
        """address: one that was checked."""
        if not (address.strip() and self._of.finder.mail):
            return ""
        try:
            self._of.contacts.give(post_id, address, language, who_of(token), None)
        except InputError as error:
            if error.argument != "address":
                raise
            return "often"
        return "written"


def _changes(stored: StoredPost, form: Form) -> dict[str, Any]:
    """What a form has changed of a loss, as the desk takes it. Raises WrongField for what is too
    long, and where nothing is left to find it by."""
    now, told = told_of_post(stored.post), form.told()
    own = {name: getattr(told, name) for name in changed_since(form.seen, asdict(told))}
    short(Told(**own))
    told = replace(now, **own)
    words = words_of(told, bool(stored.photos))
    changes: dict[str, Any] = {
        "category": told.category,
        "colour": told.colour,
        "region": told.region,
        "place": told.place,
        "happened_on": told.day,
    }
    if told.words != now.words or not told.words:  # else they stay as they are kept
        changes |= {"title": words, "description": ""}
    return changes


def _state(post: Post, matched: bool) -> LossState:
    if post.status == "open":
        return "matched" if matched else "waiting"
    return post.status
