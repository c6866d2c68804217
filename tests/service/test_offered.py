"""What a page offers is done when it is pressed."""

import re
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from starlette.testclient import TestClient

from matching_spark.config import Hadoop, Settings
from matching_spark.domain.posts import Filters, Kind, Post
from matching_spark.ingest.report import Report
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.operations.merge import merge
from matching_spark.operations.table import undo
from matching_spark.search.query import Query
from matching_spark.service.opening import opened
from matching_spark.service.pages import words
from matching_spark.service.pages.render import post_url
from matching_spark.service.posts.desk import FOUND
from matching_spark.service.running import Service
from matching_spark.table.posts_table import PostsTable
from tests.service.conftest import WHO, client_of, photo, signed_in, there_is, written
from tests.support.forms import csrf, field, link_in
from tests.support.journaled import write
from tests.support.vectors import write_vectors


def test_a_search_of_the_office_looks_through_each_kind_that_it_offers(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": signed_in(browser, running), "words": "보라색 가방"}
    page = browser.get("/office/search").text
    (offered,) = re.findall(r'<select id="kind".*?</select>', page, re.S)
    titles: dict[Kind, str] = {"lost": "보라색 가방 하나", "found": "보라색 가방 둘"}
    for kind, title in titles.items():
        running.desk.add(Post("", kind, "가방", title=title), [], WHO, None)
    seen: set[str] = set()
    for asked in re.findall('<option value="([^"]*)"', offered):
        text = browser.post("/office/search", data=form | {"kind": asked}).text
        found = {kind for kind, title in titles.items() if title in text}
        assert found == {kind for kind in titles if asked in ("", kind)}
        seen |= found
    assert seen == titles.keys()


@pytest.mark.long
def test_a_post_of_vectors_alone_is_changed_and_closed_as_any_other(
    service: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    """And it stays so, its vector as it came, beside merges, `undo` and an ingest of its file."""
    with opened(service) as of:
        model, vector = of.desk.model.name, of.desk.model.embed_texts(["지갑"])
        first = of.desk.table.snapshot
    assert first is not None
    source = tmp_path / "v.parquet"
    write_vectors(source, ["of-vectors"], vector, model=[model])  # neither a photo nor words

    def ingested() -> Report:
        return ingest_vectors(str(source), service.table, spark, "found", Hadoop())

    def row() -> dict[str, Any]:
        frame = PostsTable.of(service, spark).frame().where("post_id = 'of-vectors'")
        (one,) = frame.select("status", "place", "source", "photos").collect()
        return one.asDict(recursive=True)

    assert ingested().accepted == 1
    came = row()
    asked = Query(embedding=vector[0])
    with opened(service) as of:
        client = client_of(of, Accept="text/html")
        form = {"csrf": signed_in(client, of), "place": "강남역", "status": "claimed"}
        url = post_url("of-vectors")
        page = client.get(url).text
        assert 'src="/photos/' not in page
        for act in ("edit", "close"):
            assert f'action="{url}/{act}"' in page
        form |= {name: field(page, name) for name in ("sequence", "seen")}
        assert words.say("notice.saved", "ko") in client.post(f"{url}/edit", data=form).text
        assert of.desk.search(asked, FOUND).matches[0].post_id == "of-vectors"
        assert words.say("notice.closed", "ko") in client.post(f"{url}/close", data=form).text
        open_ones = of.desk.search(asked, FOUND).matches
        assert "of-vectors" not in {match.post_id for match in open_ones}
        over = of.desk.search(asked, Filters(kind="found", status="claimed")).matches[0]
        assert (over.post_id, over.photo) == ("of-vectors", None)
        assert 'href="/office/search?post=of-vectors"' in client.get(url).text
        assert client.get("/office/search?post=of-vectors").status_code == 200

        def closed() -> None:
            of.desk.refresh()
            post = there_is(of.desk, "of-vectors").post
            assert (post.status, post.place) == ("claimed", "강남역")

        stays = came | {"status": "claimed", "place": "강남역"}
        for back in (of.desk.table.snapshot, first):  # to before the merge, to before it came
            assert merge(service, spark=spark).left_out == ()
            assert row() == stays
            assert ingested().skipped == 1
            closed()
            undo(service, str(back), spark=spark)
            closed()
        merge(service, spark=spark)
        ingested()
        assert row() == stays
        of.desk.forget("of-vectors", WHO, None)
        of.desk.refresh()
        assert of.desk.post("of-vectors") is None
    assert merge(service, spark=spark).erased == 1


def test_similar_things_are_offered_where_there_is_something_to_search_by(
    browser: TestClient, running: Service, bag: str
) -> None:
    token = signed_in(browser, running)
    plain = "s-plain"  # as a merge leaves one whose photo cannot be had
    write(running.desk.journal, running.desk.model, Post(plain, "found", "가방"))
    running.desk.refresh()
    closed = running.desk.add(Post("", "found", "가방", title="가방"), [], WHO, None).post.post_id
    running.desk.set_status(closed, "withdrawn", WHO, None)
    for post_id in (bag, plain, closed):
        page = browser.get(post_url(post_id)).text
        offered = f'href="/office/search?post={post_id}"' in page
        assert offered == (post_id != plain)
        assert (browser.get(f"/office/search?post={post_id}").status_code == 200) == offered
    # And no form takes a post so far.
    form = {"csrf": token, "title": " ", "sequence": "1", "place": "강남역"}
    words_alone = running.desk.add(Post("", "found", "가방", title="가방"), [], WHO, None)
    refused = browser.post(f"{post_url(words_alone.post.post_id)}/edit", data=form).text
    assert words.say("wrong.needed", "ko") in refused
    assert 'value="강남역"' in refused
    assert running.desk.post(words_alone.post.post_id) == words_alone
    assert words.say("notice.saved", "ko") in browser.post(f"{post_url(bag)}/edit", data=form).text


def test_every_photo_of_the_offices_pages_is_there(
    browser: TestClient, running: Service, bag: str
) -> None:
    signed_in(browser, running)
    for status in ("open", "claimed", "open", "withdrawn"):
        running.desk.set_status(bag, status, WHO, None)
        page = browser.get(post_url(bag)).text
        shown = [part.partition('"')[0] for part in page.split('src="/photos/')[1:]]
        assert bool(shown) == (status != "withdrawn")
        assert all(browser.get(f"/photos/{name}").status_code == 200 for name in shown)


def test_of_a_loss_that_is_over_no_card_says_that_it_may_be_mine(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 줄무늬 가방"}
    found = browser.post("/search", data=form, files=photo()).text
    form["asked"] = field(found, "asked")
    link = link_in(browser.post("/losses", data=form).text)
    form["link"] = link
    (lost,) = (each for each in written(running) if each.post.kind == "lost")
    before = browser.post("/mine", data=form).text
    claim = {"claim": field(before, "claim")}
    running.desk.set_status(lost.post.post_id, "claimed", WHO, None)
    assert browser.post("/interest", data=form | claim).status_code == 422
    after = browser.post("/mine", data=form).text
    assert 'action="/interest"' not in after
    assert "<h3>보라색 줄무늬 가방</h3>" in after


def test_the_last_fact_of_a_search_cannot_be_taken_away(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "category": "가방", "place": "강남역"}
    found = browser.post("/search", data=form).text
    assert 'name="off" value="place"' in found
    assert 'name="off" value="category"' not in found
    for more in ({"colour": "보라"}, {"words": "줄무늬"}):
        found = browser.post("/search", data=form | more).text
        assert 'name="off" value="category"' in found
        again = form | more | {"asked": field(found, "asked"), "off": "category"}
        assert 'class="sentence"' in browser.post("/search", data=again).text


def test_where_a_thing_is_kept_is_offered_as_the_same_officer_has_said_before(
    browser: TestClient, running: Service
) -> None:
    """Who registers forty things in an hour wrote the same office and number forty times."""
    token = signed_in(browser, running)
    new, without = "/office/found/new", {"csrf": token, "draft": "none"}
    keeps = {"kept_at": "강남역 유실물센터", "kept_phone": "02-555-1111"}
    form = {"csrf": token, "title": "검정 우산"}
    begun = browser.post(new, data=without)
    assert not any(said in begun.text for said in keeps.values())
    browser.post(new, data=form | keeps | {"draft": field(begun.text, "draft")})
    for page in (
        browser.post(new, data=without).text,
        browser.post(new, data={"csrf": token}, files=photo()).text,
    ):
        assert all(f'value="{said}"' in page for said in keeps.values())
        assert words.say("register.check", "ko") in page
    assert len(running.review.arrived()) == 1
    assert not running.review.arrived("another account")
