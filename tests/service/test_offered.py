"""What a page offers is done when it is pressed."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from starlette.testclient import TestClient

from matching_spark.config import Hadoop, Settings
from matching_spark.domain.posts import Post
from matching_spark.errors import InputError
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.service.app import create_app
from matching_spark.service.pages import words
from matching_spark.service.pages.render import post_url
from matching_spark.service.running import Service
from matching_spark.service.server import opened
from tests.service.conftest import WHO, drawn, signed_in
from tests.support.forms import csrf, field, link_in
from tests.support.vectors import write_vectors


def test_a_post_of_vectors_alone_has_no_form(
    service: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    """It cannot be changed: its vectors are of photos that nobody has."""
    with opened(service) as of:
        model, vector = of.desk.model.name, of.desk.model.embed_texts(["지갑"])
    source = tmp_path / "v.parquet"
    write_vectors(source, ["of-vectors"], vector, title=["지갑"], model=[model])
    ingest_vectors(str(source), service.table, spark, "found", Hadoop())
    with opened(service) as of:
        client = TestClient(create_app(of), base_url="http://127.0.0.1:8008")
        client.headers |= {"Origin": "http://127.0.0.1:8008", "Accept": "text/html"}
        form = {"csrf": signed_in(client, of), "title": "고친 이름", "status": "claimed"}
        url = post_url("of-vectors")
        page = client.get(url).text
        assert words.say("post.fixed", "ko") in page
        for act in ("edit", "close"):
            assert f'action="{url}/{act}"' not in page
            assert client.post(f"{url}/{act}", data=form).status_code == 422
        assert 'href="/office/search?post=of-vectors"' in page
        assert client.get("/office/search?post=of-vectors").status_code == 200
        with pytest.raises(InputError, match="vectors without photos"):
            of.desk.end("of-vectors", "claimed", WHO, None)


def test_similar_things_are_offered_where_there_is_something_to_search_by(
    browser: TestClient, running: Service, bag: str
) -> None:
    token = signed_in(browser, running)
    plain = running.desk.add(Post("", "found", "가방", title="가방"), [], WHO, None).post.post_id
    running.desk.edit(plain, {"title": ""}, WHO, None)
    closed = running.desk.add(Post("", "found", "가방", title="가방"), [], WHO, None).post.post_id
    running.desk.end(closed, "withdrawn", WHO, None)
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
    for status in ("open", "claimed", "withdrawn"):
        running.desk.end(bag, status, WHO, None)
        page = browser.get(post_url(bag)).text
        shown = [part.partition('"')[0] for part in page.split('src="/photos/')[1:]]
        assert bool(shown) == (status != "withdrawn")
        assert all(browser.get(f"/photos/{name}").status_code == 200 for name in shown)


def test_of_a_loss_that_is_over_no_card_says_that_it_may_be_mine(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 줄무늬 가방"}
    found = browser.post("/search", data=form, files={"photo": ("a.png", drawn("purple"))}).text
    form["asked"] = field(found, "asked")
    link = link_in(browser.post("/losses", data=form).text)
    form["link"] = link
    (lost,) = (each for each in running.desk.changed() if each.post.kind == "lost")
    before = browser.post("/mine", data=form).text
    claim = {"claim": field(before, "claim")}
    running.desk.end(lost.post.post_id, "claimed", WHO, None)
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
