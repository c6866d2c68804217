"""The pages of a person who lost something: search, registering the loss, its private page."""

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.params import Depends as Dependency
from starlette.responses import RedirectResponse, Response

from matching_spark.errors import InputError, PhotoError
from matching_spark.service.guards.fields import Fields, WrongField, wrong_of
from matching_spark.service.guards.problems import Refused
from matching_spark.service.pages.contexts import (
    ClaimedPage,
    ConfirmPage,
    DoorPage,
    HomePage,
    Notice,
    RegisteredPage,
    ResultsPage,
    Wrong,
)
from matching_spark.service.people.addresses import MAX_ADDRESS
from matching_spark.service.people.finding import Form
from matching_spark.service.posts.seen import SeenPhoto
from matching_spark.service.routes.losses import Losses
from matching_spark.service.running import Service

# The answer takes the place of all that is shown, also where a part was asked for: the form on it.
WHOLE = {"HX-Retarget": "main", "HX-Reselect": "main", "HX-Reswap": "outerHTML"}
EMPTY = Form()


class PersonPages:
    """Every page of a person; who they are is not asked."""

    def __init__(self, of: Service) -> None:
        self._of, self._losses = of, Losses(of)

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        searching, uploading = self._of.guards.work("search"), self._of.guards.work("upload")
        for path, page in (("/", self.home), ("/mine", self.door), ("/confirm", self.ask)):
            router.add_api_route(path, page, methods=["GET"])
        free: list[Dependency] = []
        for path, act, work in (
            ("/search", self.search, searching),
            ("/losses", self.register, uploading),
            ("/interest", self.interest, uploading),
            ("/mine", self.mine, free),
            ("/mine/edit", self.edit, uploading),
            ("/mine/withdraw", self.withdraw, free),
            ("/confirm", self.confirm, free),
            ("/lang", self.language, free),
        ):
            router.add_api_route(path, act, methods=["POST"], dependencies=work)
        return router

    def home(self, request: Request) -> Response:
        return self._of.page(request, self._home({}))

    def search(self, request: Request, fields: Fields) -> Response:
        form, address = Form.of(fields), fields["address"]
        try:
            page = self._found(form, self._of.seen(fields.photo, keep=False), address)
        except PhotoError as error:  # without a script, the page that comes back is all there is
            page = self._home(wrong_of(error), form, address)
            return self._of.page(request, page, fields["lang"], 422)
        except InputError as error:
            return self._over(request, form, error)
        return self._of.page(request, page, fields["lang"])

    def register(self, request: Request, fields: Fields) -> Response:
        form, address = Form.of(fields), fields["address"]
        chosen: SeenPhoto | None = None
        try:
            chosen = self._of.seen(fields.photo)
            language = self._of.language(request)
            token, asked = self._losses.register(form, chosen, address, language)
        except InputError as error:  # what was found once more, and its form as it was sent
            return self._wrong(request, form, chosen, address, error)
        link = self._of.private_link(request, token)
        written = address.strip() if asked == "written" else ""
        page = RegisteredPage(link=link, written=written, often=asked == "often")
        return self._of.page(request, page)

    def interest(self, request: Request, fields: Fields) -> Response:
        given = _token(fields["link"])
        form = Form.of(fields)
        try:
            card, new = self._losses.interest(fields["claim"], form, given)
        except InputError as error:
            return self._over(request, form, error)
        link = self._of.private_link(request, new) if new else ""
        return self._of.page(request, ClaimedPage(card=card, link=link))

    def door(self, request: Request) -> Response:
        return self._of.page(request, DoorPage(here="/mine"))

    def mine(self, request: Request, fields: Fields) -> Response:
        token = _token(fields["link"])
        page = self._losses.page(token)
        if page is None:
            given = self._of.links.given(token)
            wrong: dict[str, Wrong] = {"link": "gone" if given else "link" if token else "needed"}
            door = DoorPage(here="/mine", link=fields["link"], wrong=wrong)
            return self._of.page(request, door)
        return self._of.page(request, page, fields["lang"])

    def edit(self, request: Request, fields: Fields) -> Response:
        token = _token(fields["link"])
        wrong: dict[str, Wrong] = {}
        notice: Notice = ""
        language, no_mail = self._of.language(request), fields.has("no_mail")
        form, address = Form.of(fields), fields["address"]
        try:
            asked = self._losses.edit(token, form, address, no_mail, language)
            notice = "" if asked is None else "asked" if asked == "written" else "edited"
            wrong = {"address": "often"} if asked == "often" else {}
        except WrongField as error:
            wrong = wrong_of(error)
        page = self._losses.page(token, notice, wrong)
        if page is None:
            raise Refused("gone")
        if wrong:
            page = replace(page, address=address[:MAX_ADDRESS], no_mail=no_mail)
        if wrong and not notice:
            page = replace(page, typed=form.kept(), seen=fields["seen"])
        return self._of.page(request, page)

    def withdraw(self, request: Request, fields: Fields) -> Response:
        return self._of.page(request, self._losses.withdraw(_token(fields["link"])))

    def ask(self, request: Request) -> Response:
        return self._of.page(request, ConfirmPage(here="/confirm", state="ask"))

    def confirm(self, request: Request, fields: Fields) -> Response:
        done = self._of.contacts.confirm(_token(fields["link"])) is not None
        return self._of.page(request, ConfirmPage(state="done" if done else "stale"))

    def language(self, fields: Fields) -> Response:
        here = fields["here"] or "/"
        if not here.startswith("/") or here.startswith(("//", "/\\")):
            raise Refused("bad-request", field="here")
        return self._of.keep_language(RedirectResponse(here, 303), fields["lang"])

    def _found(self, form: Form, photo: SeenPhoto | None, address: str) -> HomePage | ResultsPage:
        """What a form finds; the form as it was filled in, where something of it is wrong."""
        try:
            page = self._of.finder.find(form, photo)
        except WrongField as error:
            return self._home(wrong_of(error), form, address)
        return replace(page, address=address)

    def _wrong(
        self,
        request: Request,
        form: Form,
        chosen: SeenPhoto | None,
        address: str,
        error: InputError,
    ) -> Response:
        """The form of a loss again, with what it found; where its photo is not there any more, to
        be chosen again. Raises the error, where it is none of a field."""
        wrong: dict[str, Wrong] = {}
        if isinstance(error, WrongField):
            wrong |= wrong_of(error)
        elif not isinstance(error, PhotoError) and error.argument != "asked":
            raise error
        try:
            page = self._found(form, chosen, address)
        except InputError:
            wrong["photo"] = "over"
            page = self._found(replace(form, pictured=False), None, address)
        if isinstance(error, PhotoError):
            wrong |= wrong_of(error)
        if isinstance(page, HomePage) and "photo" not in wrong:
            wrong |= page.wrong
        page = replace(page, wrong=wrong)  # without the photo there may be nothing to search by
        return self._of.page(request, page, status=422)

    def _over(self, request: Request, form: Form, error: InputError) -> Response:
        """A search whose photo is not there any more, to be begun anew with what was told. Raises
        the error, where that is another one."""
        if error.argument != "asked":
            raise error
        page = self._home({"photo": "over"}, form)
        answer = self._of.page(request, page, status=422)
        answer.headers.update(WHOLE)
        return answer

    def _home(self, wrong: dict[str, Wrong], form: Form = EMPTY, address: str = "") -> HomePage:
        """The form of a search, with what was typed."""
        told, demo = form.kept(), self._of.demo
        return HomePage(here="/", told=told, address=address, wrong=wrong, demo=demo)


def _token(link: str) -> str:
    """Of a private link, or of what is after its #."""
    return link.strip().rpartition("#")[2]
