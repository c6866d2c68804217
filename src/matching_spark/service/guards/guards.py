"""The guards of the service together: what create_app puts around its routes."""

from dataclasses import dataclass

from argon2 import PasswordHasher
from fastapi import Depends, FastAPI
from fastapi.params import Depends as Dependency

from matching_spark.config import Settings
from matching_spark.errors import UsageError
from matching_spark.http_client import is_loopback
from matching_spark.journal.store import Journal
from matching_spark.service.guards.accounts import Accounts
from matching_spark.service.guards.bodies import Bodies
from matching_spark.service.guards.door import Door
from matching_spark.service.guards.forms import Forms, SetsVisitor
from matching_spark.service.guards.headers import Headers, Heads, Targets
from matching_spark.service.guards.limits import Limits, Work
from matching_spark.service.guards.problems import Page, Problems, leave_to_problems
from matching_spark.service.guards.sessions import Sessions


@dataclass(frozen=True)
class Guards:
    """forms: tokens; door: who asks; limits: how much; accounts: who may sign in."""

    settings: Settings
    forms: Forms
    door: Door
    limits: Limits
    accounts: Accounts

    @classmethod
    def of(
        cls, settings: Settings, journal: Journal, hasher: PasswordHasher | None = None
    ) -> "Guards":
        """Those that the settings say. hasher: of Accounts."""
        service = settings.service
        forms, limits = Forms(service.key or "", service.url), Limits(service)
        sessions = Sessions(journal, service.session_hours)
        accounts = Accounts(journal, hasher)
        door = Door(accounts, sessions, forms, limits)
        return cls(settings, forms, door, limits, accounts)

    @property
    def dependencies(self) -> list[Dependency]:
        """Of the whole application: FastAPI(dependencies=guards.dependencies)."""
        return [Depends(self.forms.check)]

    def work(self, kind: Work) -> list[Dependency]:
        """Of a route that does such work: who asks is known, and may ask so much of it."""
        admitted = Depends(self.limits.work(kind), scope="function")
        return [Depends(self.door.comes), admitted]

    def protect(self, app: FastAPI, page: Page | None = None) -> None:
        """Put the middleware around the application. page: makes the page of a problem."""
        leave_to_problems(app)
        # The last is the outermost.
        app.add_middleware(Bodies, limits=self.limits, settings=self.settings.service)
        app.add_middleware(Problems, page=page)
        app.add_middleware(SetsVisitor, cookies=self.forms.cookies)
        app.add_middleware(Headers, secure=self.forms.cookies.secure)
        app.add_middleware(Heads)
        app.add_middleware(Targets)


def check_listening(settings: Settings) -> None:
    """Raises UsageError where the service would listen for others than this machine, unless that is
    meant, and people can be told from strangers there."""
    service = settings.service
    if is_loopback(service.host):
        return
    if not service.public:
        raise UsageError(
            f"service.host is {service.host}, where others reach the service: set service.public = "
            "true if that is meant (`matching-spark config` names it; docs/service.md says what "
            "is not yet defended), or leave it at 127.0.0.1",
            argument="service.host",
        )
    if service.url is None:
        raise UsageError(
            "service.public needs service.url: under which address people reach the service, as "
            "https://found.example, by which forms of its own are told from those of others",
            argument="service.url",
        )
