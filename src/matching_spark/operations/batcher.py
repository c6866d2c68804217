"""Queries that come at the same time, answered as one block: one pass over the vectors for all."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate
from math import inf
from time import monotonic

from matching_spark.search.outcome import SearchOutcome
from matching_spark.search.request import Request
from matching_spark.similarity_engine import SimilarityEngine

# What a block's requests share: all but their queries; whether their time is limited; the snapshot.
_Key = tuple[Request, bool, str | None]
_Asked = tuple[Request, Future[SearchOutcome]]

LONGEST_S = 0.25  # a block is kept open for those who were answered at most so long
CLOSED = 0.7  # if a greater share of them asks again, they are programs that ask on and on


@dataclass
class _Block:
    """Requests that differ only in their queries, and who waits for each."""

    since: float
    asked: list[_Asked] = field(default_factory=list)
    queries: int = 0


@dataclass
class _Answered:
    """The block that was answered last.

    requests: how many it had. until: up to when a request is counted as one of theirs come again.
    waited: until when they are waited for. expected: how many queries wait once all of them have
    asked again. again: how many requests have come before `until`.
    """

    key: _Key | None
    requests: int
    until: float
    waited: float
    expected: int
    again: int = 0

    def waited_for(self, key: _Key) -> float:
        """Until when a block of a key is kept open for them: one of another key is not."""
        return self.waited if key == self.key else -inf


class Blocks:
    """Requests that wait, in blocks of those alike, and when a block is due.

    It knows no clock and no thread: each method is told the time `now`, in seconds.
    """

    def __init__(self, wait_s: float, most: int) -> None:
        self._wait_s = wait_s
        self._most = most  # queries of a block
        self._blocks: dict[_Key, _Block] = {}
        self._waiting = 0  # queries of all blocks
        self._last = _Answered(None, 0, -inf, -inf, most)
        self._returning = 0.0  # the share of those who ask again while that may be waited for

    def add(self, key: _Key, asked: _Asked, now: float) -> bool:
        """Add a request; returns whether the next block may be due at another time now."""
        block = self._blocks.setdefault(key, _Block(now))
        block.asked.append(asked)
        block.queries += len(asked[0].queries)
        self._waiting += len(asked[0].queries)
        if key == self._last.key and now < self._last.until:
            self._last.again += 1
        return len(block.asked) == 1 or self._is_full(block, now)

    def answered(self, key: _Key, asked: list[_Asked], took_s: float, now: float) -> None:
        """Note that a block was answered just now, and how long that took.

        Whoever asked may ask again, and is waited for. The answers of a large block are written one
        after the other, so the last of them comes late, and with the interpreter busy whatever is
        computed meanwhile is slow: so a large block is waited for longer, but only if the askers of
        the blocks before did come back. They are programs then; of people, who come at any time, no
        more than half as many come in half of the time.
        """
        if (last := self._last).requests:
            share = min(1.0, last.again / last.requests)
            self._returning += (share - self._returning) / 4
        long = max(self._wait_s, min(len(asked) * self._wait_s, took_s / 2, LONGEST_S))
        waited = long if self._returning > CLOSED else self._wait_s
        queries = sum(len(request.queries) for request, _ in asked)
        expected = self._waiting + queries
        self._last = _Answered(key, len(asked), now + long, now + waited, expected)

    def due_s(self, now: float) -> float | None:
        """The seconds until the block that has waited longest is due; None when none waits."""
        if not self._blocks:
            return None
        key, block = self._longest()
        if self._is_full(block, now):
            return 0.0
        return max(0.0, max(block.since + self._wait_s, self._last.waited_for(key)) - now)

    def take(self) -> tuple[_Key, list[_Asked]]:
        """The block that has waited longest."""
        key, block = self._longest()
        del self._blocks[key]
        self._waiting -= block.queries
        return key, block.asked

    def _longest(self) -> tuple[_Key, _Block]:
        return min(self._blocks.items(), key=lambda item: item[1].since)

    def _is_full(self, block: _Block, now: float) -> bool:
        """Whether there is nothing left to wait for: no room, or everybody has asked again."""
        again = now < self._last.waited and self._waiting >= self._last.expected
        return again or block.queries >= self._most


class QueryBatcher:
    """Collects the requests of many threads for `wait_ms` and asks the engine once for all that are
    alike.

    Each request gets the answer that `engine.run` would give it alone, with one exception: the
    nearest deadline among the requests that are computed together ends them all. So only requests
    are computed together that have at most twice as much time left as that one; the others of the
    block come next, and those without a deadline are in blocks of their own.

    While one block is computed the next one gathers. Those who were answered are waited for, until
    all have asked again (Blocks.answered): otherwise the clients would fall apart into blocks that
    take turns, with a pass over the vectors for each. A process that does nothing else should call
    gc.freeze() once it is up: looking through all that it holds costs the garbage collector a
    twentieth of a block's time.

    Use as a context manager, or call `close`.
    """

    def __init__(self, engine: SimilarityEngine, wait_ms: float = 3.0, most: int = 1024) -> None:
        self._engine = engine
        self._most = most  # queries of a block
        self._blocks = Blocks(wait_ms / 1000, most)
        self._change = threading.Condition()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="gatherer", daemon=True)
        self._worker.start()

    def run(self, request: Request, snapshot: str | None = None) -> SearchOutcome:
        """As SimilarityEngine.run, from any thread; its errors are raised here."""
        future: Future[SearchOutcome] = Future()
        key = (replace(request, queries=()), request.until is not None, snapshot)
        with self._change:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            if self._blocks.add(key, (request, future), monotonic()):
                self._change.notify()
        return future.result()

    def close(self) -> None:
        """Answer what was asked, then stop."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._worker.join()

    def __enter__(self) -> "QueryBatcher":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            key, asked = taken
            *_, snapshot = key
            run = partial(self._engine.run, snapshot=snapshot)
            while asked:
                part, asked = _parted(asked, self._most)
                began = monotonic()
                answers = _answers(run, part)
                with self._change:  # before any of them can ask again
                    self._blocks.answered(key, part, monotonic() - began, monotonic())
                for (_, future), answer in zip(part, answers, strict=True):
                    if isinstance(answer, SearchOutcome):
                        future.set_result(answer)
                    else:
                        future.set_exception(answer)

    def _take(self) -> tuple[_Key, list[_Asked]] | None:
        """The next block, once it is due; None when closed and empty."""
        with self._change:
            while (left := self._blocks.due_s(monotonic())) is not None or not self._closed:
                if left is not None and (left == 0 or self._closed):
                    return self._blocks.take()
                self._change.wait(left)
            return None


def _parted(asked: list[_Asked], most: int) -> tuple[list[_Asked], list[_Asked]]:
    """The requests to compute next, the nearest deadline first, and the rest.

    Together they have at most `most` queries, or they are a single request. The nearest deadline,
    which ends them all, leaves each at least half of the time that it has now.
    """
    asked = sorted(asked, key=lambda each: each[0].left_s)
    longest_s = max(0.0, 2 * asked[0][0].left_s)
    count = queries = 0
    for request, _ in asked:
        queries += len(request.queries)
        if count and (queries > most or request.left_s > longest_s):
            break
        count += 1
    return asked[:count], asked[count:]


def _answers(
    run: Callable[[Request], SearchOutcome], asked: list[_Asked]
) -> list[SearchOutcome | BaseException]:
    """The answer of each request, or the error that all of them met."""
    queries = tuple(query for request, _ in asked for query in request.queries)
    deadlines = [request.until for request, _ in asked if request.until is not None]
    until = min(deadlines, key=lambda each: each.at, default=None)
    try:
        found = run(replace(asked[0][0], queries=queries, until=until))
    except BaseException as error:
        return [error] * len(asked)
    ends = accumulate(len(request.queries) for request, _ in asked)
    out: list[SearchOutcome | BaseException] = []
    for (request, _), end in zip(asked, ends, strict=True):
        mine = slice(end - len(request.queries), end)
        # Rivals of every query, or of none: a block shares whether they are asked for.
        out.append(replace(found, matches=found.matches[mine], rivals=found.rivals[mine]))
    return out
