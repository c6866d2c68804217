"""What changes something is done only where it was meant: every way to send it, from everywhere."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import Route

from matching_spark.config import Settings
from matching_spark.errors import UsageError
from matching_spark.service.guards.forms import origin_of
from matching_spark.service.guards.guards import check_listening
from tests.support.guarded import (
    HERE,
    NAME,
    PASSWORD,
    Guarded,
    guarded,
    signed_in,
    token_of,
    unguarded,
)

pytestmark = pytest.mark.anyio
ELSEWHERE = "https://evil.example"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path) as made:
        made.accounts.add(NAME, PASSWORD)
        yield made


ORIGINS = (None, HERE, ELSEWHERE, "null", "", "http://127.0.0.1", "https://127.0.0.1:8000")
SITES = (None, "same-origin", "same-site", "cross-site", "none")
TOKENS = ("right", "none", "another's", "cut")
PLACES = ("field", "multipart", "header")


async def test_the_matrix(service: Guarded) -> None:
    """Of every origin, site and token, for visitors and for who is signed in: done where both are
    right, and in no other case."""
    async with service.client() as signed, service.client() as visitor, service.client() as other:
        await signed_in(signed)
        anothers = await token_of(other)
        for client in (signed, visitor):
            right = await token_of(client)
            given = {"right": right, "none": "", "another's": anothers, "cut": right[:-1]}
            for origin, site, token, place in itertools.product(ORIGINS, SITES, TOKENS, PLACES):
                if place != "header" and (origin not in (HERE, None) or token == "cut"):
                    continue  # where the token stands is tried on some
                headers = {} if origin is None else {"Origin": origin}
                headers |= {} if site is None else {"Sec-Fetch-Site": site}
                data = {"words": "x"}
                if place == "header":
                    headers["X-CSRF-Token"] = given[token]
                elif token != "none":
                    data["csrf"] = given[token]
                files = {"photo": b"x"} if place == "multipart" else None
                service.done.clear()
                answer = await client.post("/change", data=data, headers=headers, files=files)
                own = origin == HERE or (origin is None and site is not None)
                meant = own and site in (None, "same-origin", "none")
                case = (origin, site, token, place)
                assert (answer.status_code == 200) == (meant and token == "right"), case
                assert service.done == (["x"] if answer.status_code == 200 else []), case
                if answer.status_code != 200:
                    kind = "form-expired" if meant else "elsewhere"
                    assert answer.status_code == 403
                    assert answer.json()["type"] == f"/problems/{kind}", case


async def test_without_any_cookie_a_page_is_not_served_and_the_api_is(service: Guarded) -> None:
    """SameSite=Lax takes the cookies from another site's form: it may not sign anybody in."""
    async with service.client() as client:
        for origin in (None, HERE, ELSEWHERE):
            headers = {"Origin": origin} if origin else {}
            form = {"name": NAME, "password": PASSWORD, "csrf": "x"}
            refused = await client.post("/office/sign-in", data=form, headers=headers)
            assert refused.status_code == 403
            assert "set-cookie" not in refused.headers
            api = await client.post("/api/change", json={"words": "x"}, headers=headers)
            assert api.status_code == (403 if origin == ELSEWHERE else 200)
        cross = await client.post("/api/any", headers={"Sec-Fetch-Site": "cross-site"})
        assert cross.status_code == 403


async def test_the_api_asks_a_browser_for_its_token(service: Guarded) -> None:
    async with service.client() as client:
        await signed_in(client)
        token = await token_of(client)
        for headers, status in (
            ({"Origin": HERE, "X-CSRF-Token": token}, 200),
            ({"Origin": HERE}, 403),
            ({"X-CSRF-Token": token}, 403),  # no origin, but a cookie
            ({"Origin": ELSEWHERE, "X-CSRF-Token": token}, 403),
            ({"Authorization": "Bearer x"}, 200),  # the route asks for nobody
        ):
            answer = await client.post("/api/change", json={"words": "x"}, headers=headers)
            assert answer.status_code == status, headers
        # A token in the body of JSON is no field of a form.
        said = await client.post("/api/any", json={"csrf": token}, headers={"Origin": HERE})
        assert said.status_code == 403


async def test_the_token_goes_with_the_cookie(service: Guarded) -> None:
    async with service.client() as client:
        first = await token_of(client)
        assert await token_of(client) == first
        await signed_in(client)
        second = await token_of(client)
        assert second != first
        assert client.cookies["session"] not in second
        await signed_in(client)
        assert await token_of(client) != second  # a new session's
        answer = await client.post("/change", data={"csrf": second}, headers={"Origin": HERE})
        assert answer.status_code == 403


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1.evil.example", "", "localhost@x"])
async def test_a_name_that_was_made_to_point_here_is_none_of_ours(
    service: Guarded, host: str
) -> None:
    async with service.client() as client:
        headers = {"Host": host, "Origin": f"http://{host}"}
        assert (await client.post("/api/any", headers=headers)).status_code == 403
        assert (await client.get("/form", headers=headers)).status_code == 200


async def test_behind_a_proxy_the_address_is_the_settings(tmp_path: Path) -> None:
    """Whatever host and scheme the proxy asks by."""
    with guarded(tmp_path, url="https://Found.example:443/lost") as service:
        async with service.client(base_url="https://found.example") as client:
            token = await token_of(client)
            for origin, status in (("https://found.example", 200), ("https://127.0.0.1:8000", 403)):
                headers = {"Origin": origin, "Host": "127.0.0.1:8000", "X-CSRF-Token": token}
                assert (await client.post("/change", headers=headers)).status_code == status


async def test_other_methods_are_held_to_it_too(service: Guarded) -> None:
    service.app.add_api_route("/made", lambda: "done", methods=["PUT", "PATCH", "DELETE", "GET"])
    async with service.client() as client:
        for method in ("PUT", "PATCH", "DELETE"):
            assert (await client.request(method, "/made")).status_code == 403
        assert (await client.get("/made")).json() == "done"


def test_a_route_without_the_check_is_told(service: Guarded) -> None:
    guards = service.guards
    assert unguarded(service.app, guards) == []
    inside = APIRouter(prefix="/in")
    inside.add_api_route("/side", lambda: "done", methods=["POST"])
    service.app.include_router(inside)
    assert unguarded(service.app, guards) == []
    service.app.router.routes.append(Route("/raw", lambda _: None, methods=["POST"]))
    service.app.mount("/mounted", FastAPI())
    assert unguarded(service.app, guards) == ["POST /raw", "ANY /mounted"]
    bare = FastAPI()
    bare.include_router(inside)
    assert unguarded(bare, guards) == ["POST /in/side"]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Found.Example:443/a", "https://found.example"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("ftp://found.example", ""),
        ("null", ""),
        ("http://found.example:99999", ""),
        ("http://[::1", ""),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_it_listens_for_others_only_where_that_is_meant() -> None:
    settings = Settings()
    for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"):
        settings.service.host = host
        check_listening(settings)
    for host in ("0.0.0.0", "::", "192.168.0.5", "found.example", "", "localhost.evil.example"):
        settings.service.host, settings.service.public, settings.service.url = host, False, None
        with pytest.raises(UsageError, match=r"service.public = true"):
            check_listening(settings)
        settings.service.public = True
        with pytest.raises(UsageError, match=r"needs service.url"):
            check_listening(settings)
        settings.service.url = "https://found.example"
        check_listening(settings)
    told = type(settings.service).model_fields["public"].description
    assert told
    assert "Not yet defended" in told
