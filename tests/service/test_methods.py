"""Addresses asked by every method, and with a slash too many."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from matching_spark.domain.posts import Post
from matching_spark.service.app import create_app
from matching_spark.service.guards.limits import OFFICE, Limits
from matching_spark.service.pages.render import pair_url
from matching_spark.service.running import Service
from matching_spark.service.watch import Watch
from tests.service.conftest import WHO, listening, signed_in
from tests.support.processes import LONG_S


def test_head_is_told_what_get_would_be(browser: TestClient, running: Service, bag: str) -> None:
    signed_in(browser, running)
    photo = running.photo_names.picture(bag).small
    paths = ("/", "/mine", "/confirm", "/office", f"/office/posts/{bag}", "/favicon.ico", photo)
    for path in (*paths, "/api/openapi.json", "/nowhere", "/search"):
        got, told = (browser.request(m, path, follow_redirects=False) for m in ("GET", "HEAD"))
        assert told.status_code == got.status_code, path
        for name in ("content-type", "content-length", "cache-control", "content-security-policy"):
            assert told.headers.get(name) == got.headers.get(name), (path, name)


@contextmanager
def connected(running: Service) -> Iterator[http.client.HTTPConnection]:
    """To a server of its own."""
    with listening(create_app(running)) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG_S)
        try:
            yield client
        finally:
            client.close()


def test_head_has_no_body_and_the_connection_goes_on(running: Service) -> None:
    with connected(running) as client:
        for method in ("HEAD", "GET", "HEAD", "GET"):
            client.request(method, "/")
            answer = client.getresponse()
            body = answer.read()
            assert answer.status == 200
            assert len(body) == (0 if method == "HEAD" else int(answer.headers["Content-Length"]))


def test_an_address_with_its_host_is_that_hosts(running: Service) -> None:
    """As a client sends it that takes the service for a proxy."""
    with connected(running) as client:
        for path, status in (("/", 200), ("", 200), ("/mine?x=http://a", 200), ("/nowhere/x", 404)):
            client.request("GET", f"http://127.0.0.1:8008{path}", headers={"Accept": "text/html"})
            answer = client.getresponse()
            answer.read()
            assert (answer.status, answer.headers["Location"]) == (status, None), path
        form = {"Content-Type": "application/x-www-form-urlencoded", "Host": "127.0.0.1:8008"}
        client.request(
            "POST", "http://evil.example/lang", b"lang=en", form | {"Origin": "http://evil.example"}
        )
        answer = client.getresponse()
        assert json.loads(answer.read())["type"] == "/problems/elsewhere"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/office/posts/s-1", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("/api/office/posts/s-1/close", {"GET", "HEAD", "POST", "PATCH", "DELETE"}),  # or an id
        ("/api/search", {"POST"}),
        ("/office/search", {"GET", "HEAD", "POST"}),
        ("/mine", {"GET", "HEAD", "POST"}),
    ],
)
def test_a_method_that_is_not_taken_is_told_which_are(
    running: Service, path: str, allowed: set[str]
) -> None:
    client = TestClient(create_app(running), base_url="http://127.0.0.1:8008")
    for method in ("PUT", "OPTIONS", "TRACE"):
        answer = client.request(method, path)
        assert answer.status_code == 405
        assert answer.json()["type"] == "/problems/no-such-method"
        assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("accept", "page", "problem"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html", "html"),
        ("Text/HTML", "html", "html"),
        ("application/json", "json", "json"),
        ("application/json, */*;q=0.1", "json", "json"),
        ("text/html;q=0, application/json", "json", "json"),
        ("application/json;q=0.9, text/html;level=1;q=0.1", "json", "json"),
        ("application/json;q=0, text/html", "html", "html"),
        ("application/json;q=0", "html", "json"),
        ("*/*", "html", "json"),
        ("text/html;q=much", "html", "json"),
    ],
)
def test_what_is_liked_most_is_answered(
    running: Service, accept: str, page: str, problem: str
) -> None:
    client = TestClient(create_app(running), base_url="http://127.0.0.1:8008")
    for path, kind in (("/", page), ("/nowhere", problem)):
        answer = client.get(path, headers={"Accept": accept})
        assert kind in answer.headers["content-type"], path


def test_a_slash_too_many_leads_a_browser_on_and_no_program_elsewhere(running: Service) -> None:
    """The whole address was one of http, also behind a proxy that brings https: a program would
    have sent its token there, in the clear."""
    client = TestClient(create_app(running), base_url="http://found.example")
    for path, to in (
        ("/mine/", "/mine"),
        ("/office/", "/office"),
        ("/nowhere//", "/nowhere"),
        ("/%2Fevil.example/", "/evil.example"),
        ("/%5Cevil.example/", "/%5Cevil.example"),
        ("/%EA%B0%80%3F/", "/%EA%B0%80%3F"),
    ):
        answer = client.get(path, headers={"Accept": "text/html"}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, to)
    for path in ("/api/search/", "/api/office/search/", "/mine/"):
        answer = client.post(path, follow_redirects=False)
        assert "location" not in answer.headers
        assert answer.status_code == 404


def test_a_page_that_searches_counts_as_a_search(
    browser: TestClient, running: Service, bag: str
) -> None:
    """Else a page that is opened again and again takes all threads that searches have, and more."""
    signed_in(browser, running)
    lost = Post("", "lost", "가방", title="보라색 줄무늬 가방")
    lost_id = running.desk.add(lost, [], WHO, None).post.post_id
    once = running.settings.service.model_copy(update={"searches_a_minute": 1})
    for path in (f"/office/search?post={bag}", pair_url(lost_id, bag)):
        guards = replace(running.guards, limits=Limits(once))
        client = TestClient(create_app(replace(running, guards=guards)), cookies=browser.cookies)
        client.base_url = browser.base_url
        answers = [client.get(path) for _ in range(OFFICE + 1)]
        assert [each.status_code for each in answers] == [200] * OFFICE + [429]
        assert int(answers[-1].headers["retry-after"]) > 0


def test_requests_are_counted_by_the_whole_path_of_their_route(running: Service) -> None:
    """POST /api/office/search was counted as the office's page, and that as a person's."""
    app, watch = create_app(running), Watch(running)
    client = TestClient(watch.around(app), base_url="http://127.0.0.1:8008")
    asked = set()
    for route in iter_route_contexts(app.routes):
        if route.path == app.openapi_url:  # a library's own
            continue
        methods = set(route.methods or ())
        for method in methods | ({"HEAD"} if "GET" in methods else set()):
            path = re.sub(r"\{[^}]*\}", "x", str(route.path))
            client.request(method, path, follow_redirects=False)
            asked.add((method, route.path))
    samples = [each for metric in watch.registry.collect() for each in metric.samples]
    counted = {
        (s.labels["method"], s.labels["route"]) for s in samples if s.name.endswith("_count")
    }
    assert counted == asked
    assert {
        ("POST", "/search"),
        ("POST", "/office/search"),
        ("POST", "/api/office/search"),
    } <= asked
