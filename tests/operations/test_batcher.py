"""When a block of queries that gather is due: by a clock that is told."""

from concurrent.futures import Future
from dataclasses import replace

import pytest

from matching_spark.domain.posts import Filters
from matching_spark.operations import batcher
from matching_spark.operations.batcher import Blocks
from matching_spark.search.outcome import SearchOutcome
from matching_spark.search.request import QueryItem, Request

ONE, OTHER = (Request((QueryItem(),), where, 5) for where in (Filters(kind="found"), Filters()))


def key(request: Request) -> tuple[Request, bool, str | None]:
    return replace(request, queries=()), False, None


class Told:
    """Blocks that wait for 2 s, of requests of two kinds."""

    def __init__(self, most: int = 100) -> None:
        self.blocks = Blocks(wait_s=2, most=most)

    def add(self, request: Request, now: float) -> None:
        self.blocks.add(key(request), (request, Future()), now)

    def taken(self) -> list[Request]:
        return [request for request, _ in self.blocks.take()[1]]

    def answered(self, *requests: Request, took_s: float = 0, now: float) -> None:
        asked = [(request, Future[SearchOutcome]()) for request in requests]
        self.blocks.answered(key(requests[0]), asked, took_s, now)

    def due_s(self, now: float) -> float | None:
        return self.blocks.due_s(now)


def test_who_was_answered_and_asks_again_waits_for_nobody() -> None:
    """Alone or beside one whose questions are of another kind: only the first waits are waited."""
    of = Told(most=8)
    assert of.due_s(0) is None
    of.add(ONE, 0)
    assert (of.due_s(0), of.due_s(1.5), of.due_s(3)) == (2, 0.5, 0)
    assert of.taken() == [ONE]
    of.answered(ONE, now=10)
    of.add(ONE, 10.5)  # all that were answered: nobody else is expected
    assert of.due_s(10.5) == 0
    assert of.taken() == [ONE]
    of.add(OTHER, 11)  # while that block is computed
    of.answered(ONE, now=12)
    assert of.due_s(12) == 1, "what is of another kind is no block with it"
    of.add(ONE, 12.5)
    assert of.due_s(12.5) == 0
    assert [of.taken(), of.taken()] == [[OTHER], [ONE]]
    of.add(ONE, 19)
    of.answered(ONE, ONE, now=20)
    of.add(ONE, 20.5)
    assert of.due_s(20.5) == 1.5, "the other one may ask again"
    of.add(ONE, 21)
    assert of.due_s(21) == 0
    assert of.taken() == [ONE] * 3
    of.answered(ONE, ONE, now=30)
    of.add(ONE, 33)  # long after
    assert of.due_s(33) == 2
    for _ in range(7):
        of.add(ONE, 33)
    assert of.due_s(33) == 0, "no room is left"
    assert of.taken() == [ONE] * 8
    assert of.due_s(40) is None


def answered_again_and_again(back: int) -> Told:
    """Eight were, each time as a block of 12 s, of whom so many came back in half of it."""
    of = Told()
    for begin in range(0, 900, 100):
        of.answered(*[ONE] * 8, took_s=12, now=begin)
        for i in range(back):
            of.add(ONE, begin + i / 2)
        if back:
            of.taken()
    return of


def test_programs_that_ask_on_and_on_are_waited_for_and_people_who_come_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batcher, "LONGEST_S", 10)
    for back, waits in ((8, 6), (5, 2), (0, 2)):
        of = answered_again_and_again(back)
        of.answered(*[ONE] * 8, took_s=12, now=1000)
        of.add(ONE, 1000)
        assert of.due_s(1000) == waits
    of = answered_again_and_again(8)
    of.answered(*[ONE] * 8, took_s=12, now=1000)
    for i in range(8):
        assert of.due_s(1000 + i / 2) != 0
        of.add(ONE, 1000 + i / 2)
    assert of.due_s(1004) == 0, "all of them have asked again"
    of.taken()
    of.answered(*[ONE] * 2, took_s=12, now=2000)
    of.add(ONE, 2000)
    assert of.due_s(2000) == 4, "the wait for each of them"
    of.taken()
    of.answered(*[ONE] * 8, took_s=100, now=3000)
    of.add(OTHER, 3000)
    assert of.due_s(3000) == 2, "of another kind"
    of.add(ONE, 3000)
    of.taken()
    assert of.due_s(3000) == 10, "no longer than that"
