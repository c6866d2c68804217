"""The journal: what was acknowledged is there, in its order, once; what was forgotten is not."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as runs
from hypothesis import strategies as st
from sqlalchemy import Connection

from matching_spark.config import Settings
from matching_spark.errors import InputError, StorageError, UsageError
from matching_spark.journal.events import (
    AccountMade,
    Event,
    InterestTold,
    PairDecided,
    PostAdded,
    PostClosed,
    PostEdited,
)
from matching_spark.journal.kept import Vector
from matching_spark.journal.sealing import Sealer
from matching_spark.journal.store import MAX_CONTENT, Journal
from tests.journal.test_events import whos, written

WHO, OTHER = "account-" + "1" * 32, "link-" + "2" * 32
ADDED = PostAdded("L1", "lost", "지갑", "service")
CLOSED = PostClosed("L1", "withdrawn")
PRIVATE: dict[str, Any] = {"title": "검정 지갑", "contact": "kim@example.com"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("가a\n\x00", max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("bc"), inner, max_size=3),
    max_leaves=6,
)
content_of = st.none() | st.dictionaries(st.text("title", max_size=5), json_values, max_size=3)
keys = st.none() | st.sampled_from(["k1", "k2", "k3"])


def vector(name: str, seed: int = 0, model: str = "small-clip") -> Vector:
    values = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
    return Vector(name, model, values)


def photo(number: int) -> str:
    return f"photo:{number:064x}"


@runs(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(written, whos | st.just(WHO), keys, content_of), max_size=8))
def test_any_writes_are_read_back_as_they_were_and_once(
    journal: Journal, writes: list[tuple[Event, str, str | None, dict[str, Any] | None]]
) -> None:
    """One journal, which goes on from example to example: against a list and a dictionary."""
    start = journal.last()
    before: dict[tuple[str, str], Any] = {
        (each.who, each.key): (each, journal.contents([each.event_id]).get(each.event_id))
        for each in journal.tail(limit=10_000)
        if each.key
    }
    added = []
    for event, who, key, given_content in writes:
        content = None if isinstance(event, PairDecided) else given_content
        known = before.get((who, key)) if key else None
        if known and (known[0].event, known[1]) != (event, content):
            with pytest.raises(InputError, match="used for another write"):
                journal.append(event, who, key, content)
            continue
        last = journal.last()
        record = journal.append(event, who, key, content)
        if known:
            assert record == known[0]
            assert journal.last() == last
            continue
        assert (record.event, record.who, record.key) == (event, who, key)
        assert record.sealed == (content is not None)
        added.append((record, content))
        if key:
            before[who, key] = (record, content)
    tail = journal.tail(start)
    assert tail == [record for record, _ in added]
    assert [each.sequence for each in tail] == [*range(start + 1, start + 1 + len(added))]
    wanted = {record.event_id: content for record, content in added if content is not None}
    assert journal.contents([each.event_id for each in tail]) == wanted
    assert [r for at in range(0, len(tail), 3) for r in journal.tail(start + at, 3)] == tail


def test_what_is_not_written_leaves_no_trace(journal: Journal) -> None:
    with pytest.raises(InputError, match="no id of the service"):
        journal.append(ADDED, "kim@example.com")
    with pytest.raises(InputError, match="key is not of 1 to 200"):
        journal.append(ADDED, WHO, "a\nb")
    with pytest.raises(InputError, match="has no JSON"):
        journal.append(ADDED, WHO, content={"title": float("nan")})
    with pytest.raises(InputError, match="has no JSON"):
        journal.append(ADDED, WHO, content={"title": "\ud83d"})
    with pytest.raises(InputError, match=f"{MAX_CONTENT} at most"):
        journal.append(ADDED, WHO, content={"title": "x" * MAX_CONTENT})
    with pytest.raises(InputError, match="64 at most"):
        journal.append(ADDED, WHO, vectors=[vector(photo(i)) for i in range(65)])
    with pytest.raises(InputError, match="a decision has no content"):
        journal.append(PairDecided("L1", "F1", "confirmed"), WHO, content={})
    for event in (PairDecided("L1", "F1", "confirmed"), AccountMade(WHO)):
        with pytest.raises(InputError, match=f"{photo(1)} is not of the post"):
            journal.append(event, WHO, vectors=[vector(photo(1))])
    with pytest.raises(InputError, match="text:L2 is not of the post that post-added is of"):
        journal.append(ADDED, WHO, vectors=[vector("text:L2")])
    with pytest.raises(InputError, match="finite"):
        Vector(photo(1), "m", np.array([1, np.inf], np.float32))
    with pytest.raises(InputError, match="float32"):
        Vector(photo(1), "m", np.zeros(4))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="photo:SHA256 or text:POST_ID"):
        vector("L1")
    with pytest.raises(UsageError, match="1 to 10000"):
        journal.tail(limit=0)
    assert journal.last() == 0
    assert journal.append(ADDED, WHO).sequence == 1


def test_its_time_is_utc_and_the_clocks(settings: Settings) -> None:
    seoul = dt.timezone(dt.timedelta(hours=9))
    at = dt.datetime(2026, 11, 27, 8, 0, 0, 5, seoul)
    journal = Journal.open_or_create(settings, clock=lambda: at)
    record = journal.append(ADDED, WHO)
    assert journal.tail() == [record]
    assert (record.at, record.at.tzinfo) == (at, dt.UTC)
    journal.close()


def test_a_vector_is_kept_once_to_the_last_bit_and_the_newest_stands(
    journal: Journal, settings: Settings
) -> None:
    shared, own, text = vector(photo(1), 1), vector(photo(2), 2), vector("text:L1", 3)
    journal.append(ADDED, WHO, vectors=[shared, own, text])
    journal.append(PostAdded("L2", "lost", "지갑", "service"), WHO, vectors=[shared])
    newer = vector("text:L1", 4)
    journal.append(PostEdited("L1", ("title",)), WHO, vectors=[newer, vector(photo(2), 5, "other")])
    names = [photo(n) for n in range(600)] + ["text:L1"]
    got = journal.vectors(names, "small-clip")
    assert sorted(got) == [photo(1), photo(2), "text:L1"]
    for each in (shared, own, newer):
        np.testing.assert_array_equal(got[each.name], each.values)
    assert [*journal.vectors(names, "other")] == [photo(2)]
    assert count(settings, "vectors") == 4
    journal.forget("post:L1", WHO)
    assert [*journal.vectors(names, "small-clip")] == [photo(1)]  # which is L2's too
    assert not journal.vectors(names, "other")
    assert count(settings, "vectors") == 1


def test_of_words_no_vector_is_kept_that_another_model_made_before(journal: Journal) -> None:
    """A table that goes back to that model would have the one of other words."""
    words = "text:L1"
    journal.append(ADDED, WHO, vectors=[vector(words, 1), vector(photo(1), 1)])
    edited = PostEdited("L1", ("title",))
    journal.append(edited, WHO, vectors=[vector(words, 2, "other"), vector(photo(1), 2, "other")])
    assert [*journal.vectors([words, photo(1)], "small-clip")] == [photo(1)]
    assert {*journal.vectors([words, photo(1)], "other")} == {words, photo(1)}
    assert journal.vector_names("post:L1") == {words, photo(1)}


def test_a_photo_stays_while_another_post_has_it(journal: Journal) -> None:
    both, own = photo(1), photo(2)
    for post_id in ("L1", "L2"):
        added = PostAdded(post_id, "lost", "지갑", "service")
        of_it = [vector(both), *([vector(own, 1)] if post_id == "L1" else [])]
        journal.append(added, WHO, None, PRIVATE, of_it)
    assert journal.vector_names("post:L1") == {both, own}
    journal.forget("post:L1", WHO)
    assert journal.vector_names("post:L1") == set()
    shas = [each.removeprefix("photo:") for each in (both, own)]
    with journal.unwanted(shas) as gone:
        assert gone == {shas[1]}
    assert journal.vectors([both, own], "small-clip").keys() == {both}
    journal.forget("post:L2", WHO)
    with journal.unwanted(shas) as gone:
        assert gone == {*shas}


def test_forgetting_leaves_the_event_and_not_a_byte_of_the_rest(
    journal: Journal, settings: Settings
) -> None:
    """Grepped for what is really there: the sealed bytes, of which no part may stay."""
    ours = [PostAdded(f"L{n}", "lost", "지갑", "service") for n in range(40)]
    for n, event in enumerate(ours):
        words = {"title": "검정 지갑", "contact": "kim@example.com", "text": "말" * (n * n * 9)}
        journal.append(
            event, WHO, f"k{n}", words, [vector(photo(n), n), vector(f"text:L{n}", 99 - n)]
        )
    journal.append(PostEdited("L7", ("title",)), OTHER, content=PRIVATE)
    rows = stored(settings, "SELECT subject, sealed FROM contents")
    values = stored(
        settings, "SELECT subject, vector FROM vectors JOIN vector_subjects USING (name)"
    )
    for word in ("kim@example.com", "검정 지갑"):
        assert not any(word.encode() in text for text in files(settings))
    gone = {f"post:L{n}" for n in (7, 8, 30, 39)}
    before = journal.tail()
    for subject in sorted(gone):
        record = journal.forget(subject, WHO)
        assert record.sequence == journal.last()
        assert journal.forget(subject, OTHER) == record
        assert record.sequence == journal.last()
    for subject, value in rows + values:
        pieces = [value[at : at + 24] for at in range(0, len(value) - 23, 997)] + [value[-24:]]
        there = [any(piece in text for text in files(settings)) for piece in pieces]
        assert not any(there) if subject in gone else any(there), subject
    after = journal.tail()
    assert after[: len(before)] == before  # which say as much as they did
    left = journal.contents([each.event_id for each in after])
    assert len(left) == 36
    assert {f"post:{e.event.post_id}" for e in before if e.event_id not in left} == gone  # type: ignore[union-attr]


def test_what_was_forgotten_comes_back_by_no_door(journal: Journal) -> None:
    first = journal.append(ADDED, WHO, "k", PRIVATE)
    journal.append(CLOSED, WHO)
    journal.forget("post:L1", WHO, "f")
    with pytest.raises(InputError, match="post:L1 was erased"):
        journal.append(PostEdited("L1", ("title",)), WHO, content=PRIVATE)
    # Also what is said of it and another by who has not heard of it, as a page that is open.
    for said in (
        PairDecided("L1", "F1", "confirmed"),
        PairDecided("L2", "L1", "rejected"),
        InterestTold("L1", "F1"),
        InterestTold("L2", "L1"),
    ):
        content: dict[str, object] | None = {} if isinstance(said, InterestTold) else None
        with pytest.raises(InputError, match="post:L1 was erased"):
            journal.append(said, WHO, content=content)
    again = journal.append(ADDED, WHO, "k", PRIVATE)  # a client that did not hear the answer
    assert again == first
    assert journal.contents([first.event_id]) == {}
    assert journal.last() == 3
    journal.forget("post:T1", WHO)  # of the table, where somebody has read it
    with pytest.raises(InputError, match="post:T1 was erased"):
        journal.append(PostEdited("T1", ("title",)), WHO, content=PRIVATE)


def test_of_what_came_again_is_written_by_who_has_seen_it_since(journal: Journal) -> None:
    journal.append(ADDED, WHO, None, PRIVATE)
    first = journal.forget("post:L1", WHO, "f").sequence
    edited = PostEdited("L1", ("title",))
    with pytest.raises(InputError, match="post:L1 was erased"):
        journal.append(edited, WHO, None, PRIVATE, seen=first - 1)
    again = journal.append(edited, WHO, None, PRIVATE, [vector("text:L1")], seen=first)
    journal.append(PairDecided("L1", "F1", "confirmed"), WHO, seen=first)
    sent = journal.forget("post:L1", WHO, "f", seen=again.sequence)
    assert sent.sequence == first, "what was asked for was done"
    # What is kept of it goes, whatever who erases it has seen of it.
    second = journal.forget("post:L1", WHO)
    assert second.sequence == journal.last()
    assert journal.history("post:L1") == []
    assert journal.vector_names("post:L1") == set()
    assert journal.forget("post:L1", WHO) == second
    with pytest.raises(InputError, match="post:L1 was erased"):
        journal.append(edited, WHO, None, PRIVATE, seen=first)
    third = journal.forget("post:L1", WHO, seen=journal.last())  # the table has it again
    assert third.sequence == journal.last() > second.sequence


def test_a_content_opens_only_where_it_was_sealed_and_by_its_key(
    journal: Journal, settings: Settings
) -> None:
    one = journal.append(ADDED, WHO, content=PRIVATE)
    other = journal.append(PostAdded("L2", "lost", "", ""), WHO, content={"a": 1})
    path = str(file(settings))
    with sqlite3.connect(path) as raw:
        get, put = (
            "SELECT sealed FROM contents WHERE event_id = ?",
            "UPDATE contents SET sealed = ?",
        )
        (sealed,) = raw.execute(get, [one.event_id]).fetchone()
        raw.execute(f"{put} WHERE event_id = ?", [sealed, other.event_id])
    assert journal.contents([one.event_id]) == {one.event_id: PRIVATE}
    with pytest.raises(StorageError, match="does not open"):
        journal.contents([other.event_id])
    sealed = Sealer("k" * 32).seal(b"x" * 9, "a", "b")
    for n in range(len(sealed)):
        with pytest.raises(StorageError):
            Sealer("k" * 32).open(sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :], "a", "b")
    settings.service.key = "another key, as long as the first one"
    with pytest.raises(UsageError, match="not the key that"):
        Journal.open_or_create(settings)


def test_threads_write_in_one_order(journal: Journal) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [PostAdded(f"F{n}", "found", "", "desk") for n in range(60)]
        got = [*pool.map(lambda each: journal.append(each, WHO, each.post_id[:2]), made[:1] * 8)]
        rest = [*pool.map(lambda each: journal.append(each, WHO), made[1:])]
    assert len({*got}) == 1  # eight at once with one key
    tail = journal.tail(limit=1000)
    assert [each.sequence for each in tail] == [*range(1, 61)]
    assert {*rest} == set(tail[1:])


def file(settings: Settings) -> Path:
    return Path(str(settings.service.journal)) / "journal.sqlite"


def files(settings: Settings) -> list[bytes]:
    return [each.read_bytes() for each in sorted(file(settings).parent.iterdir())]


def stored(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    raw = sqlite3.connect(file(settings))
    rows = raw.execute(query).fetchall()
    raw.close()
    return rows


def count(settings: Settings, table: str) -> int:
    return int(stored(settings, f"SELECT count(*) FROM {table}")[0][0])


def test_accounts_are_those_that_were_not_forgotten(journal: Journal) -> None:
    first, second = (f"account-{digit * 32}" for digit in "12")
    journal.append(ADDED, WHO, content=PRIVATE)
    for each in (first, second):
        journal.append(AccountMade(each), "system", content={"name": each[-1]})
    assert [content["name"] for _, content in journal.accounts()] == ["1", "2"]
    journal.forget(f"account:{first}", "system")
    ((record, content),) = journal.accounts()
    assert (record.event, content) == (AccountMade(second), {"name": "2"})


def test_what_a_check_refuses_is_not_written_and_what_is_repeated_is_not_checked(
    journal: Journal,
) -> None:
    def check(of: Connection) -> None:
        if journal.accounts(of):
            raise InputError("there is one")

    made = AccountMade(f"account-{'1' * 32}")
    once = journal.append(made, "system", "key", {"name": "a"}, check=check)
    assert journal.append(made, "system", "key", {"name": "a"}, check=check) == once
    with pytest.raises(InputError, match="there is one"):
        journal.append(AccountMade(f"account-{'2' * 32}"), "system", check=check)
    assert journal.last() == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("events SET at = 'yesterday'", "event 1 of the journal has no time"),
        ("events SET at = x'31'", "event 1 of the journal has no time"),
        ("contents SET sealed = 7", "does not open: it was changed"),
        ("contents SET subject = x'31'", "does not open: it was changed"),
        ("vectors SET vector = 1.5", "vector text:L1 of the journal was changed"),
        ("vectors SET vector = x'0000'", "vector text:L1 of the journal was changed"),
    ],
)
def test_what_another_programme_has_changed_is_named(
    journal: Journal, settings: Settings, change: str, said: str
) -> None:
    """SQLite keeps whatever it is given, in a column of any type."""
    record = journal.append(ADDED, WHO, content=PRIVATE, vectors=[vector("text:L1")])
    with sqlite3.connect(file(settings)) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute(f"UPDATE {change}")
    reads: dict[str, Callable[[], object]] = {
        "events": journal.tail,
        "contents": lambda: journal.contents([record.event_id]),
        "vectors": lambda: journal.vectors(["text:L1"], "small-clip"),
    }
    with pytest.raises(StorageError, match=said):
        reads[change.partition(" ")[0]]()
