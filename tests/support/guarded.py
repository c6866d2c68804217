"""A small application behind the service's guards, and the client that asks it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
from argon2 import PasswordHasher
from fastapi import Body, Depends, FastAPI, Form, Request, Response, UploadFile
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field

from matching_spark.config import Settings
from matching_spark.journal.store import Journal
from matching_spark.service.guards.accounts import Accounts
from matching_spark.service.guards.door import Asker
from matching_spark.service.guards.forms import SAFE
from matching_spark.service.guards.guards import Guards
from matching_spark.service.guards.limits import idempotency_key
from matching_spark.service.guards.problems import Page
from matching_spark.service.guards.sessions import Sessions

KEY = "a key that only these tests have."
HERE = "http://127.0.0.1:8000"
NAME, PASSWORD = "김하나", "correct horse battery"


class Counting(PasswordHasher):
    """Cheap hashes, and how many were verified."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        self.verified += 1
        return super().verify(hash, password)


class Asked(BaseModel):
    """A body with something to get wrong in it."""

    model_config = {"extra": "forbid"}
    words: str = Field(max_length=20)
    top: int = Field(default=1, ge=1)


def settings_of(folder: Path, **service: Any) -> Settings:
    made = Settings()
    made.service.journal, made.service.key = str(folder / "journal"), KEY
    for name, value in service.items():
        setattr(made.service, name, value)
    return made


class Guarded:
    """The application and what guards it. raised: what GET /raised raises."""

    def __init__(self, settings: Settings, journal: Journal, page: Page | None) -> None:
        self.journal, self.hasher = journal, Counting()
        self.guards = Guards.of(settings, journal, self.hasher)
        self.accounts = Accounts(journal, self.hasher)
        self.sessions = Sessions(journal, settings.service.session_hours)
        self.raised: Callable[[], Exception] = lambda: Exception("nothing")
        self.done: list[str] = []
        self.app = FastAPI(dependencies=self.guards.dependencies, docs_url=None, redoc_url=None)
        self._routes_of_all()
        self._routes_of_the_office()
        self.guards.protect(self.app, page)

    def client(self, **more: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=more.pop("client", ("192.0.2.1", 1)))
        return httpx.AsyncClient(transport=transport, **{"base_url": HERE, **more})

    def _routes_of_all(self) -> None:
        app, guards = self.app, self.guards

        @app.get("/form")
        def form(request: Request) -> dict[str, str]:
            return {"csrf": guards.forms.token(request)}

        @app.post("/change")
        def change(words: Annotated[str, Form()] = "") -> str:
            self.done.append(words)
            return "done"

        @app.post("/api/change")
        def change_by_json(asked: Asked) -> str:
            self.done.append(asked.words)
            return "done"

        @app.post("/api/any")
        async def any_body(request: Request) -> int:
            return len(await request.body())

        @app.post("/upload", dependencies=[Depends(guards.limits.work("upload"), scope="function")])
        def upload(photo: UploadFile) -> int:
            return len(photo.file.read())

        @app.post("/api/key")
        def key(
            request: Request, asker: Annotated[Asker, Depends(guards.door.asker)]
        ) -> tuple[str, str | None]:
            return asker.account, idempotency_key(request)

        @app.get("/raised/{said}")
        def raised(said: str) -> None:
            raise self.raised()

    def _routes_of_the_office(self) -> None:
        app, guards = self.app, self.guards

        @app.post("/office/sign-in")
        async def sign_in(
            request: Request,
            answer: Response,
            name: Annotated[str, Form()],
            password: Annotated[str, Form()],
        ) -> str:
            guards.door.admit(answer, await guards.door.enter(request, name, password))
            return "in"

        @app.post("/office/sign-out")
        async def sign_out(request: Request, answer: Response) -> str:
            await guards.door.leave(request, answer)
            return "out"

        @app.get("/office")
        def office(asker: Annotated[Asker, Depends(guards.door.office)]) -> str:
            return asker.name

        @app.post("/api/office")
        def office_api(
            asker: Annotated[Asker, Depends(guards.door.office)], said: Annotated[Any, Body()]
        ) -> str:
            return asker.name


@contextmanager
def guarded(folder: Path, page: Page | None = None, **service: Any) -> Iterator[Guarded]:
    """service: settings of the group that are not the default."""
    settings = settings_of(folder, **service)
    journal = Journal.open_or_create(settings)
    try:
        yield Guarded(settings, journal, page)
    finally:
        journal.close()


def unguarded(app: FastAPI, guards: Guards) -> list[str]:
    """The routes that may change something without the check of forms, included ones too."""
    out = []
    for route in iter_route_contexts(app.routes):
        methods = set(route.methods or ("ANY",)) - set(SAFE)
        calls = []
        waiting = [getattr(route, "dependant", None)]
        while waiting:
            if each := waiting.pop():
                calls.append(each.call)
                waiting.extend(each.dependencies)
        if methods and guards.forms.check not in calls:
            out.append(f"{','.join(sorted(methods))} {route.path}")
    return out


async def token_of(client: httpx.AsyncClient) -> str:
    """What the page's form carries, now that the client has its cookie."""
    said: str = (await client.get("/form")).json()["csrf"]
    return said


async def sent(client: httpx.AsyncClient, to: str, **form: str) -> httpx.Response:
    """A form of the service's own pages, as a browser sends it."""
    data = {"csrf": await token_of(client), **form}
    return await client.post(to, data=data, headers={"Origin": str(client.base_url).rstrip("/")})


async def signed_in(client: httpx.AsyncClient, name: str = NAME, password: str = PASSWORD) -> int:
    """The status of the answer."""
    answer = await sent(client, "/office/sign-in", name=name, password=password)
    return answer.status_code
