"""Numbers that name a thing: found, cut, and kept as hashes that nobody can read back."""

import hashlib
import hmac

import pytest

from matching_spark.domain.facts import Facts
from matching_spark.domain.identifiers import Seal, checked
from matching_spark.domain.personal import numbers, public
from matching_spark.domain.posts import MAX_DETAIL, Post, Reject
from matching_spark.domain.posts import checked as checked_post
from matching_spark.domain.vocabulary import COLOUR, Seen
from matching_spark.errors import InputError
from matching_spark.score.components import compare
from matching_spark.search.query import Query

KEY = "a key of sixteen or more"
SAID = [
    ("카드 4111-1111-1111-1111 입니다", "card", "4111111111111111"),
    ("４１１１ １１１１ １１１１ １１１１", "card", "4111111111111111"),
    ("IMEI 490154203237518", "imei", "490154203237518"),
    ("imei: 49-015420-323751-8", "imei", "490154203237518"),
    ("amex 378282246310005", "card", "378282246310005"),
    ("주민번호 900101-1234567", "resident", "9001011234567"),
    ("외국인등록증 900101-5234567로", "resident", "9001015234567"),
    ("여권 m123a4567", "passport", "M123A4567"),
    ("여권번호 M12345678입니다", "passport", "M12345678"),
    ("면허 11-22-333333-44", "licence", "112233333344"),
    ("S/N: C02-XL0ABCD", "serial", "C02XL0ABCD"),
    ("일련번호는 AB12CD34", "serial", "AB12CD34"),
    ("시리얼 번호 ab12cd34", "serial", "AB12CD34"),
    ("serial number is AB12CD34.", "serial", "AB12CD34"),
    ("S/N SN0108024956", "serial", "SN0108024956"),  # a part of it looks like a telephone's
    ("12가3456 차량", "plate", "12가3456"),
    ("서울 123허 4567", "plate", "123허4567"),
]


@pytest.mark.parametrize(("text", "kind", "number"), SAID)
def test_a_number_is_found_in_one_form_cut_and_hashed_with_its_kind(
    text: str, kind: str, number: str
) -> None:
    assert numbers(text) == [(kind, number)]
    assert numbers(public(text)) == []
    assert not any(part in public(text) for part in (number, number[-4:]))
    (sealed,) = Seal(KEY).of([text, text])
    digest = hmac.new(KEY.encode(), f"{kind}:{number}".encode(), hashlib.sha256).hexdigest()
    assert sealed == f"{kind}-{Seal(KEY).name}:{digest[:32]}"
    assert Seal(KEY + "!").of([text]) != (sealed,)
    assert Seal(KEY).of_number(number) == (sealed,)
    assert Seal(KEY).of_number(sealed) == (sealed,), "as `export` writes it"
    with pytest.raises(InputError, match="another identifiers"):
        Seal(KEY + "!").of_number(sealed)
    assert checked([sealed, sealed]) == sealed


@pytest.mark.parametrize(
    "text",
    [
        *("", "검정 지갑", "302호 1234", "12월2026년", "보관: 02-3149-2114", "iPhone 15 Pro 256"),
        *("4111-1111-1111-1112", "F2026000000000003-1", "serial killer", "SN 우산", "시리얼 한 통"),
        *("2026-11-01 20:00", "현금 1,234,567원", "010-1234-5678", "kim@example.com"),
    ],
)
def test_what_names_no_thing_is_none(text: str) -> None:
    assert numbers(text) == []


def test_what_is_no_number_is_refused_without_repeating_it() -> None:
    for given in ("abc", "", "!" * 30, "ABCDEFGH", "010-1234-5678", "kim@example.com"):
        with pytest.raises(InputError, match="an identifier is") as told:
            Seal(KEY).of_number(given)
        assert not given or given not in str(told.value)
    with pytest.raises(InputError, match="hashes"):
        Query(text="지갑", identifiers=("4111111111111111",))


def test_a_query_does_not_repeat_its_numbers() -> None:
    query = Query(text="지갑, 카드 4111-1111-1111-1111", identifiers=Seal(KEY).of(["M12345678"]))
    assert query.described() == {"text": "지갑, 카드", "identifiers": "passport"}


def test_hashes_of_two_keys_are_not_compared() -> None:
    mine, others = (
        Facts(identifiers=" ".join(Seal(key).of(["카드 4111-1111-1111-1111"])))
        for key in (KEY, KEY + "!")
    )
    assert compare(mine, mine) == {"identifier": 1}
    assert compare(mine, others) == {}


def test_no_message_of_a_source_repeats_a_number() -> None:
    number = "4111-1111-1111-1111"
    assert number not in Reject("", "F1", "bad-category", f"{number!r}; choose one of").detail
    for at in range(60, 140):  # wherever a long one is cut
        detail = Reject("", "F1", "bad-row", "가" * at + number + "가" * 2 * MAX_DETAIL).detail
        assert numbers(detail) == []
        assert not any(part in detail for part in ("4111", "1111"))
    seen = Seen()
    assert seen.word(COLOUR, number) == number
    assert not any(number in word for word in seen.unknown)
    stored = checked_post(Post("F1", "found", colour=number, region=number, title="x"))
    assert (stored.colour, stored.region) == ("", "")
