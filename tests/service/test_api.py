"""The API as a program asks it: what it takes, what it refuses and how it says so."""

from starlette.testclient import TestClient

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
