"""News by what came: the same as by a search for every loss after every change, for less."""

import math
import random
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sqlalchemy import select

from matching_spark.config import Settings
from matching_spark.domain.posts import Post
from matching_spark.domain.results import SearchResult
from matching_spark.journal.store import Journal
from matching_spark.journal.tables import came
from matching_spark.operations.merge import merge
from matching_spark.score.posterior import Rivals
from matching_spark.service.people.contacts import Contacts
from matching_spark.service.people.links import Links
from matching_spark.service.people.news import News
from matching_spark.service.posts.arrivals import Arrivals, Changes
from matching_spark.service.posts.desk import Desk
from matching_spark.service.posts.seen import SeenPhoto
from matching_spark.service.public.levels import Levels
from matching_spark.service.public.matches import Showing
from matching_spark.service.public.opaque import Names
from tests.service.conftest import KEY, WHO, InMemory, drawn, open_desk, prepared
from tests.service.people.losses import Clock
from tests.service.test_public import PICTURE

KINDS = ("가방", "기타물품", "의류", "지갑", "카드", "휴대폰")
COLOURS = ("검정", "빨강", "파랑", "보라")
PLACES = ("강남역", "서울역", "부산역", "대전역")


class Counting(Arrivals):
    """Its searches are counted. all_: everybody is searched for after every change. crowded: each
    list is said to be one of a large table, in which many are somewhat alike."""

    crowded = False

    def __init__(self, desk: Desk, all_: bool) -> None:
        super().__init__(desk)
        self.searched, self._all = 0, all_

    def alike(self, lost_id: str) -> SearchResult:
        self.searched += 1
        result = super().alike(lost_id)
        if self.crowded:
            crowd = Rivals.of(200_000, [math.log(50)] * 200)
            self._asked[lost_id] = replace(self._asked[lost_id], told=crowd)
        return result

    def take(self) -> Changes | None:
        return None if self._all else super().take()


class Told:
    """News of one journal, and what came by it."""

    def __init__(self, journal: Journal, desk: Desk, clock: Clock, all_: bool) -> None:
        self.journal, self.arrivals, self.clock = journal, Counting(desk, all_), clock
        journal.now = clock
        self.links = Links(journal)
        contacts = Contacts(journal, self.links, KEY)
        names = Names(KEY, "claim")
        showing = Showing(Levels.of(desk.settings.service), names, lambda _: PICTURE)
        self.news = News(journal, desk, self.arrivals, showing, contacts, None)

    def rows(self) -> set[tuple[str, str, str]]:
        with self.journal.reading() as of:
            every = of.execute(select(came)).all()
        return {(row.lost_id, row.found_id, row.band) for row in every}


LOSS = ("lost", "open")


def some_post(chance: random.Random, kind: str) -> Post:
    category, colour, place = map(chance.choice, (KINDS, COLOURS, PLACES))
    words = " ".join(chance.sample([category, colour, place, "작은", "줄무늬"], 3))
    said: dict[str, Any] = {"category": category} if chance.random() < 0.8 else {}
    return Post("", kind, title=words, colour=colour, place=place, **said)  # type: ignore[arg-type]


@pytest.fixture
def both(desk: Desk, tmp_path: Path) -> Iterator[tuple[Told, Told]]:
    """By what came, and by a search for each after each change."""
    clock = Clock()
    full = desk.settings.model_copy(deep=True)
    full.service.journal = str(tmp_path / "full")
    with closing(Journal.open_or_create(full)) as journal:
        told = Told(desk.journal, desk, clock, False), Told(journal, desk, clock, True)
        chance = random.Random(1)
        for n in range(10):
            photo = desk.see(prepared(drawn(chance.choice(["red", "purple", "blue"]))))
            lost = desk.add(some_post(chance, "lost"), [photo] if n % 2 else [], WHO, None)
            for each in told:
                each.links.make(lost.post.post_id)
        yield told


def test_what_comes_is_told_as_by_a_search_for_every_loss(
    both: tuple[Told, Told], desk: Desk
) -> None:
    fast, full = both
    chance = random.Random(2)
    for _ in range(5):
        for each in both:
            each.news.run_once()
        assert fast.rows() == full.rows()
        for _ in range(chance.randrange(1, 3)):
            photo = desk.see(prepared(drawn(chance.choice(["red", "purple", "green"]))))
            desk.add(
                some_post(chance, "found"), [photo] if chance.random() < 0.5 else [], WHO, None
            )
        if chance.random() < 0.3:  # a loss that is another one is asked for anew
            lost = next(c.stored for c in desk.tail.changes(0) if c.stored)
            desk.edit(lost.post.post_id, {"title": "빨강 지갑"}, WHO, None)
    assert len(fast.rows()) > 10


def test_what_concerns_nobody_is_searched_for_nobody(both: tuple[Told, Told], desk: Desk) -> None:
    fast, full = both
    fast.arrivals.crowded = True
    for each in both:
        each.news.run_once()
    assert fast.arrivals.searched == full.arrivals.searched == 10
    unlike = Post("", "found", "악기", title="바이올린 활", colour="갈색", place="제주공항")
    desk.add(unlike, [], WHO, None)
    for each in both:
        each.news.run_once()
    assert (fast.arrivals.searched, full.arrivals.searched) == (10, 20)
    posts = (each.stored for each in desk.tail.changes(0) if each.stored)
    lost = next(each for each in posts if each.photos)
    photo = SeenPhoto(lost.photos[0], Future(), desk.tail.vectors(lost)[f"photo:{lost.photos[0]}"])
    photo.encoded.set_result(b"")
    desk.add(replace(lost.post, post_id="", kind="found"), [photo], WHO, None)
    fast.news.run_once()
    assert 10 < fast.arrivals.searched < 20
    was = fast.arrivals.searched
    fast.news.run_once()  # nothing came
    assert fast.arrivals.searched == was


def test_whose_match_goes_is_looked_for_and_everybody_once_a_day(
    both: tuple[Told, Told], desk: Desk
) -> None:
    fast, _ = both
    fast.arrivals.crowded = True
    found = desk.add(some_post(random.Random(1), "found"), [], WHO, None)
    fast.news.run_once()
    mine = {lost_id for lost_id, found_id, _ in fast.rows() if found_id == found.post.post_id}
    before = fast.arrivals.searched
    desk.set_status(found.post.post_id, "claimed", WHO, None)
    fast.news.run_once()
    assert fast.arrivals.searched - before == len(mine) > 0
    before = fast.arrivals.searched
    fast.clock.on(hours=25)
    fast.news.run_once()
    assert fast.arrivals.searched - before == 10


def test_a_row_that_a_merge_moves_into_the_table_has_not_changed(
    service: Settings, spark: SparkSession, photos: InMemory
) -> None:
    with open_desk(service, photos) as desk:
        arrivals = Arrivals(desk)
        assert arrivals.take() is None
        photo = desk.see(prepared(drawn("purple")))
        bag = Post("", "found", "가방", title="보라색 가방", colour="보라", place="강남역")
        post_id = desk.add(bag, [photo], WHO, None).post.post_id
        taken = arrivals.take()
        assert taken is not None
        assert [shard.ids(range(len(shard))) for shard in taken.new] == [[post_id]]  # type: ignore[arg-type]
        merge(service, spark=spark)
        desk.refresh()
        assert desk.tail.find(post_id, desk.merged) is None
        taken = arrivals.take()
        assert taken is not None
        assert (taken.new, taken.gone) == ((), frozenset())
        desk.set_status(post_id, "claimed", WHO, None)
        taken = arrivals.take()
        assert taken is not None
        assert (taken.new, taken.gone) == ((), frozenset([post_id]))


def test_losses_are_those_that_are_open(desk: Desk) -> None:
    lost, over = (desk.add(some_post(random.Random(3), "lost"), [], WHO, None) for _ in range(2))
    desk.set_status(over.post.post_id, "claimed", WHO, None)
    ids = {
        post_id for shard in desk.shards().values() for post_id in shard.ids(np.arange(len(shard)))
    }
    of_it = {i for i in ids if (at := desk.post(i)) and (at.post.kind, at.post.status) == LOSS}
    assert Arrivals(desk).losses() == of_it
    assert lost.post.post_id in of_it
    assert over.post.post_id not in of_it
