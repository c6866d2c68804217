"""The desk: what is written is found by the next search, and there once."""

import datetime as dt
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters, Post
from matching_spark.errors import InputError, NotFoundError, StaleError
from matching_spark.journal.store import Record
from matching_spark.operations.merge import merge
from matching_spark.operations.table import undo
from matching_spark.search.query import Query
from matching_spark.service.posts.desk import Desk
from tests.service.conftest import WHO, InMemory, drawn, open_desk, prepared, there_is

FOUND = Filters(kind="found")
PURPLE = Post("", "found", "기타물품", title="보라색 줄무늬 우산", colour="보라", place="강남역")


def ids(desk: Desk, words: str = "보라색 줄무늬 우산") -> list[str]:
    return [match.post_id for match in desk.search(Query(text=words), FOUND).matches]


def test_a_new_post_is_found_at_once_by_its_words_and_its_photo(
    desk: Desk, photos: InMemory
) -> None:
    decoded = prepared(drawn("purple"))
    photo = desk.see(decoded)
    added = desk.add(PURPLE, [photo], WHO, None)
    assert added.post.post_id.startswith("s-")
    assert photos.held[photo.sha256] == photo.kept
    assert ids(desk)[0] == added.post.post_id
    for image in (photo.vector, decoded.image):
        by_photo = desk.search(Query(image=image), FOUND).matches[0]
        assert by_photo.post_id == added.post.post_id
        assert by_photo.components["image-image"] == pytest.approx(1, abs=1e-3)
    assert desk.post(added.post.post_id) == added


def test_a_photo_that_was_only_searched_by_is_kept_as_any_other(desk: Desk) -> None:
    photo = prepared(drawn("purple"))
    seen, once = desk.see(photo), desk.see(photo, keep=False)
    assert np.array_equal(once.vector, seen.vector)
    images = [Image.open(io.BytesIO(each.kept)) for each in (seen, once)]
    assert images[0].size == images[1].size
    assert not images[1].getexif()
    apart = np.subtract(*(np.asarray(each, np.float64) for each in images))
    assert np.abs(apart).mean() < 1


def test_an_edit_and_a_closing_show_in_the_next_answer(desk: Desk) -> None:
    for post_id in (desk.add(PURPLE, [], WHO, None).post.post_id, ids(desk)[-1]):
        before = there_is(desk, post_id)
        change: dict[str, Any] = {"title": "노란 우산 한 개", "description": ""}
        change["happened_on"] = dt.date(2026, 11, 20)
        now = desk.edit(post_id, change, WHO, None)
        assert now.sequence == before.sequence + 1
        assert now.photos == before.photos
        assert now.post == replace(before.post, **change)
        assert desk.post(post_id) == now
        matches = desk.search(Query(text="노란 우산 한 개"), FOUND).matches
        (match,) = [match for match in matches if match.post_id == post_id]
        assert match.title == "노란 우산 한 개"
        assert match.components["text-text"] == pytest.approx(1, abs=1e-5)
        desk.set_status(post_id, "claimed", WHO, None)
        assert post_id not in ids(desk)
        assert there_is(desk, post_id).post.status == "claimed"


def test_an_edit_keeps_the_numbers_of_a_thing_and_no_coordinates_of_another_place(
    service: Settings, photos: InMemory, tmp_path: Path
) -> None:
    """As an ingest does: whose words have lost their numbers, and where a place lies."""
    places = tmp_path / "places.csv"
    places.write_text("place,latitude,longitude\n서울역,37.5547,126.9707\n", encoding="utf-8")
    service.identifiers.key, service.similarity.places = "a key of twenty letters", str(places)
    post = replace(
        PURPLE, title="우산 S/N ABC12345", place="창고", latitude=37.4979, longitude=127.0276
    )
    with open_desk(service, photos) as desk:
        post_id = desk.add(post, [], WHO, None).post.post_id

        def told(**asked: Any) -> dict[str, float]:
            query = Query(text="우산 S/N ABC12345", latitude=37.4979, longitude=127.0276, **asked)
            found = desk.search(query, FOUND).matches
            return next(match.components for match in found if match.post_id == post_id)

        for change in ({"colour": "파랑"}, {"title": "보라색 우산"}, {"kept_at": "역무실"}):
            desk.edit(post_id, change, WHO, None)
            assert (told()["identifier"], told()["kilometres"]) == (1, 0)
        desk.edit(post_id, {"place": "창고 2층"}, WHO, None)
        now = told(place="창고 2층")
        assert (now["identifier"], now["place"], now.get("kilometres")) == (1, 1, None)
        desk.edit(post_id, {"place": "서울역"}, WHO, None)
        assert told()["kilometres"] == pytest.approx(8.07, abs=0.01)
        desk.edit(post_id, {"title": "우산 S/N XYZ98765"}, WHO, None)
        assert told()["identifier"] == 0


def test_what_is_erased_is_gone_and_stays_so_after_a_restart(
    desk: Desk, service: Settings, photos: InMemory
) -> None:
    photo = desk.see(prepared(drawn("purple")))
    new = desk.add(PURPLE, [photo], WHO, None).post.post_id
    kept = desk.add(PURPLE, [], WHO, None).post.post_id
    desk.forget(new, WHO, None)
    desk.forget(new, WHO, None)  # as who was told that something went wrong does
    assert not photos.held
    table = ids(desk)[-1]  # one that the journal knows nothing of
    desk.forget(table, WHO, None)
    assert desk.post(table) is None
    assert table not in ids(desk)
    with open_desk(service, photos) as again:
        for each in (desk, again):
            assert each.post(new) is None
            assert new not in ids(each)
            assert kept in ids(each)
            with pytest.raises(NotFoundError, match="there is no post"):
                each.edit(new, {"title": "x"}, WHO, None)


def test_a_write_is_done_once_however_often_it_is_sent(desk: Desk) -> None:
    photo = desk.see(prepared(drawn("purple")))
    first = desk.add(PURPLE, [photo], WHO, "key-1")
    last = desk.journal.last()
    assert desk.add(PURPLE, [photo], WHO, "key-1") == first
    assert desk.journal.last() == last
    with pytest.raises(InputError, match="used for another write"):
        desk.add(replace(PURPLE, title="another"), [photo], WHO, "key-1")


def test_what_was_erased_is_not_registered_again_by_its_key(desk: Desk, photos: InMemory) -> None:
    photo = desk.see(prepared(drawn("purple")))
    first = desk.add(PURPLE, [photo], WHO, "key-1").post.post_id
    desk.forget(first, WHO, None)
    with pytest.raises(NotFoundError, match="was erased"):
        desk.add(PURPLE, [photo], WHO, "key-1")
    assert not photos.held


def test_a_photo_stays_as_long_as_one_post_has_it(desk: Desk, photos: InMemory) -> None:
    photo = desk.see(prepared(drawn("purple")))
    for n in range(4):
        before = desk.add(PURPLE, [photo], WHO, None).post.post_id
        with ThreadPoolExecutor(2) as both:
            added = both.submit(desk.add, PURPLE, [photo], WHO, None)
            both.submit(desk.forget, before, WHO, None).result()
            post_id = added.result().post.post_id
        assert photo.sha256 in photos.held, n
        desk.forget(post_id, WHO, None)
        assert not photos.held


def test_two_services_on_one_journal_overwrite_nothing_of_each_other(
    desk: Desk, service: Settings, photos: InMemory
) -> None:
    """Each knows what the other has written when it has looked; a write is compared with what is
    there when it is written."""
    before = desk.add(PURPLE, [], WHO, None)
    post_id, seen = before.post.post_id, before.sequence
    with open_desk(service, photos) as other:
        desk.edit(post_id, {"colour": "빨강"}, WHO, None, seen)
        assert other.edit(post_id, {"place": "서울역"}, WHO, None).sequence == seen + 2
        with pytest.raises(StaleError, match="has changed since"):
            desk.edit(post_id, {"place": "부산역"}, WHO, None, seen + 1)
        answers: list[int] = []

        def write(at: Desk, gate: str) -> None:
            for n in range(20):
                change = {"kept_at": f"{gate}문 {n}층"}
                answers.append(at.edit(post_id, change, WHO, None).sequence)

        with ThreadPoolExecutor(2) as both:
            list(both.map(write, (desk, other), "동서"))
        assert sorted(answers) == [*range(seen + 3, seen + 43)]
        desk.set_status(post_id, "claimed", WHO, None)
        with pytest.raises(StaleError, match="is closed as claimed"):
            other.set_status(post_id, "withdrawn", WHO, None)
        now = there_is(desk, post_id).post
        assert (now.colour, now.place, now.status) == ("빨강", "서울역", "claimed")


def test_a_photo_that_another_service_has_just_taken_away_is_kept_once_more(
    desk: Desk, service: Settings, photos: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the photo, which was there still, and the post that has it."""
    photo = desk.see(prepared(drawn("purple")))
    with open_desk(service, photos) as other:
        before = desk.add(PURPLE, [photo], WHO, None).post.post_id
        append = other.journal.append

        def later(*told: Any, **more: Any) -> Record:
            desk.forget(before, WHO, None)
            return append(*told, **more)

        monkeypatch.setattr(other.journal, "append", later)
        other.add(PURPLE, [photo], WHO, None)
    assert photos.held.keys() == {photo.sha256}


def test_what_changed_nothing_changes_nothing_when_it_is_sent_again(desk: Desk) -> None:
    post_id = desk.add(PURPLE, [], WHO, None).post.post_id
    same = {"title": PURPLE.title}
    first = desk.edit(post_id, same, WHO, "key-same")
    desk.edit(post_id, {"title": "노란 우산"}, WHO, None)
    assert desk.edit(post_id, same, WHO, "key-same") == first
    desk.set_status(post_id, "claimed", WHO, None)
    over = desk.set_status(post_id, "claimed", WHO, "key-over")
    desk.set_status(post_id, "open", WHO, None)
    assert desk.set_status(post_id, "claimed", WHO, "key-over") == over
    now = there_is(desk, post_id).post
    assert (now.title, now.status) == ("노란 우산", "open")


def test_a_change_that_is_sent_again_is_answered_as_at_first(desk: Desk) -> None:
    """Its answer was lost; meanwhile others may have changed the post."""
    post_id = desk.add(PURPLE, [], WHO, None).post.post_id
    change = {"title": "초록 우산 010-1234-5678", "colour": "초록"}  # whose number is not kept
    first = desk.edit(post_id, change, WHO, "key-edit", 1)
    desk.edit(post_id, {"title": "노란 우산"}, WHO, None, 2)
    closed = desk.set_status(post_id, "claimed", WHO, "key-end")
    desk.set_status(post_id, "open", WHO, None)
    last = desk.journal.last()
    assert "5678" not in first.post.title
    assert desk.edit(post_id, change, WHO, "key-edit", 1) == first
    assert desk.set_status(post_id, "claimed", WHO, "key-end") == closed
    other = desk.add(PURPLE, [], WHO, None).post.post_id
    another = "used for another write"
    with pytest.raises(InputError, match=another):
        desk.edit(post_id, change | {"colour": "빨강"}, WHO, "key-edit", 1)
    with pytest.raises(InputError, match=another):
        desk.edit(other, change, WHO, "key-edit", 1)
    with pytest.raises(InputError, match=another):
        desk.set_status(post_id, "expired", WHO, "key-end")
    assert desk.journal.last() == last + 1
    table = ids(desk)[-1]  # one that the journal knows nothing of
    with pytest.raises(InputError, match=another):
        desk.forget(table, WHO, "key-edit")
    assert table in ids(desk)
    assert desk.journal.last() == last + 1
    desk.forget(post_id, WHO, "key-gone")
    desk.forget(post_id, WHO, "key-gone")
    with pytest.raises(NotFoundError):
        desk.edit(post_id, change, WHO, "key-edit", 1)


def test_a_change_without_a_key_that_is_already_so_is_no_conflict(desk: Desk) -> None:
    post_id = desk.add(PURPLE, [], WHO, None).post.post_id
    first = desk.edit(post_id, {"title": "a"}, WHO, None, 1)
    for same in ({"title": "a"}, {}):
        assert desk.edit(post_id, same, WHO, None, 1) == first
    with pytest.raises(StaleError, match="has changed since you read it"):
        desk.edit(post_id, {"title": "a", "colour": "빨강"}, WHO, None, 1)
    closed = desk.set_status(post_id, "claimed", WHO, None)
    assert desk.set_status(post_id, "claimed", WHO, None) == closed
    with pytest.raises(StaleError):
        desk.set_status(post_id, "expired", WHO, None)


def test_what_cannot_be_is_refused_and_nothing_is_written(desk: Desk) -> None:
    with pytest.raises(InputError, match="needs a photo or a few words"):
        desk.add(Post("", "found"), [], WHO, None)
    with pytest.raises(InputError, match="kind cannot be changed"):
        desk.edit("x", {"kind": "lost"}, WHO, None)
    found = ids(desk)
    with pytest.raises(InputError, match="is found, not lost"):
        desk.decide(found[0], found[1], "confirmed", WHO, None)
    with pytest.raises(NotFoundError):
        desk.decide("nobody", found[1], "confirmed", WHO, None)
    assert desk.journal.last() == 0
    alone = desk.add(PURPLE, [], WHO, None)
    with pytest.raises(InputError, match="needs a photo or a few words"):
        desk.edit(alone.post.post_id, {"title": " ", "description": ""}, WHO, None)
    assert desk.post(alone.post.post_id) == alone


def test_words_are_kept_as_the_vocabularies_have_them_whoever_writes_them(desk: Desk) -> None:
    post = Post("", "found", "bag", title="우산", colour="black", region="Gyeonggi-do")
    stored = desk.add(post, [], WHO, None)
    post = stored.post
    assert (post.category, post.colour, post.region) == ("가방", "검정", "경기")
    changes = {"category": "wallet", "colour": "Red", "region": "seoul"}
    post = desk.edit(stored.post.post_id, changes, WHO, None).post
    assert (post.category, post.colour, post.region) == ("지갑", "빨강", "서울")
    kept = desk.edit(stored.post.post_id, {"colour": "무지개"}, WHO, None).post  # as every source's
    assert kept.colour == "무지개"


def test_the_service_begins_without_a_table(service: Settings, tmp_path: Path) -> None:
    service.table = str(tmp_path / "not-yet")
    with open_desk(service, InMemory()) as desk:
        assert ids(desk) == []
        new = desk.add(PURPLE, [], WHO, None).post.post_id
        assert ids(desk) == [new]
        desk.refresh()
        assert ids(desk) == [new]
    assert not (tmp_path / "not-yet").exists()


def test_who_searches_at_once_gets_the_answer_that_they_would_get_alone(desk: Desk) -> None:
    desk.add(PURPLE, [], WHO, None)
    words = ["보라색 줄무늬 우산", "검정 지갑", "파란 가방", "강남역에서 노란 모자"]
    words = [*words, "흰색 이어폰"] * 6

    def ask(said: str) -> tuple[object, object]:
        office = desk.search(Query(text=said), FOUND)
        _, public = desk.public_search(Query(text=said), understand=True)
        return tuple(replace(each, elapsed_ms={}) for each in (office, public))  # type: ignore[return-value]

    alone = {said: ask(said) for said in words[:5]}
    with ThreadPoolExecutor(len(words)) as together:
        assert list(together.map(ask, words)) == [alone[said] for said in words]


def test_what_is_found_is_the_same_before_and_after_a_merge_and_its_undo(
    desk: Desk, service: Settings, spark: SparkSession
) -> None:
    first = desk.table.snapshot
    assert first is not None
    added = desk.add(PURPLE, [], WHO, None)
    post_id = added.post.post_id
    changed = desk.edit(post_id, {"title": "보라색 우산"}, WHO, None)
    seen = ids(desk)
    assert merge(service, spark=spark).posts == 1
    for merged in (2, 0, 2):
        desk.refresh()
        assert desk.merged == merged
        assert ids(desk) == seen
        now = there_is(desk, post_id)
        assert (now.post, now.sequence, now.source) == (changed.post, 2, "service")
        if merged:
            undo(service, first, spark=spark)
        else:
            merge(service, spark=spark)
        desk.table.refresh()  # as by a search that met a file that had gone
        desk.refresh()  # whoever reads twice in between has seen it all the time
        assert ids(desk) == seen
