"""The way into the office and out of it: signing in, signing out, the password."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from matching_spark.errors import InputError
from matching_spark.service.guards.accounts import MIN_PASSWORD
from matching_spark.service.guards.fields import Fields, Said
from matching_spark.service.guards.problems import Refused
from matching_spark.service.guards.typed import typed_of, within_office
from matching_spark.service.pages.contexts import Typed, Wrong
from matching_spark.service.pages.office_contexts import PasswordPage, SendPage, SignInPage
from matching_spark.service.pages.render import sign_in_url
from matching_spark.service.routes.office.base import OfficeRoutes, to


class EntryPages(OfficeRoutes):
    """Who asks is not signed in yet, but for the password."""

    def routes(self) -> APIRouter:
        out = APIRouter(include_in_schema=False)
        out.add_api_route("/office/sign-in", self.sign_in_page, methods=["GET"])
        out.add_api_route("/office/sign-in", self.sign_in, methods=["POST"])
        out.add_api_route("/office/sign-out", self.sign_out, methods=["POST"])
        inside = self._router()
        inside.add_api_route("/password", self.password_page, methods=["GET"])
        inside.add_api_route("/password", self.password, methods=["POST"])
        out.include_router(inside)
        return out

    def sign_in_page(self, request: Request, after: str = "/office", out: str = "") -> Response:
        page = SignInPage(
            here=sign_in_url(after),  # in the other language it leads there as well
            notice="signed-out" if out else "",
            after=after,
        )
        return self._of.page(request, page)

    async def sign_in(self, request: Request, fields: Fields) -> Response:
        after = fields["after"]
        if not within_office(after):  # never to another site
            after = "/office"
        typed, door = typed_of(request), self._of.guards.door
        if fields["lang"]:
            return self._retold(request, fields, after, typed)
        try:
            entered = await door.enter(request, fields["name"], fields["password"])
        except Refused as error:
            if error.kind != "sign-in-failed":
                raise
            here, name = "" if typed else sign_in_url(after), fields["name"]
            page = SignInPage(here=here, name=name, failed=True, after=after, typed=typed)
            return self._of.page(request, page, status=401)
        if typed is None:
            return door.admit(RedirectResponse(after, 303), entered)
        unsent = SendPage(who=entered.name, typed=typed)
        return door.admit(self._of.page(request, unsent, session=entered.session), entered)

    async def sign_out(self, request: Request) -> Response:
        answer = RedirectResponse("/office/sign-in?out=1", 303)
        await self._of.guards.door.leave(request, answer)
        return answer

    def password_page(self, request: Request) -> Response:
        return self._of.page(request, self._password_page(request))

    async def password(self, request: Request, fields: Fields) -> Response:
        wrong: dict[str, Wrong]
        try:
            await self._of.guards.door.change_password(request, fields["now"], fields["new"])
            return to("/office", notice="password")
        except Refused as error:
            if error.kind != "sign-in-failed":
                raise
            wrong = {"now": "password"}
        except InputError:
            wrong = {"new": "short"}
        return self._of.page(request, self._password_page(request, wrong=wrong), status=422)

    def _retold(self, request: Request, fields: Said, after: str, typed: Typed | None) -> Response:
        """The page with what was typed elsewhere, in another language; nobody signs in by it."""
        asker = self._of.guards.door.asker(request)
        if asker.account and typed:
            unsent = SendPage(who=asker.name, typed=typed)
            return self._of.page(request, unsent, fields["lang"])
        page = SignInPage(name=fields["name"], after=after, typed=typed)
        return self._of.page(request, page, fields["lang"])

    def _password_page(
        self, request: Request, wrong: dict[str, Wrong] | None = None
    ) -> PasswordPage:
        office = self._office(request, "/office/password")
        return PasswordPage(**office, least=MIN_PASSWORD, wrong=wrong or {})
