"""Events and their JSON: what is written is read, and nothing else is taken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.errors import InputError, StorageError
from matching_spark.journal.events import (
    AccountMade,
    ContactConfirmed,
    ContactGiven,
    ContactRemoved,
    Event,
    InterestTold,
    PairDecided,
    PasswordChanged,
    PostAdded,
    PostClosed,
    PostEdited,
    SubjectForgotten,
    decode,
    encode,
)

ids = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=512)
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=64)
hexes = st.text("0123456789abcdef", min_size=32, max_size=32)
whos = hexes.map("account-{}".format)
accounts = st.builds(AccountMade, whos) | st.builds(PasswordChanged, whos)
names = st.sampled_from(["title", "place", "happened_on"])
written: st.SearchStrategy[Event] = st.one_of(
    st.builds(PostAdded, ids, st.sampled_from(["lost", "found"]), words, words),
    st.builds(PostEdited, ids, st.lists(names, min_size=1, max_size=9).map(tuple)),
    st.builds(PostClosed, ids, st.sampled_from(["claimed", "withdrawn", "expired"])),
    st.builds(PairDecided, ids, ids, st.sampled_from(["confirmed", "rejected", "unsure"])),
    st.builds(InterestTold, ids, ids),
    st.builds(ContactGiven, ids, hexes.map("contact-{}".format)),
    st.builds(ContactConfirmed, ids, hexes.map("contact-{}".format)),
    st.builds(ContactRemoved, ids, hexes.map("contact-{}".format)),
    accounts,
)
events = written | ids.map(lambda each: SubjectForgotten(f"post:{each}"))


@given(events)
def test_what_is_written_is_read(event: Event) -> None:
    assert decode(encode(event)) == event
    assert encode(decode(encode(event))) == encode(event)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tag": "post-merged"}, "'post-merged', which is not known: install"),
        ({"tag": ["post-closed"]}, "which is not known: install"),
        ({"version": 2}, "post-closed of version 2, not 1: install"),
        ({"status": "gone"}, "status 'gone' is not known"),
        ({"status": None}, "status is not of its type"),
        ({"status": [1]}, "status is not of its type"),
        ({"extra": 1}, r"\['extra'\]"),
    ],
)
def test_what_is_not_known_is_refused_by_its_name(change: dict[str, object], says: str) -> None:
    body = json.loads(encode(PostClosed("F1", "claimed")))
    with pytest.raises(StorageError, match=says):
        decode(json.dumps(body | change))


@pytest.mark.parametrize("names", ["title", [1], None])
def test_names_of_fields_are_a_list_of_words(names: object) -> None:
    body = json.loads(encode(PostEdited("F1", ("title",))))
    (name,) = (name for name, value in body.items() if value == ["title"])
    with pytest.raises(StorageError, match=f"{name} is not of its type"):
        decode(json.dumps(body | {name: names}))


@pytest.mark.parametrize("body", ["", "[]", "1", "{}", '{"tag": "post-closed"}'])
def test_what_is_no_event_is_refused(body: str) -> None:
    with pytest.raises(StorageError, match="no tagged JSON"):
        decode(body)


@pytest.mark.parametrize(
    "who", ["kim@example.com", "김철수", "010-1234-5678", "account-1", "", "account-" + "A" * 32]
)
def test_an_account_is_no_name_and_no_address(who: str) -> None:
    with pytest.raises(InputError, match="no id of the service"):
        AccountMade(who)


def test_an_event_cannot_say_what_no_post_has() -> None:
    with pytest.raises(InputError, match="post_id is empty"):
        PostClosed("a\nb", "claimed")
    for lost_id, found_id, wrong in (("a\nb", "F1", "lost_id"), ("L1", "", "found_id")):
        with pytest.raises(InputError, match=f"{wrong} is empty"):
            InterestTold(lost_id, found_id)
        with pytest.raises(InputError, match=f"{wrong} is empty"):
            PairDecided(lost_id, found_id, "confirmed")
    with pytest.raises(InputError, match="status 'open' is not known; choose one of: claimed"):
        PostClosed("a", "open")
    with pytest.raises(InputError, match="1 to 64"):
        PostEdited("a", ())
    with pytest.raises(InputError, match="no field"):
        PostEdited("a", ("내 전화번호",))
    with pytest.raises(InputError, match="subject is empty"):
        SubjectForgotten("post:")
    with pytest.raises(InputError, match="kind 'mail'"):
        SubjectForgotten("mail:a")
