"""Every error is one documented problem, in words of the service, and leaks nothing."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from matching_spark import errors
from matching_spark.embed.photos import REASONS
from matching_spark.errors import (
    InputError,
    MatchingError,
    ModelError,
    NotFoundError,
    PhotoError,
    RemoteError,
    StaleError,
    StorageError,
    UsageError,
)
from matching_spark.score.components import Language
from matching_spark.service.guards import problems
from matching_spark.service.guards.problems import STATUS, CutShort, Problem, Refused, problem_of
from matching_spark.service.pages.contexts import ProblemKind
from matching_spark.service.pages.words import say, table
from tests.support.guarded import Guarded, guarded

pytestmark = pytest.mark.anyio
# What stands in errors' messages, and may be said to nobody.
CANARY = "/var/lib/secret --flag service.key kim@example.com 010-1234-5678"
KINDS = {name for part in get_args(ProblemKind) for name in get_args(part)}


def page_of(request: Request, problem: Problem, language: Language) -> Response:
    return HTMLResponse(f"<h1>{problem.title}</h1>", problem.status, {"X-Language": language})


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path, page=page_of) as made:
        yield made


def every(kind: type[MatchingError]) -> Iterator[type[MatchingError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from every(each)


OF_ERRORS: list[tuple[Exception, ProblemKind, int]] = [
    (MatchingError(CANARY), "unavailable", 503),
    (UsageError(CANARY), "error", 500),
    (UsageError(CANARY, argument="service.journal"), "error", 500),
    (UsageError(CANARY, argument="top_k"), "bad-request", 400),
    (InputError(CANARY), "invalid", 422),
    (InputError(CANARY, argument="category"), "invalid", 422),
    (InputError(CANARY, argument="key"), "key-reused", 422),
    (InputError(CANARY, argument="asked"), "search-over", 422),
    (PhotoError("truncated", CANARY), "photo-unreadable", 422),
    (PhotoError("too-many-pixels", CANARY), "photo-too-large", 422),
    (NotFoundError(CANARY), "not-found", 404),
    (StaleError(CANARY), "conflict", 409),
    (StorageError(CANARY), "unavailable", 503),
    (RemoteError(CANARY), "unavailable", 503),
    (ModelError(CANARY), "unavailable", 503),
    (Refused("gone"), "gone", 410),
    (HTTPException(415, CANARY), "bad-request", 415),
    (HTTPException(404, CANARY), "not-found", 404),
    (HTTPException(502, CANARY), "error", 500),
    (ValueError(CANARY), "error", 500),
    (KeyError(CANARY), "error", 500),
    (OSError(2, CANARY, CANARY), "error", 500),
    (ExceptionGroup(CANARY, [ValueError(CANARY)]), "error", 500),
]


def test_every_class_of_the_tree_is_among_them() -> None:
    tried = {type(error) for error, _, _ in OF_ERRORS}
    own = {each for each in every(MatchingError) if each.__module__ == errors.__name__}
    assert own <= tried


@pytest.mark.parametrize("language", ["ko", "en"])
def test_each_error_is_one_problem(language: Language) -> None:
    for error, kind, status in OF_ERRORS:
        problem = problem_of(error, language)
        assert (problem.kind, problem.status) == (kind, status), error
        assert problem.title == say(f"problem.{kind}", language)
        assert problem.instance.startswith("urn:uuid:")
        assert problem.instance != problem_of(error, language).instance
        said = str(problem.to_dict()) + str(problem.headers)
        assert not [part for part in CANARY.split() if part in said], error
        assert ("Retry-After" in problem.headers) == (status == 503)


def test_every_kind_and_every_reason_of_a_photo_has_words() -> None:
    assert STATUS.keys() == KINDS
    for reason in REASONS:
        assert f"wrong.{reason}" in table()
        assert problem_of(PhotoError(reason, ""), "en").detail == say(f"wrong.{reason}", "en")


async def ask(service: Guarded, error: Exception | None = None, **headers: str) -> Any:
    if error is not None:
        service.raised = lambda: error
    async with service.client() as client:
        return await client.get("/raised/x", headers=headers)


async def test_an_answer_is_as_rfc_9457_has_it(service: Guarded) -> None:
    answer = await ask(
        service, InputError(CANARY, argument="category"), **{"accept-language": "en"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "en"
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert said.pop("instance").startswith("urn:uuid:")
    assert said == {
        "type": "/problems/invalid",
        "title": "Please check what you entered",
        "status": 422,
        "detail": "Go back and correct it.",
        "errors": [{"detail": "This value does not fit.", "pointer": "#/category"}],
    }
    for error, kind, status in OF_ERRORS:
        answer = await ask(service, error)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


async def test_what_a_body_lacks_is_told_by_its_fields_in_plain_words(service: Guarded) -> None:
    async with service.client() as client:

        async def wrong(**sent: Any) -> list[tuple[str, str]]:
            answer = await client.post("/api/change", headers={"Accept-Language": "en"}, **sent)
            assert answer.status_code == 422
            assert "pydantic" not in answer.text
            assert "input" not in answer.json()
            return [(each["pointer"], each["detail"]) for each in answer.json()["errors"]]

        assert await wrong(json={}) == [("#/words", "This is needed.")]
        assert await wrong(json={"words": "x" * 21, "top": "many"}) == [
            ("#/words", "This is too long, or too much."),
            ("#/top", "This has to be a whole number."),
        ]
        assert await wrong(json={"words": "x", "a/b~c\n": CANARY}) == [
            ("#/a~1b~0c", "There is no such field.")
        ]
        json = {"Content-Type": "application/json"}
        broken = await client.post("/api/change", content=b'{"words": ', headers=json)
        assert broken.json()["errors"] == [{"detail": "JSON으로 읽을 수 없습니다.", "pointer": "#"}]
        assert len(await wrong(json={"words": "x", **{f"f{n}": 0 for n in range(99)}})) == 20
        assert await wrong(json=[CANARY]) == [("#", "This has to be an object of JSON.")]


async def test_unknown_addresses_and_methods(service: Guarded) -> None:
    async with service.client() as client:
        nothing = await client.get(f"/nothing/{CANARY}")
        assert (nothing.status_code, nothing.json()["type"]) == (404, "/problems/not-found")
        method = await client.put("/form")
        assert (method.status_code, method.headers["allow"]) == (405, "GET, HEAD")
        assert method.json()["type"] == "/problems/no-such-method"


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "ko"),
        ({"accept-language": "en"}, "en"),
        ({"accept-language": "EN-gb,ko;q=0.9"}, "en"),
        ({"accept-language": "de,fr;q=0.9"}, "ko"),
        ({"accept-language": "en;q=0.3, ko;q=0.4"}, "ko"),
        ({"accept-language": "en;q=0, ko"}, "ko"),
        ({"accept-language": ";;q=,,=x" * 999}, "ko"),
        ({"accept-language": "en;q=nan"}, "ko"),
        ({"accept-language": "en", "cookie": "lang=ko"}, "ko"),
        ({"cookie": "lang=en"}, "en"),
        ({"cookie": "lang=<script>", "accept-language": "en"}, "en"),
    ],
)
async def test_the_language_is_the_persons(
    service: Guarded, headers: dict[str, str], language: Language
) -> None:
    answer = await ask(service, Refused("gone"), **headers)
    assert answer.json()["title"] == say("problem.gone", language)


async def test_browsers_get_a_page_but_of_the_api(service: Guarded) -> None:
    html = {"accept": "text/html,*/*;q=0.8"}
    answer = await ask(service, Refused("too-many", retry_after=7), **html)
    assert answer.text == f"<h1>{say('problem.too-many', 'ko')}</h1>"
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    async with service.client() as client:
        assert "<h1>" in (await client.get("/nothing", headers=html)).text
        for path in ("/api/nothing", "/api/change"):
            answer = await client.get(path, headers=html)
            assert answer.headers["content-type"] == "application/problem+json"


async def test_the_log_has_the_number_and_the_place_but_no_value(
    service: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def chained() -> Exception:
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            return KeyError(CANARY).with_traceback(error.__traceback__)

    for error in (chained(), InputError(CANARY), UsageError(CANARY), ModelError(CANARY)):
        caplog.clear()
        answer = await ask(service, error)
        logged = [each for each in caplog.records if answer.json()["instance"] in each.message]
        assert len(logged) == 1
        assert "GET /raised/{said}" in logged[0].message
        assert (logged[0].levelno == logging.ERROR) == (answer.status_code >= 500)
        assert not [part for part in CANARY.split() if part in caplog.text]
        if answer.status_code == 500:
            assert "guarded.py" in logged[0].message  # where it was raised
    caplog.clear()
    async with service.client() as client:
        answer = await client.request("CANARY", "/raised/CANARY")
    assert answer.json()["instance"] in caplog.text
    said = [each.message for each in caplog.records if each.name.startswith("matching_spark")]
    assert "CANARY" not in "".join(said)
    caplog.clear()
    await ask(service, StorageError("the disk is full"))
    assert "the disk is full" in caplog.text  # which is the operator's to see to


async def test_an_answer_that_was_begun_is_cut_short(service: Guarded) -> None:
    async def broken() -> Any:
        yield b"half"
        raise ValueError(CANARY)

    service.app.add_api_route("/broken", lambda: StreamingResponse(broken()))
    async with service.client() as client:
        with pytest.raises(CutShort, match="urn:uuid") as cut:
            await client.get("/broken")
    assert cut.value.__cause__ is None
    assert cut.value.__suppress_context__


async def test_headers_of_every_answer(service: Guarded, tmp_path: Path) -> None:
    service.app.add_api_route(
        "/kept", lambda: Response("x", headers={"Cache-Control": "max-age=31536000, immutable"})
    )
    async with service.client() as client:
        for path in ("/form", "/nothing", "/raised/x", "/office"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            for rule in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
                assert rule in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert "camera=(self)" in headers["permissions-policy"]
            assert headers["cache-control"] == "no-store"
            assert "strict-transport-security" not in headers
        assert "immutable" in (await client.get("/kept")).headers["cache-control"]
    with guarded(tmp_path / "https", url="https://found.example") as secure:
        async with secure.client() as client:
            assert "max-age" in (await client.get("/form")).headers["strict-transport-security"]


def test_every_kind_of_problem_is_made_by_something() -> None:
    """Whoever reads the list of them handles no other."""
    folder = Path(problems.__file__).parents[1]
    code = "".join(each.read_text("utf-8") for each in folder.rglob("*.py"))
    own = Path(problems.__file__).read_text("utf-8").partition("_OF_STATUS:")[2]
    made = re.findall(r'Refused\(\s*"([\w-]+)"', code) + re.findall('"([a-z-]+)"', own)
    assert set(STATUS) - set(made) == set()
