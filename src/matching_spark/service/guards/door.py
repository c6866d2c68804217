"""Who asks: whoever signed in, by cookie or bearer token, or a visitor of whom nothing is known."""

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from matching_spark.service.guards.accounts import Accounts, folded
from matching_spark.service.guards.forms import Forms, bearer
from matching_spark.service.guards.limits import Limits
from matching_spark.service.guards.problems import Refused
from matching_spark.service.guards.sessions import Sessions


@dataclass(frozen=True)
class Asker:
    """account: the id of the account that is signed in, to which idempotency keys belong, and its
    name; '' of a visitor."""

    account: str = ""
    name: str = ""


@dataclass(frozen=True)
class Entered:
    """Who has just signed in. name: of the account; session: the token of the browser's cookie."""

    name: str
    session: str


class Door:
    """Lets people in and out, and knows them between. asker and office are dependencies."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, forms: Forms, limits: Limits
    ) -> None:
        self._accounts, self._sessions = accounts, sessions
        self._forms, self._limits = forms, limits

    async def enter(self, request: Request, name: str, password: str) -> Entered:
        """Sign in: a new session, which `admit` gives to the browser; the one before it has ended.

        Raises Refused: sign-in-failed, or too-many where that often failed for the name or for the
        address.
        """
        async with self._limits.sign_in(request.scope, folded(name)):
            account = await run_in_threadpool(self._accounts.verified, name, password)
            if account is None:
                raise Refused("sign-in-failed")
        await run_in_threadpool(self._end, request)
        session = await run_in_threadpool(self._sessions.open, account.account_id)
        return Entered(account.name, session)

    def admit(self, answer: Response, entered: Entered) -> Response:
        """The answer, whose cookie is the session's."""
        cookies, lasts = self._forms.cookies, self._sessions.lasts
        cookies.put(answer, cookies.session, entered.session, int(lasts.total_seconds()))
        cookies.drop(answer, cookies.visitor)
        return answer

    async def leave(self, request: Request, answer: Response) -> None:
        """Sign out."""
        await run_in_threadpool(self._end, request)
        self._forms.cookies.drop(answer, self._forms.cookies.session)

    async def change_password(self, request: Request, now: str, new: str) -> None:
        """Give who asks, and is signed in by a browser, another password; all their other browsers
        are signed out.

        Raises Refused as `enter` does where `now` is not the password, InputError for a new one
        that is too short or too long.
        """
        asker = self.asker(request)
        async with self._limits.sign_in(request.scope, folded(asker.name)):
            account = await run_in_threadpool(self._accounts.verified, asker.name, now)
            if account is None or account.account_id != asker.account:
                raise Refused("sign-in-failed")
        stays = request.cookies.get(self._forms.cookies.session, "")
        await run_in_threadpool(self._accounts.change, account, new, asker.account, stays)

    def asker(self, request: Request) -> Asker:
        """Who asks. A bearer token stands alone: Raises Refused where it opens nothing, whatever
        cookie comes with it."""
        asker = request.state.asker = self._known(request)
        return asker

    async def comes(self, request: Request) -> Asker:
        """As asker, without a thread for a visitor, of whom nothing is looked up."""
        if bearer(request) is None and not request.cookies.get(self._forms.cookies.session):
            return self.asker(request)
        return await run_in_threadpool(self.asker, request)

    def office(self, request: Request) -> Asker:
        """Who asks, signed in. Raises Refused for a visitor."""
        asker = self.asker(request)
        if not asker.account:
            raise Refused("sign-in")
        return asker

    def _known(self, request: Request) -> Asker:
        token = bearer(request)
        if token is not None:
            account = self._sessions.account(token, "bearer")
            if account is None:
                raise Refused("sign-in")
            return Asker(account, self._accounts.name(account))
        session = request.cookies.get(self._forms.cookies.session)
        if session and (account := self._sessions.account(session, "cookie")):
            return Asker(account, self._accounts.name(account))
        return Asker()

    def _end(self, request: Request) -> None:
        if session := request.cookies.get(self._forms.cookies.session):
            self._sessions.end(session)
