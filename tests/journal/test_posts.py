"""Events folded into posts: the last content stands, whatever part of them is folded first."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.posts import Post
from matching_spark.errors import StorageError
from matching_spark.journal.events import Event, PostAdded, PostClosed, PostEdited, SubjectForgotten
from matching_spark.journal.posts import StoredPost, folded
from matching_spark.journal.store import Content, Journal, Record

AT = dt.datetime(2026, 11, 25, 9, tzinfo=dt.UTC)
POST = Post(
    *("s-1", "found", "지갑", "", "검정 지갑", "", "검정", "강남역"),
    happened_on=dt.date(2026, 11, 25),
    identifiers=("serial:ab",),
)


def test_a_post_is_read_from_the_journal_as_it_was_written(journal: Journal) -> None:
    stored = StoredPost(POST, "service", 1, ("a" * 64,), AT)
    event = PostAdded("s-1", "found", "지갑", "service")
    record = journal.append(event, "system", content=stored.content())
    change = folded(journal.tail(), journal.contents([record.event_id]))["s-1"]
    assert change.sequence == record.sequence
    assert change.stored is not None
    assert change.stored.post == POST
    assert change.stored.photos == stored.photos
    assert change.stored.updated_at == record.at


def test_a_forgotten_post_has_nothing_left(journal: Journal) -> None:
    stored = StoredPost(POST, "service", 1, (), AT)
    journal.append(PostAdded("s-1", "found", "지갑", "service"), "system", content=stored.content())
    journal.forget("post:s-1", "system")
    records = journal.tail()
    change = folded(records, journal.contents([each.event_id for each in records]))["s-1"]
    assert change.stored is None
    assert change.sequence == 2


def test_a_content_that_is_no_post_is_refused() -> None:
    record = Record(7, "e", AT, "system", None, PostClosed("s-1", "claimed"), sealed=True)
    with pytest.raises(StorageError, match="event 7 of the journal has no whole post"):
        folded([record], {"e": {"post": {}}})


_EVENTS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["add", "edit", "close", "erase"]))
)


@settings(max_examples=60)
@given(_EVENTS, st.integers(0, 20))
def test_folding_in_two_parts_is_folding_at_once(events: list[tuple[str, str]], cut: int) -> None:
    records: list[Record] = []
    contents: dict[str, Content] = {}
    for n, (post_id, what) in enumerate(events, 1):
        event: Event = {
            "add": PostAdded(post_id, "found", "", "service"),
            "edit": PostEdited(post_id, ("title",)),
            "close": PostClosed(post_id, "claimed"),
            "erase": SubjectForgotten(f"post:{post_id}"),
        }[what]  # type: ignore[assignment]
        records.append(Record(n, str(n), AT, "system", None, event, sealed=what != "erase"))
        if what != "erase":
            contents[str(n)] = StoredPost(Post(post_id, "found"), "service", n, (), AT).content()
    whole = folded(records, contents)
    assert folded(records[cut:], contents, folded(records[:cut], contents)) == whole
    for post_id, change in whole.items():
        last = max(n for n, (of, _) in enumerate(events, 1) if of == post_id)
        assert change.sequence == last
        assert (change.stored is None) == (events[last - 1][1] == "erase")
