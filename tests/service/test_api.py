"""The API as a program asks it: what it takes, what it refuses and how it says so."""

import base64
import datetime as dt
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from matching_spark.domain.posts import Post
from matching_spark.journal.events import PostAdded
from matching_spark.journal.kept import Vector
from matching_spark.journal.posts import StoredPost
from matching_spark.service.running import Service
from tests.service.conftest import WHO, drawn

OFFICE = "/api/office"


def test_what_a_program_calls_a_thing_is_kept_in_the_lists_words(program: TestClient) -> None:
    """As of every source: else no filter finds it, and its colour speaks against its own."""
    said = {"category": "bag", "colour": "purple", "region": "seoul"}
    kept = {"category": "가방", "colour": "보라", "region": "서울"}
    new = program.post(f"{OFFICE}/posts", json={"title": "줄무늬 가방"} | said).json()
    assert kept.items() <= new.items()
    plain = program.post(
        f"{OFFICE}/posts", json={"title": "줄무늬 가방", "colour": "무지개"}
    ).json()
    assert plain["colour"] == "무지개"
    edited = program.patch(f"{OFFICE}/posts/{plain['post_id']}", json=said).json()
    assert kept.items() <= edited.items()
    filters = {"only_category": "bag", "only_colour": "purple", "only_region": "seoul"}
    found = program.post(f"{OFFICE}/search", json={"words": "가방"} | filters).json()["results"]
    assert {each["post_id"] for each in found} == {new["post_id"], plain["post_id"]}


def pointers(answer: Any) -> list[str]:
    """The fields that a refusal names."""
    said = answer.json()
    return [each.get("pointer") or each["parameter"] for each in said.get("errors", [])]


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


WORDS, NOTHING, PHOTO = {"words": "가방"}, encoded(b"nothing"), encoded(drawn("purple"))


@pytest.mark.parametrize(
    ("path", "sent", "field"),
    [
        *(("/search", WORDS | {name: "우주선"}, name) for name in ("category", "only_category")),
        *(("/search", WORDS | {name: "무지개"}, name) for name in ("colour", "only_colour")),
        *(("/search", WORDS | {name: "화성"}, name) for name in ("region", "only_region")),
        ("/search", WORDS | {"since": "2026-12-01", "until": "2026-11-01"}, "until"),
        ("/search", WORDS | {"vector": [1.0]}, "vector"),
        ("/search", WORDS | {"post": "s-1"}, "post"),
        ("/search", WORDS | {"photo": "%"}, "photo"),
        ("/search", WORDS | {"photo": NOTHING}, "photo"),
        ("/search", {}, "words"),
        ("/search", {"words": "\u200b"}, "words"),
        ("/search", {"post": "s-1"}, "post"),
        ("/search", {"vector": [1, 2, 3]}, "vector"),
        ("/search", {"vector": []}, "vector"),
        ("/search", {"vector": [0.0] * 256}, "vector"),
        ("/posts", {}, "title"),
        ("/posts", {"title": "가방", "category": "우주선"}, "category"),
        ("/posts", {"title": "가방", "photos": [PHOTO, "%"]}, "photos/1"),
        ("/posts", {"title": "가방", "photos": [NOTHING, PHOTO]}, "photos/0"),
        ("/posts", {"title": "가방", "latitude": 37.5}, "longitude"),
        ("/posts", {"title": "가방", "longitude": 127}, "latitude"),
        ("/decisions", {"lost_id": "s-1", "found_id": "s-2", "verdict": "unsure"}, "lost_id"),
    ],
)
def test_what_is_refused_names_its_field(
    program: TestClient, path: str, sent: dict[str, Any], field: str
) -> None:
    answer = program.post(OFFICE + path, json=sent)
    assert answer.status_code in (404, 422)
    assert pointers(answer) == [f"#/{field}"]


def test_a_pair_that_cannot_be_decided_names_the_post_at_fault(
    program: TestClient, bag: str
) -> None:
    lost = program.post(f"{OFFICE}/posts", json={"kind": "lost", "title": "가방"}).json()["post_id"]
    for pair, field, status in (
        ((lost, "s-2"), "found_id", 404),
        ((lost, lost), "found_id", 422),
        ((bag, bag), "lost_id", 422),
    ):
        said = dict(zip(("lost_id", "found_id"), pair, strict=True)) | {"verdict": "unsure"}
        answer = program.post(f"{OFFICE}/decisions", json=said)
        assert (answer.status_code, pointers(answer)) == (status, [f"#/{field}"])


@pytest.mark.parametrize("path", ["/api/search", f"{OFFICE}/search"])
def test_a_search_for_nothing_is_told_what_to_send(program: TestClient, path: str) -> None:
    answer = program.post(path, json={"place": "강남역"})
    assert answer.json()["type"] == "/problems/nothing-asked"
    assert answer.json()["detail"] == "Choose a photo or write a few words."
    assert pointers(answer) == ["#/words"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("happened_on", value) for value in (86400, 0, "86400", True, "2026-11-25T10:00", "")),
        *(("latitude", value) for value in ("37.5", True)),
        ("title", 5),
        ("photos", PHOTO),
    ],
)
def test_a_value_of_another_type_is_refused_and_not_taken_for_one(
    program: TestClient, field: str, value: object
) -> None:
    """86400 was the second of January 1970, and true a latitude of 1."""
    sent = {"title": "가방", "longitude": 127, field: value}
    assert f"#/{field}" in pointers(program.post(f"{OFFICE}/posts", json=sent))


def test_numbers_beyond_all_are_refused_and_large_ones_compared(program: TestClient) -> None:
    dimension = 256
    for value in ("NaN", "Infinity", "1e999"):
        body = f'{{"vector": [{",".join([value] * dimension)}]}}'
        answer = program.post(
            f"{OFFICE}/search", content=body, headers={"Content-Type": "application/json"}
        )
        assert pointers(answer)[0] == "#/vector/0"
    for number in (1e39, 1e-200):  # beyond float32
        vector = {"vector": [number] * dimension}
        assert program.post(f"{OFFICE}/search", json=vector).status_code == 200


def test_a_post_names_the_photos_that_are_shown(program: TestClient, bag: str) -> None:
    counts = []
    for status in ("claimed", "open", "withdrawn", "open"):
        program.post(f"{OFFICE}/posts/{bag}/close", json={"status": status}).raise_for_status()
        photos = program.get(f"{OFFICE}/posts/{bag}").json()["photos"]
        assert all(program.get(url).status_code == 200 for each in photos for url in each.values())
        counts.append(len(photos))
    assert counts == [1, 1, 0, 1]


def test_a_search_names_photos_by_addresses_that_a_program_can_open(
    program: TestClient, running: Service, bag: str
) -> None:
    """And not by files of the service's disk."""
    (second,) = program.post(
        f"{OFFICE}/posts", json={"title": "줄무늬 가방", "photos": [encoded(drawn("red")), PHOTO]}
    ).json()["photos"][1:]
    asked = program.post(f"{OFFICE}/search", json={"photo": PHOTO})
    photos = [each["photo"] for each in asked.json()["results"]]
    assert sorted(photos) == sorted([second["large"], large(program, bag)])
    for url in photos:
        assert program.get(url).headers["content-type"] == "image/jpeg"
    assert running.settings.table not in asked.text
    worded = program.post(f"{OFFICE}/posts", json={"title": "초록색 우산"}).json()["post_id"]
    results = program.post(f"{OFFICE}/search", json={"words": "초록색 우산"}).json()["results"]
    assert {each["photo"] for each in results if each["post_id"] == worded} == {None}


def large(program: TestClient, post_id: str) -> str:
    """The address of a post's first photo."""
    return str(program.get(f"{OFFICE}/posts/{post_id}").json()["photos"][0]["large"])


def test_what_is_skipped_is_not_asked_for(program: TestClient, running: Service, bag: str) -> None:
    for region in ("부산", "대구"):
        other = Post("", "found", "가방", title="줄무늬 가방", region=region)
        running.desk.add(other, [], WHO, None)
    first = program.post("/api/search", json={"words": "줄무늬 가방"}).json()
    again = {"words": "줄무늬 가방", "skip": [first["question"]["fact"]]}
    second = program.post("/api/search", json=again).json()
    assert second == first | {"question": None, "asked": second["asked"]}


def test_no_edit_leaves_a_post_that_nothing_finds(program: TestClient, bag: str) -> None:
    new = program.post(f"{OFFICE}/posts", json={"title": "가방"}).json()
    url = f"{OFFICE}/posts/{new['post_id']}"
    for empty in ({"title": ""}, {"title": None, "description": " "}):
        answer = program.patch(url, json=empty)
        assert (answer.status_code, pointers(answer)) == (422, ["#/title"])
    assert program.get(url).json() == new
    pictured = program.patch(f"{OFFICE}/posts/{bag}", json={"title": ""})  # by its photo
    assert pictured.json()["title"] == ""


def added(running: Service, post: Post) -> str:
    """As a source that gives ids of its own has it."""
    model, now = running.desk.model, dt.datetime.now(dt.UTC)
    vector = Vector(f"text:{post.post_id}", model.name, model.embed_texts([post.text])[0])
    event = PostAdded(post.post_id, post.kind, post.category, "desk")
    content = StoredPost(post, "desk", 1, (), now).content()
    running.desk.journal.append(event, WHO, None, content, [vector])
    running.desk.tail.refresh()
    return post.post_id


def test_a_post_is_known_by_its_name_as_a_mac_has_it(
    program: TestClient, running: Service, bag: str
) -> None:
    """Of a folder of photos the ids are names of files, which a Mac writes in parts."""
    name = unicodedata.normalize("NFD", added(running, Post("지갑.jpg", "lost", title="검정 지갑")))
    assert name != "지갑.jpg"
    url = f"{OFFICE}/posts/{quote(name)}"
    assert program.get(url).json()["title"] == "검정 지갑"
    assert program.patch(url, json={"colour": "검정"}).json()["post_id"] == "지갑.jpg"
    assert program.post(f"{OFFICE}/search", json={"post": name}).status_code == 200
    said = {"lost_id": name, "found_id": bag, "verdict": "rejected"}
    assert program.post(f"{OFFICE}/decisions", json=said).json()["lost_id"] == "지갑.jpg"
    assert program.post(f"{url}/close", json={"status": "claimed"}).json()["status"] == "claimed"
    assert program.delete(url).status_code == 204
    assert running.desk.post("지갑.jpg") is None


def through(program: TestClient, asked: dict[str, Any]) -> list[str]:
    """The posts of a search, one at a time."""
    ids, cursor = [], ""
    while True:
        said = program.post(f"{OFFICE}/search", json=asked | {"limit": 1, "cursor": cursor}).json()
        ids += [each["post_id"] for each in said["results"]]
        cursor = said["cursor"]
        if not cursor:
            return ids


def test_a_cursor_goes_through_posts_of_any_id(program: TestClient, running: Service) -> None:
    named = ("가" * 512, "a" * 512, '"\\' * 256, "s-1")
    every = {added(running, Post(each, "found", "가방", title="줄무늬 가방")) for each in named}
    ids = through(program, {"words": "줄무늬 가방", "photo": PHOTO})
    assert (len(ids), set(ids)) == (4, every)


def test_a_cursor_is_of_its_own_question(program: TestClient, bag: str) -> None:
    for _ in range(2):
        program.post(f"{OFFICE}/posts", json={"title": "보라색 줄무늬 가방"})
    asked = {"words": "줄무늬 가방", "limit": 1}
    cursor = program.post(f"{OFFICE}/search", json=asked).json()["cursor"]
    more = program.post(f"{OFFICE}/search", json=asked | {"limit": 2, "cursor": cursor})
    assert len(more.json()["results"]) == 2
    for other in ({"words": "가방"}, {"colour": "보라"}, {"status": None}, {"photo": PHOTO}):
        refused = program.post(f"{OFFICE}/search", json=asked | other | {"cursor": cursor})
        assert (refused.status_code, pointers(refused)) == (422, ["#/cursor"])
    elsewhere = program.get(f"{OFFICE}/matches", params={"cursor": cursor})
    assert (elsewhere.status_code, pointers(elsewhere)) == (422, ["cursor"])


@pytest.mark.parametrize(
    "forged",
    [
        *("x", "!", "가", "20", "-1", encoded(b"[]"), encoded(b"{}"), encoded(b"[" * 6000)),
        *(encoded(f'["matches",false,{n},"a","b"]'.encode()) for n in ("NaN", "1e999", "true")),
        encoded(b'["matches",false,-1.0,"a"]'),
        encoded(b'["matches",false,-1.0,"a",{}]'),
    ],
)
def test_a_forged_cursor_is_refused_and_is_no_first_page(program: TestClient, forged: str) -> None:
    answer = program.get(f"{OFFICE}/matches", params={"cursor": forged})
    assert (answer.status_code, pointers(answer)) == (422, ["cursor"])


def test_who_decides_pairs_as_they_come_misses_none(program: TestClient, running: Service) -> None:
    """The cursor was a place in the list, which grows shorter by what is decided."""
    thing = {"category": "가방", "title": "보라색 줄무늬 가방", "colour": "보라", "place": "강남역"}
    for kind in ("lost", "found", "found", "found", "found", "lost"):
        program.post(f"{OFFICE}/posts", json=thing | {"kind": kind})
    running.review.refresh()
    queue = running.review.queue()
    assert len(queue) >= 6
    gone = queue[-1][1]  # closed since, which no match has seen yet
    program.post(f"{OFFICE}/posts/{gone}/close", json={"status": "claimed"})
    seen: list[tuple[str, str]] = []
    cursor = ""
    while True:
        said = program.get(f"{OFFICE}/matches?limit=2&cursor={cursor}").json()
        for each in said["matches"]:
            seen.append((each["lost_id"], each["found_id"]))
            program.post(f"{OFFICE}/decisions", json=each | {"verdict": "rejected"})
        cursor = said["cursor"]
        if not cursor:
            break
    assert seen == [pair for pair in queue if pair[1] != gone]


@pytest.mark.parametrize("limit", [0, -1, 101, 10**30])
def test_a_page_of_pairs_is_as_long_as_that_of_a_search(program: TestClient, limit: int) -> None:
    answer = program.get(f"{OFFICE}/matches", params={"limit": limit})
    assert (answer.status_code, pointers(answer)) == (422, ["limit"])


def described(program: TestClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of all that the description has."""
    for path, methods in program.get("/api/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_answer_is_described(program: TestClient, running: Service, bag: str) -> None:
    """Of each operation its example, one that is refused, and of a stranger."""
    schemas = program.get("/api/openapi.json").json()["components"]["schemas"]
    stranger = TestClient(program.app, base_url=str(program.base_url))
    answered = set()
    last = sorted(described(program), key=lambda each: each[1] == "delete")
    for path, method, operation in last:
        sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        schema = schemas.get(sent.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
        url = path.format(
            post_id=bag, name=running.photo_names.picture(bag).small.rpartition("/")[2]
        )
        for client in (program, stranger):
            for body in (*schema.get("examples", []), {"no": "such field"}, None):
                answer = client.request(method, url, json=body)
                answered.add((path, method, answer.status_code))
                told = operation["responses"].get(str(answer.status_code))
                if answer.is_success:
                    assert told is not None, (path, method, answer.status_code)
                    continue
                assert told is None
                kind = answer.headers["content-type"]
                problem = operation["responses"]["default"]["content"][kind]["schema"]
                said = answer.json()
                assert said["type"] in problem["properties"]["type"]["enum"]
                assert set(problem["required"]) <= said.keys() <= problem["properties"].keys()
                names = problem["properties"]["errors"]["items"]["properties"].keys()
                assert all(fault.keys() <= names for fault in said.get("errors", []))
    assert {("/api/search", "post", 200), ("/api/office/posts", "post", 201)} <= answered
    assert ("/api/office/posts/{post_id}", "delete", 204) in answered
    assert ("/photos/{name}", "get", 200) in answered


def test_a_client_is_told_how_to_sign_in_and_what_to_send_with_a_write(program: TestClient) -> None:
    keyed = set()
    for path, method, operation in described(program):
        assert bool(operation.get("security")) == path.startswith(OFFICE), path
        names = {each["name"] for each in operation.get("parameters", [])}
        if "Idempotency-Key" in names:
            keyed.add((method, path.removeprefix(OFFICE)))
        assert "422" not in operation["responses"]  # of the library, which nobody is answered
    one = "/posts/{post_id}"
    assert keyed == {
        *(("post", "/posts"), ("post", f"{one}/close"), ("patch", one), ("delete", one)),
        ("post", "/decisions"),
    }


def test_a_valuables_title_tells_a_stranger_no_place(program: TestClient) -> None:
    """By the whole way: a search's rows have the district in place of what its words name."""
    place = {"place": "여의도 한강공원 2번 출구", "region": "서울"}
    title = "여의도 한강공원에서 검정 동전지갑 습득"
    for category in ("지갑", "가방"):
        program.post(f"{OFFICE}/posts", json={"category": category, "title": title} | place)
    stranger = TestClient(program.app, base_url=str(program.base_url))
    matches = stranger.post("/api/search", json={"words": "검정 동전지갑"}).json()["matches"]
    said = {each["category"]: each["title"] for each in matches}
    assert said == {"지갑": "검정 동전지갑 습득", "가방": title}


@pytest.mark.parametrize("name", ["If-Match", "If-Unmodified-Since"])
def test_a_condition_that_is_not_looked_at_is_refused(
    program: TestClient, running: Service, bag: str, name: str
) -> None:
    """Else who sends it would overwrite what they mean not to."""
    before, url, condition = running.desk.post(bag), f"{OFFICE}/posts/{bag}", {name: '"1"'}
    for answer in (
        program.patch(url, json={"place": "역삼역"}, headers=condition),
        program.post(f"{url}/close", json={"status": "claimed"}, headers=condition),
        program.delete(url, headers=condition),
    ):
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["parameter"] == name
    assert running.desk.post(bag) == before
    assert program.get(url, headers=condition).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/search", '{"words": "가방", "words": "지갑"}', "#/words"),
        ("POST", "/posts", '{"title": "가방", "colour": "검정", "colour": "빨강"}', "#/colour"),
        ("PATCH", "/posts/none", '{"a/b": 1, "a/b": 1}', "#/a~1b"),
        ("POST", "/decisions", '{"lost_id": "a", "lost_id": "b"}', "#/lost_id"),
        ("POST", "/posts", '{"title": "가방"', "#"),
    ],
)
def test_a_name_that_comes_twice_in_a_body_is_named(
    program: TestClient, method: str, path: str, body: str, field: str
) -> None:
    """Neither may win in silence: a proxy may have read the other one."""
    json = {"Content-Type": "application/json"}
    answer = program.request(method, OFFICE + path, content=body.encode(), headers=json)
    assert (answer.status_code, pointers(answer)) == (422, [field])
