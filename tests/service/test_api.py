"""The API as a program asks it: what it takes, what it refuses and how it says so."""

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import drawn

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


def test_no_edit_leaves_a_post_that_nothing_finds(program: TestClient, bag: str) -> None:
    new = program.post(f"{OFFICE}/posts", json={"title": "가방"}).json()
    url = f"{OFFICE}/posts/{new['post_id']}"
    for empty in ({"title": ""}, {"title": None, "description": " "}):
        answer = program.patch(url, json=empty)
        assert (answer.status_code, pointers(answer)) == (422, ["#/title"])
    assert program.get(url).json() == new
    pictured = program.patch(f"{OFFICE}/posts/{bag}", json={"title": ""})  # by its photo
    assert pictured.json()["title"] == ""
